#include "interrupt/rfc3339.h"

#include <cstdint>
#include <utility>

#include <doctest/doctest.h>

using spot::parse_rfc3339;

TEST_CASE("a time is read in every form of RFC 3339") {
  constexpr std::int64_t kSecond = 1'000'000'000, kTime = 1795463700 * kSecond;
  const std::pair<const char*, std::int64_t> forms[] = {
      {"2026-11-23T19:55:00Z", kTime},
      {"2026-11-23t19:55:00z", kTime},
      {"2026-11-23 19:55:00Z", kTime},
      {"2026-11-23T19:55:00+00:00", kTime},
      {"2026-11-23T19:55:00-00:00", kTime},
      {"2026-11-23T14:25:00-05:30", kTime},
      {"2026-11-24T01:25:00+05:30", kTime},
      {"2026-11-23T19:55:00.5Z", kTime + kSecond / 2},
      {"2026-11-23T19:55:00.123Z", kTime + 123'000'000},
      {"2026-11-23T19:55:00.123456789987654321Z", kTime + 123'456'789},
      {"2026-11-23T19:54:60Z", kTime},
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-02T00:00:01Z", 86401 * kSecond},
      {"2024-02-29T00:00:00Z", 1709164800 * kSecond},
      {"2200-12-31T23:59:59Z", 7289654399 * kSecond},
  };
  for (const auto& [text, expected] : forms) {
    CAPTURE(text);
    const auto time = parse_rfc3339(text);
    REQUIRE(time);
    CHECK(*time == expected);
  }
}

TEST_CASE("what is no time is none") {
  for (const char* bad : {"",
                          "tomorrow",
                          "2026-11-23",
                          "2026-11-23T19:55:00",
                          "2026-11-23T19:55Z",
                          "2026-13-01T00:00:00Z",
                          "2026-00-01T00:00:00Z",
                          "2026-02-29T00:00:00Z",
                          "2026-11-31T00:00:00Z",
                          "2026-11-00T00:00:00Z",
                          "2026-11-23T24:00:00Z",
                          "2026-11-23T19:60:00Z",
                          "2026-11-23T19:55:61Z",
                          "2026-11-23T19:55:00.Z",
                          "2026-11-23T19:55:00.5",
                          "2026-11-23T19:55:00Z ",
                          " 2026-11-23T19:55:00Z",
                          "2026-11-23T19:55:00+24:00",
                          "2026-11-23T19:55:00+05:60",
                          "2026-11-23T19:55:00+0530",
                          "2026-11-23T19:55:00+",
                          "2026-11-23T19:55:00ZZ",
                          "26-11-23T19:55:00Z",
                          "2026-1-23T19:55:00Z",
                          "1969-12-31T23:59:59Z",
                          "1970-01-01T00:00:00+00:01",
                          "0001-01-01T00:00:00Z",
                          "9999-12-31T23:59:59Z",
                          "-026-11-23T19:55:00Z",
                          "2026-11-23T19:55:0\xff"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad).has_value());
  }
}
