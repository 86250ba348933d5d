#pragma once

#include <string_view>

namespace spot {

/// Other words for a configuration key that people know from other programs, separated by '|': "lr|step_size" for
/// learning_rate. They are never accepted in its place, only understood in an error.
std::string_view synonyms_of(std::string_view key);

/// The key that was probably meant by a name that is none, by synonym or by spelling; empty: nothing is near.
std::string_view nearest_key(std::string_view name);

}  // namespace spot
