#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace spot {

enum class LogLevel : std::int32_t { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

/// Where messages go. Default-constructed it is silent. The receiver may be called from the library's
/// threads too, so it must be safe to call concurrently.
class Log {
 public:
  using Receiver = std::function<void(LogLevel, std::string_view)>;

  Log() = default;
  /// Messages of `level` and graver ones; others are not written, though they may be made.
  explicit Log(Receiver receiver, LogLevel level = LogLevel::kDebug) : receiver_(std::move(receiver)), level_(level) {}

  void error(std::string_view message) const { write(LogLevel::kError, message); }
  void warning(std::string_view message) const { write(LogLevel::kWarning, message); }
  void info(std::string_view message) const { write(LogLevel::kInfo, message); }
  void debug(std::string_view message) const { write(LogLevel::kDebug, message); }

 private:
  void write(LogLevel level, std::string_view message) const {
    if (receiver_ && level <= level_) receiver_(level, message);
  }

  Receiver receiver_;
  LogLevel level_ = LogLevel::kDebug;
};

}  // namespace spot
