#include "session/effective_value.h"

#include "base/text.h"

namespace spot {
namespace {

std::string_view value_of(const ConfigValues& values, std::string_view key) {
  const auto found = values.find(key);
  // A key that is younger than the values had what is now its default.
  return found == values.end() ? find_config_key(key).default_value : std::string_view(found->second);
}

bool has_customary_value(std::string_view key) {
  return key == "learning_rate" || key == "rho" || key == "epsilon";
}

/// Whether the key has an effect on any result beside the other values. An optimizer or schedule of another release
/// may use every key.
bool is_used(const ConfigValues& values, std::string_view key) {
  const std::string_view optimizer = value_of(values, "optimizer");
  const bool is_sgd = optimizer == "sgd", is_adam = optimizer == "adam" || optimizer == "adamw";
  const bool is_averaging = optimizer == "adadelta" || optimizer == "rmsprop";
  if (key == "momentum" || key == "nesterov") return !is_adam && !is_averaging;
  if (key == "beta1" || key == "beta2") return !is_sgd && !is_averaging;
  if (key == "rho") return !is_sgd && !is_adam;
  if (key == "epsilon") return !is_sgd;
  const std::string_view schedule = value_of(values, "schedule");
  if (key == "schedule_epochs" || key == "schedule_gamma") {
    return schedule != "constant" && schedule != "cosine" && schedule != "one-cycle";
  }
  if (key == "mode") return value_of(values, "kernels") != "general";
  return true;
}

}  // namespace

double customary_value(std::string_view key, std::string_view optimizer) {
  if (key == "epsilon") return 1e-7;
  if (key == "rho") return optimizer == "rmsprop" ? 0.9 : 0.95;
  if (optimizer == "sgd") return 0.01;
  return optimizer == "adadelta" ? 1.0 : 0.001;
}

std::string effective_value(const ConfigValues& values, const ConfigKey& key) {
  if (!is_used(values, key.name)) return "";
  std::string text(value_of(values, key.name));
  if (key.type != KeyType::kReal) return text;
  const auto number = parse_number<double>(text);
  if (!number) return text;
  if (*number == 0 && has_customary_value(key.name)) {
    return to_text(customary_value(key.name, value_of(values, "optimizer")));
  }
  return to_text(*number + 0.0);  // -0 is 0
}

}  // namespace spot
