#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace spotctl {

enum class FolderChange {
  kNone,
  kClosed,  ///< files that were open for writing were closed, maybe by the end of their process: nothing was written
  kWritten,
};

/// Hears of what is written in a folder and in the folders in it.
class FolderWatch {
 public:
  explicit FolderWatch(std::string folder);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Can be read when something happened.
  [[nodiscard]] int fd() const { return fd_; }
  /// What happened since the last time. Files of the library itself do not count.
  FolderChange take_changes();
  /// A file that was written and not closed since; empty: there is none.
  [[nodiscard]] std::string open_file() const;
  /// Watches the folder again, should it have been removed and made anew: nothing tells of that. Whether it was.
  bool look_again();
  /// False where the system allows no further watch: then nothing is heard of some folders.
  [[nodiscard]] bool hears_all() const { return hears_all_; }

 private:
  void add(const std::string& folder);

  std::string folder_;
  int fd_;
  bool hears_all_ = true;
  using Place = std::pair<int, std::string>;  ///< the number of a folder's watch, and a name there
  void note(std::uint32_t event, std::uint32_t cookie, const Place& place);

  std::map<int, std::string> watched_;  ///< folders, by the number of their watch
  std::set<Place> open_;                ///< files that were written and not closed since
  std::optional<std::uint32_t> moves_;  ///< one of them on its way to another name
};

}  // namespace spotctl
