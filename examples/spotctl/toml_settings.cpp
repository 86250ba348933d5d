#include "toml_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "exit_code.h"
#include "toml_parser.h"

namespace spotctl {
namespace {

/// The lines before that one.
std::string_view lines_before(std::string_view text, unsigned line) {
  std::size_t end = 0;
  for (unsigned i = 1; i < line; ++i) end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

/// The top-level key that the line sets; nothing when it sets none.
std::optional<std::string> key_of_line(std::string_view text, unsigned line) {
  std::string_view rest = text.substr(lines_before(text, line).size());
  rest = rest.substr(0, rest.find('\n'));
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto parsed = toml::parse(std::string(rest.substr(0, equals)) + "= 0");
  if (!parsed || parsed.table().size() != 1) return std::nullopt;
  return std::string(parsed.table().begin()->first.str());
}

/// Where the key of that line was set before; nothing when it was not.
std::optional<unsigned> earlier_line(std::string_view text, unsigned line, const std::string& key) {
  const auto before = toml::parse(lines_before(text, line));
  if (!before) return std::nullopt;
  const toml::node* first = before.table().get(key);
  if (first == nullptr) return std::nullopt;
  return first->source().begin.line;
}

[[noreturn]] void refuse_text(const std::string& path, std::string_view text, const toml::parse_error& error) {
  const unsigned line = error.source().begin.line;
  const std::string reason(error.description());
  if (reason.find("cannot redefine") != std::string::npos) {
    const auto key = key_of_line(text, line);
    const auto first = key ? earlier_line(text, line, *key) : std::nullopt;
    if (first)
      refuse_line(path, line, "'" + *key + "' is set a second time; the first is on line " + std::to_string(*first));
  }
  const bool is_bare_word = reason.find("could not determine value type") != std::string::npos;
  refuse_line(path, line,
              "this is not TOML: " + reason + (is_bare_word ? "; text is written in quotes: key = \"value\"" : ""));
}

/// A TOML value as the text of a configuration value.
struct Value {
  const char* type;  ///< as the keys' types are called; null: no key takes such a value
  std::string text;
};

Value value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return {"text", text->get()};
  if (const auto* integer = node.as_integer()) return {"integer", std::to_string(integer->get())};
  if (const auto* boolean = node.as_boolean()) return {"boolean", boolean->get() ? "true" : "false"};
  if (const auto* number = node.as_floating_point()) {
    std::array<char, 40> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number->get()).ptr;
    return {"number", std::string(digits.data(), end)};
  }
  return {nullptr, ""};
}

std::string kind_of(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "an array";
  return "a date or time";
}

}  // namespace

void refuse_line(const std::string& path, unsigned line, const std::string& why) {
  throw Failure(kUsage, path + ":" + std::to_string(line) + ": " + why);
}

std::vector<TomlSetting> toml_settings(const std::string& text, const std::string& path) {
  const auto parsed = toml::parse(std::string_view(text), std::string_view(path));
  if (!parsed) refuse_text(path, text, parsed.error());
  std::vector<TomlSetting> settings;
  for (const auto& [key, node] : parsed.table()) {
    const unsigned line = node.source().begin.line;
    const std::string name(key.str());
    const Value value = value_of(node);
    if (value.type == nullptr) {
      refuse_line(path, line,
                  "'" + name + "' is " + kind_of(node) +
                      ": the file holds key = value lines, each value a number, true, false or text in quotes");
    }
    if ((name + value.text).find('\0') != std::string::npos) {
      refuse_line(path, line, "'" + name.substr(0, name.find('\0')) + "' has a NUL character (\\u0000): leave it out");
    }
    settings.push_back({name, value.text, value.type, line});
  }
  std::stable_sort(settings.begin(), settings.end(),
                   [](const TomlSetting& a, const TomlSetting& b) { return a.line < b.line; });
  return settings;
}

}  // namespace spotctl
