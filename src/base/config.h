#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace spot {

enum class KeyType { kBoolean, kInteger, kReal, kText };

/// What a key may do when a run is resumed from a checkpoint.
enum class ResumeRule {
  kFree,   ///< may differ: it never changes a parameter's value
  kExact,  ///< must equal the checkpoint's, or the run would no longer be the run that was interrupted
};

/// One configuration key. `choices` ("a|b|c") restricts a text key when not empty, and names the words that a number
/// may be instead; `minimum` and `maximum` are inclusive bounds of a number.
struct ConfigKey {
  std::string_view name;
  KeyType type;
  std::string_view default_value;
  double minimum;
  double maximum;
  std::string_view choices;
  ResumeRule resume;
  std::string_view help;
};

/// Every key, in the order in which people should read them.
std::span<const ConfigKey> config_keys();

/// The key of that name; throws kConfig, naming the key that was probably meant, when there is none.
const ConfigKey& find_config_key(std::string_view name);

/// "boolean", "integer", "number" or "text".
std::string_view type_name(KeyType type);

/// The values of all keys by name, as canonical text.
using ConfigValues = std::map<std::string, std::string, std::less<>>;

/// Values for the keys; a key that was not set has the recipe's value, else its default. Values are kept as canonical
/// text, so that equal values have equal text.
class Config {
 public:
  /// Each throws kConfig with the key, the value and what is allowed.
  void set_integer(std::string_view key, std::int64_t value);
  void set_real(std::string_view key, double value);
  /// Accepts text for a key of any type and parses it.
  void set_text(std::string_view key, std::string_view value);
  /// The recipe's value or the default again.
  void unset(std::string_view key);

  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  /// Throws kConfig when the key has the value of a word.
  [[nodiscard]] double real(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;

  /// By the caller, not by a recipe.
  [[nodiscard]] bool is_set(std::string_view key) const;
  /// All keys with their values, defaults included.
  [[nodiscard]] const ConfigValues& values() const { return values_; }

  Config();

 private:
  void store(const ConfigKey& key, std::string value);
  void apply_recipe();

  ConfigValues values_;
  std::map<std::string, bool, std::less<>> set_;
};

}  // namespace spot
