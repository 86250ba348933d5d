#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spot {

/// A JSON document that was read. nlohmann::json allocates memory in its destructor, and so ends the process when
/// there is none; this one's never does.
class JsonValue {
 public:
  enum class Kind { kNull, kBoolean, kInteger, kReal, kText, kArray, kObject };
  using Member = std::pair<std::string, JsonValue>;

  JsonValue() = default;
  /// Nothing when the text is not valid JSON, or nested deeper than any document of ours.
  static std::optional<JsonValue> parse(std::string_view text);

  [[nodiscard]] bool is_object() const { return kind_ == Kind::kObject; }
  [[nodiscard]] bool is_array() const { return kind_ == Kind::kArray; }
  [[nodiscard]] bool is_text() const { return kind_ == Kind::kText; }
  [[nodiscard]] bool is_integer() const { return kind_ == Kind::kInteger; }
  [[nodiscard]] bool is_number() const { return kind_ == Kind::kInteger || kind_ == Kind::kReal; }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::int64_t integer() const { return integer_; }
  [[nodiscard]] double number() const { return kind_ == Kind::kInteger ? static_cast<double>(integer_) : real_; }
  [[nodiscard]] const std::vector<JsonValue>& elements() const { return elements_; }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  /// The member of that name, the last of several; null: none.
  [[nodiscard]] const JsonValue* find(std::string_view name) const;

 private:
  friend class JsonReader;

  Kind kind_ = Kind::kNull;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string text_;
  std::vector<JsonValue> elements_;
  std::vector<Member> members_;
};

/// The text as JSON, with its quotes.
std::string json_text(std::string_view text);
/// The number as JSON, recognisable as one that is no integer.
std::string json_number(double value);

}  // namespace spot
