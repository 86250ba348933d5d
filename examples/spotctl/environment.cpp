#include "environment.h"

#include <algorithm>
#include <cstdlib>
#include <spot_trainer.h>
#include <unistd.h>

#include "keys.h"
#include "nearest_word.h"
#include "terminal.h"

namespace spotctl {
namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// What a variable of that name was meant for; empty: it is a key's, or not ours.
std::string meant_by(const std::string& variable) {
  const std::string prefix = "spot_", tests = "SPOT_TEST_";  // those are for the tests of this project
  if (variable.compare(0, tests.size(), tests) == 0 || lower(variable).compare(0, prefix.size(), prefix) != 0)
    return "";
  const std::string name = lower(variable.substr(prefix.size()));
  if (const KeyDescription* key = find_key(name)) {
    return variable_of(key->name) == variable ? "" : variable_of(key->name);
  }
  const std::string key = nearest_key(name);
  return key.empty() ? "" : variable_of(key);
}

}  // namespace

std::vector<Setting> environment_settings() {
  std::vector<Setting> settings;
  for (const KeyDescription& key : all_keys()) {
    const std::string variable = variable_of(key.name);
    const char* value = std::getenv(variable.c_str());
    const std::string text = value == nullptr ? "" : trimmed(value);
    if (!text.empty()) settings.push_back({key.name, text, variable});
  }
  return settings;
}

void warn_of_misspelt_variables() {
  static bool warned = false;
  if (warned) return;
  warned = true;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::string variable = text.substr(0, text.find('='));
    const std::string meant = meant_by(variable);
    if (meant.empty()) continue;
    terminal().log(SPOT_LOG_WARNING, "the variable " + variable + " sets nothing; did you mean " + meant + "?");
  }
}

}  // namespace spotctl
