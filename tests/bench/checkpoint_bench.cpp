// What a save of 14.4 MB (keras-cnn with Adam) costs: the training thread's stall, and the way to durable.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "checkpoint/async_writer.h"

namespace {

constexpr std::int64_t kFloats = 3 * 1199882;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void save_and_wait(benchmark::State& state) {
  std::string folder = (std::filesystem::temp_directory_path() / "spot-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no temporary folder");
  spot::StateLayout layout;
  layout.add("state", {kFloats}, spot::TensorRole::kParameter);
  const std::vector<float> values(layout.size(), 0.5F);
  std::vector<double> stall, encode, write, fsync, durable;
  {
    spot::CheckpointStore store(folder, {}, spot::system_clock(), spot::Log());
    spot::AsyncWriter writer(store, layout, spot::system_clock(), spot::Log());
    for (auto _ : state) {
      spot::CheckpointMeta meta;
      meta.step = stall.size();
      writer.wait(writer.submit(
          meta, [&](std::span<float> buffer) { std::copy(values.begin(), values.end(), buffer.begin()); }));
      const spot::SaveOutcome outcome = writer.take_outcomes().front();
      if (outcome.error) return state.SkipWithError(outcome.error->what());
      stall.push_back(spot::to_milliseconds(outcome.report.stall_ns));
      encode.push_back(spot::to_milliseconds(outcome.report.encode_ns));
      write.push_back(spot::to_milliseconds(outcome.report.write_ns));
      fsync.push_back(spot::to_milliseconds(outcome.report.fsync_ns));
      durable.push_back(spot::to_milliseconds(outcome.report.durable_ns));
    }
  }
  state.counters["stall_ms"] = median(stall);
  state.counters["encode_ms"] = median(encode);
  state.counters["write_ms"] = median(write);
  state.counters["fsync_ms"] = median(fsync);
  state.counters["durable_ms"] = median(durable);
  std::filesystem::remove_all(folder);
}
BENCHMARK(save_and_wait)->Iterations(100)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
