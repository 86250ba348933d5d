#include "command.h"
#include "command_line.h"
#include "exit_code.h"
#include "terminal.h"

namespace spotctl {
namespace {

std::string help_of(const CLI::App& program, const std::vector<std::string>& words) {
  const CLI::App* found = &program;
  std::string path = program.get_name();
  for (const std::string& word : words) {
    const auto named = found->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    if (named.empty()) throw Failure(kUsage, unknown_command(*found, word) + " (see " + path + " --help)");
    found = named.front();
    path += " " + word;
  }
  // App::help() would tell of the command that was parsed, which is this one.
  return found->get_formatter()->make_help(found, path, CLI::AppFormatMode::Normal);
}

}  // namespace

Action add_help(CLI::App& program) {
  auto* command = program.add_subcommand("help", "What a command does and takes: the same as COMMAND --help");
  auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("command", *words, "The command; default: the program")->type_name("COMMAND");
  return [&program, words] {
    std::string text = help_of(program, *words);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    print_line(text);
    return kDone;
  };
}

}  // namespace spotctl
