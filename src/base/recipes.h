#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace spot {

using RecipeValue = std::pair<std::string_view, std::string_view>;

/// The keys that a value of the key `recipe` sets, with their values; throws kInternal for another.
std::span<const RecipeValue> recipe(std::string_view name);

}  // namespace spot
