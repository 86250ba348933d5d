#include "checkpoint/restore_attempts.h"

#include <array>
#include <cstdint>
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

void RestoreAttempts::load(const std::filesystem::path& directory) {
  constexpr std::uint64_t kMaxSize = 1 << 20;
  path_ = directory / kAttemptsName;
  attempts_.clear();
  std::string text;
  try {
    text = read_text_file(path_, kMaxSize, Links::kRefuse);
  } catch (const Error&) {
    return;  // none recorded
  }
  const std::string boot = boot_id();
  for (const std::string& line : split(text, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() == 3 && words[2] == boot) attempts_[words[0]] = parse_number<int>(words[1]).value_or(0);
  }
}

int RestoreAttempts::of(const std::string& name) const {
  const auto found = attempts_.find(name);
  return found == attempts_.end() ? 0 : found->second;
}

void RestoreAttempts::count(const std::string& name, const Fd& staging) {
  ++attempts_[name];
  const std::string boot = boot_id();
  std::string text;
  for (const auto& [checkpoint, attempts] : attempts_) text += cat(checkpoint, " ", attempts, " ", boot, "\n");
  write_file_atomically(path_, text, &staging);
}

}  // namespace spot
