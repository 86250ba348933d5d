#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "interrupt/source.h"

namespace spot {

/// A text that the machine's maker wrote into it, by its name in /sys/class/dmi/id ("sys_vendor"); empty: none.
using DmiText = std::function<std::string(std::string_view name)>;

/// A cloud whose notices can be watched for. A new one is a file with its Source and its Provider, and a line in
/// providers.cpp.
struct Provider {
  /// What the key `metadata` calls it.
  const char* name;
  /// Whether the machine's maker says that it is one of this cloud's.
  bool (*made)(const DmiText& dmi);
  /// Why the environment forbids to ask its service; empty: it does not.
  std::string (*forbidden)();
  /// The source on options.endpoint, or else on the environment's or the provider's own address. Throws kConfig for
  /// an address that cannot be.
  std::unique_ptr<Source> (*make)(const PollerOptions& options);
};

std::span<const Provider* const> providers();

}  // namespace spot
