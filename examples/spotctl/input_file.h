#pragma once

#include <cstdint>
#include <string>

namespace spotctl {

/// The whole content of a file, or of a pipe such as /dev/stdin. Throws Failure with `exit_code`, naming what the file
/// is for ("image file"), its path and the reason, when it cannot be read or has more than `limit` bytes.
std::string read_input(const std::string& path, const std::string& what, std::uint64_t limit, int exit_code);

}  // namespace spotctl
