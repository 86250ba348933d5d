#include <spot_trainer.h>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "command_line.h"
#include "exit_code.h"
#include "origins.h"
#include "signals.h"
#include "terminal.h"

namespace {

using namespace spotctl;

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "   0  done                              65  damaged or unfit data, or training diverged\n"
    "  64  wrong usage or configuration      69  a service is unavailable, or the volume in use\n"
    "  70  internal error                    74  input/output error\n"
    "  75  interrupted, checkpoint durable: run the same command again\n"
    "  76  interrupted, checkpoint NOT durable\n"
    "  77  fenced: another process has taken the volume over; do not run this one again\n\n"
    "Examples:\n"
    "  spotctl train --volume /mnt/data --dataset mnist --epochs 12\n"
    "  spotctl simulate gcp --port 1338 --notice-after 20\n"
    "  spotctl verify /mnt/data\n"
    "See 'spotctl help COMMAND' and spotctl(1).";

/// These hear signals themselves; the others are ended by them.
bool hears_signals(const std::string& command) {
  return command == "train" || command == "run" || command == "watch" || command == "simulate";
}

bool prints_json(const CLI::App& command) {
  const CLI::Option* json = command.get_option_no_throw("--json");
  return command.get_name() == "watch" || command.get_name() == "simulate" || (json != nullptr && json->count() > 0);
}

int run(int argc, char** argv) {
  CLI::App program("Trains neural networks through spot interruptions and loses nothing.", "spotctl");
  program.require_subcommand(1);
  program.set_version_flag("-V,--version", std::string("spotctl ") + spot_version(), "Version of the program");
  program.set_help_all_flag("--help-all", "Help of all commands");
  program.footer(kExitCodes);
  // CLI11's own configuration files are not used: one rule for all keys is in configuration.cpp.
  program.set_config();
  std::vector<std::pair<CLI::App*, Action>> commands;
  for (Action (*add)(CLI::App&) :
       {add_train, add_run, add_watch, add_simulate, add_eval, add_predict, add_inspect, add_verify, add_export,
        add_bench, add_plan, add_config, add_doctor, add_version, add_help, add_completion}) {
    Action action = add(program);
    commands.emplace_back(program.get_subcommands({}).back(), std::move(action));
  }
  const std::vector<std::string> arguments = prepare_arguments(argc, argv);
  try {
    program.parse(
        std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // the parser takes them from the end
  } catch (const CLI::Success& success) {
    release_ending_signals();
    std::ostringstream help;
    const int code = program.exit(success, help, help);
    terminal().print(help.str());
    return code;
  } catch (const CLI::ParseError& error) {
    release_ending_signals();
    terminal().line("error: " + usage_error(program, arguments, error));
    return kUsage;
  }
  for (const auto& [command, action] : commands) {
    if (!command->parsed()) continue;
    if (!hears_signals(command->get_name())) release_ending_signals();
    terminal().set_json(prints_json(*command));
    return action();
  }
  return kUsage;
}

int run_and_report(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const OutputFailed& failure) {
    return failure.exit_code();
  } catch (const std::exception& error) {
    terminal().line("error: " + with_origins(error.what()));
    return exit_code_of(error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  spotctl::open_missing_streams();
  spotctl::hold_ending_signals();
  return spotctl::terminal().finish(run_and_report(argc, argv));
}
