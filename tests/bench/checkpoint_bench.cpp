// What a checkpoint of 14.4 MB (keras-cnn with Adam) costs: the way to durable, and
// the way back from a folder of which the newest ones are damaged.
//
//     checkpoint_bench [--benchmark_filter=…]         in TMPDIR, which should be on the disk that counts

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "checkpoint/async_writer.h"
#include "checkpoint/checkpoint_file.h"

namespace {

constexpr std::int64_t kFloats = 3 * 1199882;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

spot::StateLayout layout_of_bench() {
  spot::StateLayout layout;
  layout.add("state", {kFloats}, spot::TensorRole::kParameter);
  return layout;
}

spot::CheckpointMeta meta_of(std::uint64_t step) {
  spot::CheckpointMeta meta;
  meta.run_id = "bench";
  meta.step = step;
  return meta;
}

/// A folder that is gone afterwards.
class Folder {
 public:
  Folder() {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "spot-bench-XXXXXX").string();
};

void save_and_wait(benchmark::State& state) {
  const Folder folder;
  const spot::StateLayout layout = layout_of_bench();
  const std::vector<float> values(layout.size(), 0.5F);
  std::vector<double> encode, write, fsync, durable;
  spot::CheckpointStore store(folder.path(), {}, spot::system_clock(), spot::Log());
  spot::AsyncWriter writer(store, values.size() * sizeof(float), spot::system_clock(), spot::Log());
  writer.prepare("run");
  writer.wait_all();
  for (auto _ : state) {
    const std::int64_t asked_ns = spot::system_clock().monotonic_ns();
    writer.wait(writer.submit(meta_of(durable.size()), spot::SaveReason::kNotice,
                              std::make_unique<spot::StateView>(&layout, values), asked_ns));
    state.PauseTiming();
    writer.wait_all();  // retention is not what is waited for
    const spot::SaveOutcome outcome = writer.take_outcomes().front();
    if (outcome.error) return state.SkipWithError(outcome.error->what());
    encode.push_back(spot::to_milliseconds(outcome.report.encode_ns));
    write.push_back(spot::to_milliseconds(outcome.report.write_ns));
    fsync.push_back(spot::to_milliseconds(outcome.report.fsync_ns));
    durable.push_back(spot::to_milliseconds(outcome.report.durable_ns));
    state.ResumeTiming();
  }
  state.counters["encode_ms"] = median(encode);
  state.counters["write_ms"] = median(write);
  state.counters["fsync_ms"] = median(fsync);
  state.counters["durable_ms"] = median(durable);
}
BENCHMARK(save_and_wait)->Iterations(100)->Unit(benchmark::kMillisecond)->UseRealTime();

/// 50 checkpoints, the newest 5 damaged in the middle: from opening the folder to the state in memory.
void recover_from_damage(benchmark::State& state) {
  constexpr std::uint64_t kCheckpoints = 50, kDamaged = 5;
  const Folder folder;
  const spot::StateLayout layout = layout_of_bench();
  const std::vector<float> values(layout.size(), 0.5F);
  {
    spot::CheckpointStore store(folder.path(), {}, spot::system_clock(), spot::Log());
    for (std::uint64_t step = 1; step <= kCheckpoints; ++step)
      store.commit(meta_of(step), spot::StateView(&layout, values));
  }
  for (const spot::StoredFile& file : spot::list_checkpoints(folder.path())) {
    if (file.step <= kCheckpoints - kDamaged) continue;
    std::fstream damaged(file.path, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(static_cast<std::streamoff>(file.bytes / 2)).put('\x7f');
  }
  for (auto _ : state) {
    spot::CheckpointStore store(folder.path(), {}, spot::system_clock(), spot::Log());
    const auto checkpoint = store.recover();
    state.PauseTiming();
    if (!checkpoint || checkpoint->meta.step != kCheckpoints - kDamaged) return state.SkipWithError("wrong checkpoint");
    store.confirm_restore();
    for (const std::string& name : spot::list_set_aside(folder.path())) {
      const std::filesystem::path aside = std::filesystem::path(folder.path()) / name;
      std::filesystem::rename(aside, aside.parent_path() / aside.stem());
    }
    state.ResumeTiming();
  }
}
BENCHMARK(recover_from_damage)->Iterations(10)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
