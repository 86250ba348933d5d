#include "command_line.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <doctest/doctest.h>

TEST_CASE("a value out of range is told with its bounds, whatever the version of CLI11") {
  CLI::App program("", "spotctl");
  program.add_subcommand("bench")->add_option("--port");
  const std::vector<std::string> arguments = {"bench", "--port", "abc"};
  for (const char* text : {"Value abc not in range 0 to 65535", "Value abc not in range [0 - 65535]"}) {
    const CLI::ValidationError error("--port", text);
    CHECK(spotctl::usage_error(program, arguments, error) ==
          "--port cannot be 'abc': it takes 0 to 65535 (see spotctl bench --help)");
  }
  const CLI::ValidationError negative("--seconds", "Value 7 not in range [-1.500000 - -0.5]");
  CHECK(spotctl::usage_error(program, arguments, negative) ==
        "--seconds cannot be '7': it takes -1.5 to -0.5 (see spotctl bench --help)");
}
