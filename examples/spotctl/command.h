#pragma once

#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

namespace spotctl {

/// What a command does once its arguments are known; returns the exit code.
using Action = std::function<int()>;

/// Each adds one command to the program; the action it returns is run when that command was chosen.
Action add_train(CLI::App& program);
Action add_run(CLI::App& program);
Action add_watch(CLI::App& program);
Action add_simulate(CLI::App& program);
Action add_eval(CLI::App& program);
Action add_predict(CLI::App& program);
Action add_inspect(CLI::App& program);
Action add_verify(CLI::App& program);
Action add_export(CLI::App& program);
Action add_bench(CLI::App& program);
Action add_plan(CLI::App& program);
Action add_config(CLI::App& program);
Action add_doctor(CLI::App& program);
Action add_version(CLI::App& program);
Action add_help(CLI::App& program);
Action add_completion(CLI::App& program);

}  // namespace spotctl
