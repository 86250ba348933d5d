#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace spotctl {

/// The arguments behind the program's name as the parser takes them: a key that is true or false may be given without a
/// value (--takeover), or denied (--no-takeover).
std::vector<std::string> prepare_arguments(int argc, char** argv);

/// That `app` has no command of that name, and which one was probably meant.
std::string unknown_command(const CLI::App& app, const std::string& word);

/// What is wrong with the arguments that the parser refused with `error`: one line that names the word at fault, the
/// nearest one that there is, and where to look.
std::string usage_error(const CLI::App& program, const std::vector<std::string>& arguments,
                        const CLI::ParseError& error);

}  // namespace spotctl
