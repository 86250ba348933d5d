#pragma once

#include <filesystem>
#include <string>

namespace spot {

/// How many threads a process should compute with, and why.
struct Processors {
  int count = 1;
  std::string reason;  ///< goes on after the number: "one for each processor"
};

/// Of this process: one thread for each processor that it may run on, but no more than the CPU quota of its control
/// group, or of any group around that, rounded up. `root`: where /proc and /sys are looked for.
Processors available_processors(const std::filesystem::path& root = "/");

}  // namespace spot
