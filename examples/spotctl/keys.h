#pragma once

#include <string>
#include <vector>

namespace spotctl {

/// A configuration key as spot_config_describe() lists it, with spotctl's own habit for a default where it has one.
struct KeyDescription {
  std::string name, type, default_value, allowed, resume, help;
  std::vector<std::string> choices;   ///< words that it takes; of a number: beside numbers
  std::vector<std::string> synonyms;  ///< words for it in other programs
};

const std::vector<KeyDescription>& all_keys();
/// Null: there is no such key.
const KeyDescription* find_key(const std::string& name);

/// "batch_size" as a flag: "--batch-size".
std::string flag_of(const std::string& key);
/// "batch_size" as a variable of the environment: "SPOT_BATCH_SIZE".
std::string variable_of(const std::string& key);

/// The key that was probably meant by a name that is none, by synonym or spelling; empty: none is near.
std::string nearest_key(const std::string& name);

}  // namespace spotctl
