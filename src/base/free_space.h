#pragma once

#include <cstdint>
#include <optional>

namespace spot {

/// How many more bytes this user may write to the file system that the open file or folder is on: what is free there,
/// or less where a quota says so. Nothing where the file system does not say.
std::optional<std::uint64_t> free_space(int fd);

}  // namespace spot
