#include "terminal.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <spot_trainer.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>
#include <sys/ioctl.h>

#include "json_line.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

// How long the end of a run waits for its readers.
constexpr milliseconds kFlush{2000};
constexpr milliseconds kHurriedFlush{800};
constexpr milliseconds kLastWords{200};  // on the other stream, and about it

bool set_in_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

const char* label_of(std::int32_t level, bool coloured) {
  switch (level) {
    case SPOT_LOG_ERROR: return coloured ? "\033[31merror:\033[0m " : "error: ";
    case SPOT_LOG_WARNING: return coloured ? "\033[33mwarning:\033[0m " : "warning: ";
    default: return "";
  }
}

std::string lines_text(std::uint64_t lines) {
  return std::to_string(lines) + (lines == 1 ? " line" : " lines");
}

std::string cannot_write(const char* stream, int error) {
  return std::string("cannot write to ") + stream + ": " + std::generic_category().message(error);
}

}  // namespace

std::string plain(const std::string& text) {
  std::string shown = nlohmann::json::parse(json_line(nlohmann::json(text))).get<std::string>();
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) shown[i] = '?';
    // Two bytes of UTF-8 can be a control character too: U+0080 to U+009F.
    if (byte == 0xc2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xa0) {
      shown.replace(i, 2, "?");
    }
  }
  return shown;
}

std::string format(const char* form, ...) {
  std::va_list values, again;
  va_start(values, form);
  va_copy(again, values);
  const int size = std::vsnprintf(nullptr, 0, form, values);
  va_end(values);
  std::string text(static_cast<std::size_t>(size < 0 ? 0 : size), '\0');
  std::vsnprintf(text.data(), text.size() + 1, form, again);
  va_end(again);
  return text;
}

Terminal::Terminal()
    : interactive_(isatty(STDERR_FILENO) == 1),
      coloured_(interactive_ && !set_in_environment("NO_COLOR")),
      level_(SPOT_LOG_INFO),
      out_(STDOUT_FILENO, {[this](std::uint64_t lines) {
                             say_on_stderr(lines_text(lines) + " of stdout were dropped: nobody read them in time");
                             return json_line(Json{{"event", "dropped"}, {"lines", lines}}) + "\n";
                           },
                           [this](int error) {
                             say_on_stderr("error: " + cannot_write("stdout", error));
                             const std::lock_guard lock(stdout_failed_mutex_);
                             if (stdout_failed_) stdout_failed_();
                           }}),
      err_(STDERR_FILENO, {[](std::uint64_t lines) {
                             return "spotctl: " + lines_text(lines) + " were dropped here: nobody read them in time\n";
                           },
                           [this](int error) { say_on_stdout(cannot_write("stderr", error)); }}) {}

int Terminal::columns() const {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void Terminal::log(std::int32_t level, const std::string& message) {
  if (level > level_) return;
  const Weight weight = level <= SPOT_LOG_WARNING ? Weight::kImportant : Weight::kRoutine;
  write(label_of(level, coloured_) + plain(message), weight);
}

void Terminal::write(const std::string& text, Weight weight) {
  if (waits_) out_.flush({});  // on a terminal both are to be read in the order in which they were said
  err_.add("spotctl: " + text + "\n", weight, when_full());
}

void Terminal::print(const std::string& lines, Weight weight) {
  if (waits_) err_.flush({});
  out_.add(lines, weight, when_full());
  if (waits_ && out_.error() != 0) throw OutputFailed();
}

// Said by one stream's thread about it, on the other: never to wait.

void Terminal::say_on_stderr(const std::string& text) {
  err_.add("spotctl: " + text + "\n", Weight::kImportant, WhenFull::kDrop);
}

void Terminal::say_on_stdout(const std::string& text) {
  const std::string line = json_ ? json_line(Json{{"event", "error"}, {"message", text}}) : "spotctl: error: " + text;
  out_.add(line + "\n", Weight::kImportant, WhenFull::kDrop);
}

int Terminal::finish(int code) {
  status("");
  const auto bound = [this](milliseconds time) { return waits_ ? std::nullopt : std::optional(time); };
  const auto start = std::chrono::steady_clock::now();
  const milliseconds most = hurried_ ? kHurriedFlush : kFlush;
  if (!out_.flush(bound(most)) && out_.error() == 0) {
    say_on_stderr(lines_text(out_.missing()) + " of stdout are lost: nobody read them in time");
  }
  const auto spent = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  err_.flush(bound(std::max(most - spent, milliseconds(0)) + kLastWords));
  if (err_.error() != 0) out_.flush(bound(kLastWords));
  const bool failed = out_.error() != 0 || err_.error() != 0;
  return failed && code == kDone && !hurried_ ? kInputOutput : code;
}

void StdoutFailure::set(std::function<void()> failed) {
  const std::lock_guard lock(terminal().stdout_failed_mutex_);
  terminal().stdout_failed_ = std::move(failed);
}

Terminal& terminal() {
  static Terminal& instance = *new Terminal;
  return instance;
}

void open_missing_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is `fd`. Where there is no /dev, a folder takes the number at least.
    if (open("/dev/null", O_RDWR) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0) _exit(kInputOutput);
  }
}

}  // namespace spotctl
