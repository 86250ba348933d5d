#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace spotctl {

/// `text` without the bytes that a terminal would obey: names in files are not to be trusted.
std::string plain(std::string text);

/// stderr: lines for people, and one line at its bottom that is redrawn. Safe from any thread.
class Terminal {
 public:
  Terminal();

  /// stderr is a terminal whose last line may be redrawn.
  [[nodiscard]] bool interactive() const { return interactive_; }
  [[nodiscard]] bool coloured() const { return coloured_; }
  [[nodiscard]] int columns() const;

  void set_level(std::int32_t level) { level_ = level; }
  /// A message of the library, SPOT_LOG_..., printed when its level is asked for.
  void log(std::int32_t level, const std::string& message);
  void line(const std::string& text) { write(plain(text)); }
  /// Shows `text` as the last line until the next call; empty: removes it.
  void status(const std::string& text);

 private:
  void write(const std::string& text);
  void erase_status();

  std::mutex mutex_;
  bool interactive_;
  bool coloured_;
  std::int32_t level_;
  std::string status_;
};

Terminal& terminal();

/// Writes one line to stdout and flushes it, so that a reader of a pipe sees it at once.
void print_line(const std::string& text);

}  // namespace spotctl
