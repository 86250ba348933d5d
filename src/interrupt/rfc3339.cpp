#include "interrupt/rfc3339.h"

#include <chrono>
#include <cstddef>

namespace spot {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes a text apart from its beginning. After a failure nothing more can be read.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  /// A number of exactly `count` digits, at most `most`.
  int number(std::size_t count, int most) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + digit();
    if (value > most) good_ = false;
    return value;
  }
  /// One character out of `choices`.
  char one_of(std::string_view choices) {
    const char c = rest_.empty() ? '\0' : rest_[0];
    if (rest_.empty() || choices.find(c) == std::string_view::npos) {
      good_ = false;
      return '\0';
    }
    rest_.remove_prefix(1);
    return c;
  }
  [[nodiscard]] bool next_is(char c) const { return good_ && !rest_.empty() && rest_[0] == c; }
  /// Digits behind a point, any number of them: what is finer than a nanosecond is cut.
  nanoseconds fraction() {
    std::int64_t value = 0, unit = 100'000'000;
    do {
      value += digit() * unit;
      unit /= 10;
    } while (good_ && !rest_.empty() && is_digit(rest_[0]));
    return nanoseconds(value);
  }
  /// Everything was read, and was as it should be.
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

 private:
  int digit() {
    if (!good_ || rest_.empty() || !is_digit(rest_[0])) {
      good_ = false;
      return 0;
    }
    const int value = rest_[0] - '0';
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
  bool good_ = true;
};

/// "Z" or "+05:30": how far local time is ahead of UTC.
minutes zone(Reader& reader) {
  const char sign = reader.one_of("Zz+-");
  if (sign != '+' && sign != '-') return minutes(0);
  const hours hour(reader.number(2, 23));
  reader.one_of(":");
  const minutes ahead = hour + minutes(reader.number(2, 59));
  return sign == '+' ? ahead : -ahead;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  Reader reader(text);
  const int year = reader.number(4, 2200);
  reader.one_of("-");
  const int month = reader.number(2, 12);
  reader.one_of("-");
  const int day = reader.number(2, 31);
  reader.one_of("Tt ");
  const hours hour(reader.number(2, 23));
  reader.one_of(":");
  const minutes minute(reader.number(2, 59));
  reader.one_of(":");
  const seconds second(reader.number(2, 60));  // 60: a leap second
  nanoseconds fraction(0);
  if (reader.next_is('.')) {
    reader.one_of(".");
    fraction = reader.fraction();
  }
  const minutes ahead = zone(reader);
  const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!reader.done() || year < 1970 || !date.ok()) return std::nullopt;
  const nanoseconds time = std::chrono::sys_days(date).time_since_epoch() + hour + minute + second + fraction - ahead;
  if (time.count() < 0) return std::nullopt;
  return time.count();
}

}  // namespace spot
