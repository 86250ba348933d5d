#include <nlohmann/json.hpp>

#include "command.h"
#include "configuration.h"
#include "habits.h"
#include "json_line.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

void print_table(const Json& b) {
  terminal().print(format("%s on %s, mode %s, precision %s, batch %lld, %lld threads\n",
                          b["model"].get<std::string>().c_str(), b["device"].get<std::string>().c_str(),
                          b["mode"].get<std::string>().c_str(), b["precision"].get<std::string>().c_str(),
                          b["batch_size"].get<long long>(), b["threads"].get<long long>()));
  terminal().print(format("training   %10.0f samples/s   %.2f ms a step (median)\n",
                          b["train_samples_per_second"].get<double>(), b["step_ms_median"].get<double>()));
  terminal().print(format("test       %10.0f samples/s\n", b["test_samples_per_second"].get<double>()));
  if (!b["peak_gflops"].is_null()) {
    terminal().print(format("fp32 peak  %10.1f GFLOP/s; the step's dense operations run at %.1f %% of it\n",
                            b["peak_gflops"].get<double>(), 100 * b["dense_efficiency"].get<double>()));
  }
  terminal().print(format("\n%-14s %-18s %8s  %s\n", "layer", "pass", "ms", "implementation"));
  for (const Json& layer : b["layers"]) {
    terminal().print(format("%-14s %-18s %8.3f  %s\n", layer["layer"].get<std::string>().c_str(),
                            layer["pass"].get<std::string>().c_str(), layer["ms"].get<double>(),
                            layer["implementation"].get<std::string>().c_str()));
  }
}

}  // namespace

Action add_bench(CLI::App& program) {
  auto* command = program.add_subcommand("bench", "Training and test throughput, machine peak, time of each layer");
  auto seconds = std::make_shared<double>(5);
  auto json = std::make_shared<bool>(false);
  command->add_option("--seconds", *seconds, "Measure each throughput for so long")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_flag("--json", *json, "One JSON object on stdout");
  command->footer("Milliseconds are thread time a training step, all shards together, or the GPU's.");
  const Configuration configuration(*command);
  return [configuration, seconds, json] {
    const Config config = configuration.build();
    make_habitual_volume(config);
    const Text text = make<Text>(spot_benchmark, config.get(), nullptr, *seconds, nullptr);
    const Json result = Json::parse(text.get());
    if (*json) {
      print_line(json_line(result));
    } else {
      print_table(result);
    }
    return kDone;
  };
}

}  // namespace spotctl
