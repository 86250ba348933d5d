#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spot {

/// One file of a published dataset.
struct NamedFile {
  std::string_view name;    ///< without .gz
  std::string_view sha256;  ///< of the uncompressed content; empty: not known, the structure alone is checked
  std::uint32_t count;      ///< images or labels
};

/// A dataset that is known by name and fetched when it is needed.
struct NamedDataset {
  std::string_view name;
  std::array<NamedFile, 4> files;  ///< training images, labels, test images, labels
  std::vector<std::string> mirrors;
};

/// Null for a name that is none.
const NamedDataset* find_named_dataset(std::string_view name);

}  // namespace spot
