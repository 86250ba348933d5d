#include "checkpoint/restore_attempts.h"

#include "base/status.h"
#include "base/text.h"

namespace spot {

int restore_attempts(const std::filesystem::path& directory, const std::string& name) {
  try {
    const auto words = split(read_text_file(directory / kAttemptsName, 4096), ' ');
    if (words.size() == 2 && words[0] == name) return parse_number<int>(words[1]).value_or(0);
  } catch (const Error&) {  // none recorded
  }
  return 0;
}

void write_restore_attempts(const std::filesystem::path& directory, const Fd& staging, const std::string& name,
                            int attempts) {
  write_file_atomically(directory / kAttemptsName, cat(name, " ", attempts), &staging);
}

}  // namespace spot
