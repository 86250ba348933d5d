#include "code_version.h"

#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace spotctl {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The file's text without white space around it; empty when it cannot be read.
std::string read_trimmed(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return {};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return trimmed(text.str());
}

bool is_commit(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// What follows `prefix` in `text`, or empty.
std::string after(std::string_view prefix, const std::string& text) {
  return text.compare(0, prefix.size(), prefix) == 0 ? trimmed(text.substr(prefix.size())) : std::string();
}

/// The repository folder of the working tree around `directory`: .git, or where a .git file (of a
/// worktree or submodule) points to.
fs::path find_repository(fs::path directory) {
  std::error_code ignored;
  for (;; directory = directory.parent_path()) {
    fs::path git = directory / ".git";
    if (fs::is_directory(git, ignored)) return git;
    if (fs::is_regular_file(git, ignored)) return directory / after("gitdir:", read_trimmed(git));
    if (!directory.has_relative_path()) return {};
  }
}

/// Lines of packed-refs are "<commit> <reference>".
std::string find_packed(const fs::path& repository, const std::string& reference) {
  std::istringstream lines(read_trimmed(repository / "packed-refs"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && trimmed(line.substr(space)) == reference) {
      return line.substr(0, space);
    }
  }
  return {};
}

std::string resolve(const fs::path& repository, const std::string& reference) {
  // A worktree keeps its branches in the repository that its "commondir" names.
  const std::string common = read_trimmed(repository / "commondir");
  const fs::path shared = common.empty() ? repository : repository / common;
  for (const fs::path& place : {repository, shared}) {
    std::string commit = read_trimmed(place / reference);
    if (is_commit(commit)) return commit;
  }
  return find_packed(shared, reference);
}

}  // namespace

std::string find_code_version(const fs::path& directory) {
  std::error_code error;
  const fs::path start = fs::absolute(directory, error);
  if (error) return {};
  const fs::path repository = find_repository(start);
  if (repository.empty()) return {};
  const std::string head = read_trimmed(repository / "HEAD");
  const std::string reference = after("ref:", head);
  const std::string commit = reference.empty() ? head : resolve(repository, reference);
  return is_commit(commit) ? commit : std::string();
}

}  // namespace spotctl
