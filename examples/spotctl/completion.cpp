#include <sstream>

#include "command.h"
#include "exit_code.h"
#include "terminal.h"

namespace spotctl {
namespace {

/// The flags of a command, or the commands of the program, separated by blanks.
std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    words += command->get_name() + " ";
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  return words;
}

std::string bash(const CLI::App& program) {
  std::ostringstream script;
  script << "# bash completion for spotctl; made by 'spotctl completion bash'\n"
            "_spotctl() {\n"
            "  local word=${COMP_WORDS[COMP_CWORD]} words\n"
            "  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    script << "    " << command->get_name() << ") words='" << words_of(*command) << "'";
    // Behind a command of a command come the flags of that.
    for (const CLI::App* inner : command->get_subcommands([](const CLI::App*) { return true; })) {
      script << "\n      [ \"$COMP_CWORD\" -gt 2 ] && [ \"${COMP_WORDS[2]}\" = " << inner->get_name() << " ] && words='"
             << words_of(*inner) << "'";
    }
    script << " ;;\n";
  }
  script << "    *) words='" << words_of(program) << "' ;;\n"
         << "  esac\n"
            "  [ \"$COMP_CWORD\" -eq 1 ] && words='"
         << words_of(program)
         << "'\n"
            "  COMPREPLY=($(compgen -W \"$words\" -f -- \"$word\"))\n"
            "}\n"
            "complete -F _spotctl spotctl\n";
  return script.str();
}

std::string zsh(const CLI::App& program) {
  // zsh runs bash completions.
  return "#compdef spotctl\n# made by 'spotctl completion zsh'\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash(program);
}

/// A text between single quotes.
std::string quoted(std::string text) {
  for (char& c : text) {
    if (c == '\'' || c == '\n') c = ' ';
  }
  return "'" + text + "'";
}

/// A line for each flag of a command, or of a command of a command.
void fish_flags(const CLI::App& command, std::ostringstream& script) {
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      script << "complete -c spotctl -n '__fish_seen_subcommand_from " << command.get_name() << "' -l " << name
             << " -d " << quoted(option->get_description()) << "\n";
    }
  }
}

std::string fish(const CLI::App& program) {
  std::ostringstream script;
  script << "# fish completion for spotctl; made by 'spotctl completion fish'\n";
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    script << "complete -c spotctl -n __fish_use_subcommand -a " << command->get_name() << " -d "
           << quoted(command->get_description()) << "\n";
    fish_flags(*command, script);
    for (const CLI::App* inner : command->get_subcommands([](const CLI::App*) { return true; })) {
      script << "complete -c spotctl -n '__fish_seen_subcommand_from " << command->get_name() << "' -a "
             << inner->get_name() << " -d " << quoted(inner->get_description()) << "\n";
      fish_flags(*inner, script);
    }
  }
  return script.str();
}

}  // namespace

Action add_completion(CLI::App& program) {
  auto* command = program.add_subcommand("completion", "A completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Example: spotctl completion bash > /etc/bash_completion.d/spotctl");
  return [&program, shell] {
    print_line(*shell == "bash" ? bash(program) : *shell == "zsh" ? zsh(program) : fish(program));
    return kDone;
  };
}

}  // namespace spotctl
