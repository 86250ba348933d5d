#include "terminal.h"

#include <cstdio>
#include <cstdlib>
#include <spot_trainer.h>
#include <unistd.h>

#include <sys/ioctl.h>

namespace spotctl {
namespace {

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

}  // namespace

std::string plain(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) text[i] = '?';
    // Two bytes of UTF-8 can be a control character too: U+0080 to U+009F.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) text[i] = '?';
  }
  return text;
}

Terminal::Terminal()
    : interactive_(isatty(STDERR_FILENO) == 1),
      coloured_(interactive_ && !set_in_environment("NO_COLOR")),
      level_(SPOT_LOG_INFO) {}

int Terminal::columns() const {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void Terminal::erase_status() {
  if (!status_.empty()) std::fputs("\r\033[K", stderr);
}

void Terminal::log(std::int32_t level, const std::string& message) {
  if (level > level_) return;
  write(label_of(level, coloured_) + plain(message));
}

void Terminal::write(const std::string& text) {
  const std::lock_guard lock(mutex_);
  erase_status();
  std::fprintf(stderr, "spotctl: %s\n", text.c_str());
  if (!status_.empty()) std::fputs(status_.c_str(), stderr);
  std::fflush(stderr);
}

void Terminal::status(const std::string& text) {
  const std::lock_guard lock(mutex_);
  erase_status();
  status_ = text;
  std::fputs(status_.c_str(), stderr);
  std::fflush(stderr);
}

Terminal& terminal() {
  static Terminal instance;
  return instance;
}

void print_line(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace spotctl
