#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "exit_code.h"
#include "output_stream.h"

namespace spotctl {

/// `text` as UTF-8, without the characters that a terminal would obey: names in files are not to be trusted.
std::string plain(const std::string& text);

/// As printf, of any length.
[[gnu::format(printf, 1, 2)]] std::string format(const char* form, ...);

/// Thrown by print() once stdout cannot be written. Why was said already.
class OutputFailed : public Failure {
 public:
  OutputFailed() : Failure(kInputOutput, "standard output cannot be written") {}
};

/// The only one that writes to stdout, which carries data, and to stderr: lines for people, and one line at its bottom
/// that is redrawn. Safe from any thread.
///
/// By default a caller waits while a stream is full, and print() throws OutputFailed once stdout has failed. After
/// never_wait() no call waits or throws: lines that nobody reads are dropped, routine ones first, and counted.
class Terminal {
 public:
  Terminal();

  /// stderr is a terminal whose last line may be redrawn.
  [[nodiscard]] bool interactive() const { return interactive_; }
  [[nodiscard]] bool coloured() const { return coloured_; }
  [[nodiscard]] int columns() const;

  void set_level(std::int32_t level) { level_ = level; }
  /// stdout carries JSON, so that what is said there in place of stderr is JSON too.
  void set_json(bool json) { json_ = json; }
  /// From now on no call waits.
  void never_wait() { waits_ = false; }
  /// The process is about to be ended from outside: finish() waits no longer than it must, and its exit code tells of
  /// the interruption, whatever became of the output.
  void hurry() { hurried_ = true; }

  /// A message of the library, SPOT_LOG_..., printed when its level is asked for.
  void log(std::int32_t level, const std::string& message);
  void line(const std::string& text, Weight weight = Weight::kImportant) { write(plain(text), weight); }
  /// Shows `text` as the last line until the next call; empty: removes it.
  void status(const std::string& text) { err_.set_status(text); }

  /// Whole lines for stdout, each with its line feed.
  void print(const std::string& lines, Weight weight = Weight::kImportant);

  /// The last call of the process: waits for what is still to be written, and returns the exit code: `code`, or 74 in
  /// the place of 0 when a stream has failed.
  int finish(int code);

 private:
  void write(const std::string& text, Weight weight);
  [[nodiscard]] WhenFull when_full() const { return waits_ ? WhenFull::kWait : WhenFull::kDrop; }
  friend class StdoutFailure;
  void say_on_stderr(const std::string& text);
  void say_on_stdout(const std::string& text);

  bool interactive_;
  bool coloured_;
  std::int32_t level_;
  bool json_ = false;
  bool waits_ = true;
  bool hurried_ = false;
  std::mutex stdout_failed_mutex_;
  std::function<void()> stdout_failed_;
  OutputStream out_;
  OutputStream err_;
};

Terminal& terminal();

/// While in scope, calls a function, on another thread, when stdout fails.
class StdoutFailure {
 public:
  explicit StdoutFailure(std::function<void()> failed) { set(std::move(failed)); }
  ~StdoutFailure() { set({}); }
  StdoutFailure(const StdoutFailure&) = delete;
  StdoutFailure& operator=(const StdoutFailure&) = delete;

 private:
  static void set(std::function<void()> failed);
};

inline void print_line(const std::string& text, Weight weight = Weight::kImportant) {
  terminal().print(text + '\n', weight);
}

/// Opens what the process was started without of stdin, stdout and stderr on /dev/null. Otherwise the next file that
/// is opened would get its number, and what is printed. To be called before anything else.
void open_missing_streams();

}  // namespace spotctl
