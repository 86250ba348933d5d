#include "checkpoint/restore_attempts.h"

#include <array>
#include <fcntl.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// Another one after each start of the machine.
std::string boot_id() {
  try {
    const Fd file = open_file("/proc/sys/kernel/random/boot_id", O_RDONLY);
    std::array<char, 64> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size > 0) return std::string(trim({text.data(), static_cast<std::size_t>(size)}));
  } catch (const Error&) {  // no /proc
  }
  return "unknown";
}

}  // namespace

int restore_attempts(const std::filesystem::path& directory, const std::string& name) {
  try {
    const auto words = split(read_text_file(directory / kAttemptsName, 4096, Links::kRefuse), ' ');
    if (words.size() == 3 && words[0] == name && words[2] == boot_id()) return parse_number<int>(words[1]).value_or(0);
  } catch (const Error&) {  // none recorded
  }
  return 0;
}

void write_restore_attempts(const std::filesystem::path& directory, const Fd& staging, const std::string& name,
                            int attempts) {
  write_file_atomically(directory / kAttemptsName, cat(name, " ", attempts, " ", boot_id()), &staging);
}

}  // namespace spot
