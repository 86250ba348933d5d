#include "command_line.h"

#include <algorithm>
#include <map>
#include <regex>

#include "keys.h"
#include "nearest_word.h"

namespace spotctl {
namespace {

bool is_flag(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-' && argument != "--";
}

bool is_truth_value(const std::string& word) {
  for (const char* value : {"true", "false", "1", "0", "yes", "no", "on", "off"}) {
    if (word == value) return true;
  }
  return false;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : commands_of(app)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

/// What other programs call a command.
std::string synonym_of_command(const std::string& word) {
  static const std::map<std::string, std::string> kSynonyms = {
      {"fit", "train"},     {"run", "train"},       {"resume", "train"},   {"start", "train"},
      {"evaluate", "eval"}, {"test", "eval"},       {"infer", "predict"},  {"classify", "predict"},
      {"check", "verify"},  {"fsck", "verify"},     {"show", "inspect"},   {"info", "inspect"},
      {"ls", "inspect"},    {"list", "inspect"},    {"save", "export"},    {"benchmark", "bench"},
      {"keys", "config"},   {"settings", "config"}, {"options", "config"}, {"diagnose", "doctor"},
      {"poll", "watch"},    {"monitor", "watch"},   {"imds", "simulate"},  {"mock", "simulate"}};
  const auto found = kSynonyms.find(word);
  return found == kSynonyms.end() ? "" : found->second;
}

/// The flag of the command that was probably meant, with its dashes; empty: none is near.
std::string nearest_flag(const CLI::App& command, const std::string& flag) {
  const std::string word = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  std::string key = lower(word);
  std::replace(key.begin(), key.end(), '-', '_');
  const std::string meant = nearest_key(key);
  const std::string of_key = meant.empty() ? "" : flag_of(meant).substr(2);
  const KeyDescription* description = find_key(meant);
  const bool is_synonym =
      description != nullptr &&
      std::find(description->synonyms.begin(), description->synonyms.end(), key) != description->synonyms.end();
  const bool has_key = std::find(names.begin(), names.end(), of_key) != names.end();
  const std::string nearest = is_synonym && has_key ? of_key : nearest_word(word, names);
  return nearest.empty() ? "" : "--" + nearest;
}

std::string did_you_mean(const std::string& word) {
  return word.empty() ? "" : "; did you mean '" + word + "'?";
}

bool has_flag(const CLI::App& command, const std::string& flag) {
  const auto options = command.get_options();
  return std::any_of(options.begin(), options.end(),
                     [&](const CLI::Option* option) { return option->check_name(flag); });
}

std::string name_of(const std::string& flag) {
  return flag.substr(0, flag.find('='));
}

/// The innermost command that the arguments name, and the word behind it that is no command.
struct Place {
  const CLI::App* command;
  std::string path;  ///< "spotctl simulate aws"
  std::string unknown_command;
  std::string early_flag;  ///< the first one before that word which is not this command's: the word may be its value
};

Place find_place(const CLI::App& program, const std::vector<std::string>& arguments) {
  Place place{&program, program.get_name(), "", ""};
  for (const std::string& argument : arguments) {
    if (commands_of(*place.command).empty()) break;
    if (is_flag(argument)) {
      const std::string name = name_of(argument);
      if (place.early_flag.empty() && !has_flag(*place.command, name)) place.early_flag = name;
      continue;
    }
    const CLI::App* command = find_command(*place.command, argument);
    if (command == nullptr) {
      place.unknown_command = argument;
      break;
    }
    place.command = command;
    place.early_flag.clear();
    place.path += " " + argument;
  }
  return place;
}

std::string behind(const Place& place, const std::string& command) {
  return "flag '" + place.early_flag + "' belongs behind the command: " + place.path + " " + command + " " +
         place.early_flag;
}

/// About words that no parser took, which come in reverse order.
std::string unexpected(const CLI::App& program, const Place& place) {
  std::vector<std::string> words = program.remaining(true);
  std::reverse(words.begin(), words.end());
  const auto flag = std::find_if(words.begin(), words.end(), is_flag);
  if (flag != words.end()) {
    const std::string name = name_of(*flag);
    // Before the command's name, flags are the program's.
    if (place.command != &program && has_flag(*place.command, name)) {
      return "flag '" + name + "' belongs behind the command: " + place.path + " " + name;
    }
    return "there is no flag '" + name + "'" + did_you_mean(nearest_flag(*place.command, name));
  }
  return words.empty() ? "too many arguments" : "'" + words.front() + "' is not expected here";
}

/// Without the zeros at the end of its decimals.
std::string number(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// About a flag that stands before the command's name and is none of the program's.
std::string early_flag(const Place& place, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const CLI::App* command = find_command(*place.command, argument);
    if (command != nullptr && has_flag(*command, place.early_flag)) return behind(place, argument);
  }
  const auto commands = commands_of(*place.command);
  const bool any = std::any_of(commands.begin(), commands.end(),
                               [&](const CLI::App* command) { return has_flag(*command, place.early_flag); });
  return any ? behind(place, "COMMAND") : "there is no flag '" + place.early_flag + "'";
}

/// What CLI11 says in its own way.
std::string reworded(const CLI::App& command, const CLI::ParseError& error) {
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string flag = text.substr(0, text.find(':'));
    if (text.find("At Most") != std::string::npos) return "flag '" + flag + "' is given twice: leave one of them out";
    const CLI::Option* option = command.get_option_no_throw(flag);
    const std::string type = option == nullptr ? "" : option->get_type_name();
    return "flag '" + flag + "' needs a value" + (type.empty() ? "" : ": " + type);
  }
  std::smatch part;
  static const std::regex kMissing("(.*) is required"), kConversion("Could not convert: (\\S+) = (.*)"),
      kRange("(\\S+): Value (.*) not in range \\[?(\\S+) (?:to|-) ([^\\s\\]]+)\\]?"),
      kChoice("(\\S+): (.*) not in \\{(.*)\\}");
  if (std::regex_match(text, part, kMissing)) return "'" + part.str(1) + "' is missing";
  if (std::regex_match(text, part, kConversion)) return part.str(1) + " cannot be '" + part.str(2) + "'";
  if (std::regex_match(text, part, kRange)) {
    return part.str(1) + " cannot be '" + part.str(2) + "': it takes " + number(part.str(3)) + " to " +
           number(part.str(4));
  }
  if (std::regex_match(text, part, kChoice)) {
    return part.str(1) + " cannot be '" + part.str(2) + "': it takes one of " + part.str(3);
  }
  return text;
}

}  // namespace

std::string unknown_command(const CLI::App& app, const std::string& word) {
  std::string nearest = synonym_of_command(lower(word));
  if (find_command(app, nearest) == nullptr) {
    std::vector<std::string> names;
    for (const CLI::App* command : commands_of(app)) names.push_back(command->get_name());
    nearest = nearest_word(word, names);
  }
  return "there is no command '" + word + "'" + did_you_mean(nearest);
}

std::vector<std::string> prepare_arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> truths;
  for (const KeyDescription& key : all_keys()) {
    if (key.type == "boolean") truths.push_back(flag_of(key.name));
  }
  const auto is_truth = [&](const std::string& flag) {
    return std::find(truths.begin(), truths.end(), flag) != truths.end();
  };
  const std::string no = "--no-";
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    std::string& argument = arguments[i];
    const bool has_value = i + 1 < arguments.size() && is_truth_value(arguments[i + 1]);
    if (is_truth(argument) && !has_value) argument += "=true";
    const std::string denied = "--" + argument.substr(std::min(no.size(), argument.size()));
    if (argument.compare(0, no.size(), no) == 0 && is_truth(denied)) argument = denied + "=false";
  }
  return arguments;
}

std::string usage_error(const CLI::App& program, const std::vector<std::string>& arguments,
                        const CLI::ParseError& error) {
  const Place place = find_place(program, arguments);
  const std::string look = " (see " + place.path + " --help)";
  if (!place.unknown_command.empty() && !place.early_flag.empty()) return early_flag(place, arguments) + look;
  if (!place.unknown_command.empty()) {
    return unknown_command(*place.command, place.unknown_command) + look;
  }
  if (!program.remaining(true).empty()) return unexpected(program, place) + look;
  if (!commands_of(*place.command).empty()) return "no command is given" + look;
  return reworded(*place.command, error) + look;
}

}  // namespace spotctl
