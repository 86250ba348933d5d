#include "session/benchmark.h"

#include <cmath>
#include <memory>
#include <spot_trainer.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "capi/backends.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "engine/cpu/peak.h"
#include "session/json_text.h"

namespace {

/// Of the processor, where that computed; NaN, which JSON shows as null, of another device.
double peak_of(spot::Session& session) {
  const spot::Engine& engine = session.engine();
  return engine.device() == "cpu" ? spot::measure_peak_gflops(engine.threads()) : std::nan("");
}

nlohmann::ordered_json to_json(const spot::Benchmark& result, const spot::Config& config, double peak_gflops) {
  auto layers = nlohmann::ordered_json::array();
  for (const spot::OperatorTime& time : result.layers) {
    layers.push_back({{"layer", time.layer},
                      {"pass", time.pass},
                      {"implementation", time.implementation},
                      {"ms", time.milliseconds}});
  }
  const double gflops = result.step_operations / result.step_seconds * 1e-9;
  return {{"model", result.model},
          {"device", result.device},
          {"mode", config.text("mode")},
          {"precision", config.text("precision")},
          {"batch_size", result.batch_size},
          {"threads", result.threads},
          {"train_samples_per_second", result.train_samples_per_second},
          {"test_samples_per_second", result.test_samples_per_second},
          {"peak_gflops", peak_gflops},
          {"dense_efficiency", gflops / peak_gflops},
          {"step_ms_median", result.step_seconds * 1e3},
          {"layers", std::move(layers)}};
}

}  // namespace

spot_status spot_benchmark(const spot_config* config, const spot_dataset* dataset, double seconds, spot_cancel* cancel,
                           char** json, spot_error** error) {
  return spot::guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    if (dataset != nullptr) spot::check_process(dataset->owner);
    spot::required(json, "json");
    if (!std::isfinite(seconds) || seconds <= 0) {
      spot::fail(spot::Status::kInvalidArgument, spot::cat("'seconds' is ", seconds, ": it takes a positive time"));
    }
    const spot::Cancel stop(cancel);
    const auto backends = spot::backends(settings.values.text("device"));
    const auto session = dataset == nullptr
                             ? std::make_unique<spot::Session>(settings.values, backends, spot::system_clock(),
                                                               settings.log, stop.stop())
                             : std::make_unique<spot::Session>(settings.values, dataset->content, backends,
                                                               spot::system_clock(), settings.log, stop.stop());
    const double peak_gflops = peak_of(*session);
    const spot::Benchmark result = spot::benchmark(*session, seconds, stop.stop());
    *json = spot::copy_text(spot::json_text(to_json(result, session->config(), peak_gflops)));
  });
}
