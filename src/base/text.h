#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spot {

/// The shortest text that reads back as the same number, in no locale.
template <typename Number>
requires(std::integral<Number> || std::floating_point<Number>) std::string to_text(Number value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}
inline std::string to_text(bool value) {
  return value ? "true" : "false";
}
inline std::string to_text(std::string_view value) {
  return std::string(value);
}
inline std::string to_text(const char* value) {
  return value;
}
inline std::string to_text(const std::string& value) {
  return value;
}

/// Joins its arguments as text: cat("step ", 7, " of ", total).
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string text;
  (text.append(to_text(parts)), ...);
  return text;
}

/// The whole of `text` as a number, or nothing.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Lower-case hexadecimal digits of the bytes.
std::string to_hex(const void* bytes, std::size_t size);

/// The parts of `text` between separators; empty parts are left out.
std::vector<std::string> split(std::string_view text, char separator);

/// `text` without white space at both ends.
std::string_view trim(std::string_view text);

/// `text` with every byte that is no part of a UTF-8 character replaced by U+FFFD. Texts that leave the library are
/// UTF-8; paths, which may be any bytes, stay as they are.
std::string valid_utf8(std::string_view text);

/// The longest beginning of a UTF-8 text that has at most `limit` bytes and ends with a whole character.
std::string_view cut_utf8(std::string_view text, std::size_t limit);

/// `text` as valid UTF-8 without control characters, cut at `limit` bytes: fit to be quoted in a message.
std::string printable(std::string_view text, std::size_t limit = 80);

}  // namespace spot
