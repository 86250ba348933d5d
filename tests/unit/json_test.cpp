// base/json.h.

#include "base/json.h"

#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace spot;

TEST_CASE("a document keeps its kinds, its order and its numbers") {
  const auto json = JsonValue::parse(R"({"b": [1, -2.5, "x\u00e9\n"], "a": {"n": null, "t": true}, "big": 1e300})");
  REQUIRE(json);
  REQUIRE(json->members().size() == 3);
  CHECK(json->members()[0].first == "b");
  const auto& elements = json->find("b")->elements();
  CHECK(elements[0].is_integer());
  CHECK(elements[0].integer() == 1);
  CHECK(elements[1].is_number());
  CHECK_FALSE(elements[1].is_integer());
  CHECK(elements[1].number() == -2.5);
  CHECK(elements[2].text() == "xé\n");
  CHECK(json->find("a")->is_object());
  CHECK(json->find("nothing") == nullptr);
}

TEST_CASE("of two members with one name the last counts") {
  CHECK(JsonValue::parse(R"({"a": 1, "a": 2})")->find("a")->integer() == 2);
}

TEST_CASE("an integer that no std::int64_t holds is a number, and no integer") {
  const auto json = JsonValue::parse("[18446744073709551615]");
  CHECK_FALSE(json->elements()[0].is_integer());
  CHECK(json->elements()[0].number() == doctest::Approx(1.8446744073709552e19));
}

TEST_CASE("what is not JSON is refused") {
  for (const char* text : {"", "{", "[1,]", "{\"a\"}", "nul", "[1] x", "\"\xff\"", "{\"a\":1,}"}) {
    CAPTURE(text);
    CHECK_FALSE(JsonValue::parse(text));
  }
}

TEST_CASE("what is nested too deep for the stack is refused") {
  CHECK(JsonValue::parse(std::string(64, '[') + std::string(64, ']')));
  CHECK_FALSE(JsonValue::parse(std::string(65, '[') + std::string(65, ']')));
  CHECK_FALSE(JsonValue::parse(std::string(1000000, '[')));
}

TEST_CASE("text and numbers are written as other readers read them") {
  for (const std::string text : {"plain", "\"quoted\" \\ ", "line\nfeed\ttab", "\x01", "é"}) {
    CAPTURE(text);
    CHECK(nlohmann::json::parse(json_text(text)).get<std::string>() == text);
  }
  for (const double number : {0.0, 1.0, 0.99, 1e-7, 1e300, -2.5}) {
    CAPTURE(number);
    const auto json = nlohmann::json::parse(json_number(number));
    CHECK(json.is_number_float());
    CHECK(json.get<double>() == number);
  }
}
