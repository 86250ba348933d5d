// What saving costs training: keras-cnn, Adam, batch 128, a checkpoint never, each 20 steps and at each step, in turns;
// the training thread's stall by save, and the throughput beside that without saving. Where saves are far apart the
// steps far from one are the measure, so that what else the machine does from run to run cancels out: each place
// between two saves counts with its median.
//
//     saving_bench [DATASET [ROUNDS [STEPS]]]        in TMPDIR, which should be on the disk that counts

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <spot_trainer.h>
#include <string>
#include <vector>

namespace {

void check(spot_status status, spot_error* const& error) {
  if (status == SPOT_OK) return;
  std::fprintf(stderr, "%s\n", spot_error_message(error));
  std::exit(1);
}

double part(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(fraction * static_cast<double>(values.size())))];
}

using Clock = std::chrono::steady_clock;

/// What one way of saving was seen to cost.
struct Seen {
  const char* name;
  const char* interval;  ///< steps between two saves; 0: never
  std::vector<double> stalls, durables, rates;
  std::vector<std::vector<double>> steps_ms;  ///< by place between two saves
  Clock::time_point first, last;              ///< steps of the run, the first few left out
};

constexpr std::uint64_t kBatch = 128, kWarmUp = 20;

int32_t note(void* user, const spot_event* event) {
  Seen& seen = *static_cast<Seen*>(user);
  if (event->kind == SPOT_EVENT_STEP) {
    const Clock::time_point now = Clock::now(), before = event->step <= kWarmUp + 1 ? seen.first : seen.last;
    (event->step <= kWarmUp ? seen.first : seen.last) = now;
    if (event->step <= kWarmUp) return 0;
    seen.steps_ms[event->step % seen.steps_ms.size()].push_back(
        std::chrono::duration<double, std::milli>(now - before).count());
  } else if (event->step > kWarmUp && std::string(event->reason) == "interval") {
    seen.stalls.push_back(event->stall_ms);
    seen.durables.push_back(event->durable_ms);
  }
  return 0;
}

/// Throughput as a fraction of that of steps far from a save.
double undisturbed_part(const Seen& seen) {
  double all = 0, far = 0;
  const std::size_t places = seen.steps_ms.size(), half = places / 2;
  for (std::size_t place = 0; place < places; ++place) {
    const double median = part(seen.steps_ms[place], 0.5);
    all += median / static_cast<double>(places);
    if (place >= half) far += median / static_cast<double>(places - half);
  }
  return far / all;
}

/// One run of `steps` steps on a fresh volume.
void run(Seen& seen, const char* dataset, int steps) {
  std::string volume = (std::filesystem::temp_directory_path() / "spot-bench-XXXXXX").string();
  if (mkdtemp(volume.data()) == nullptr) std::exit(1);
  spot_error* error = nullptr;
  spot_config* config = nullptr;
  check(spot_config_create(&config, &error), error);
  const std::string count = std::to_string(steps);
  const std::pair<const char*, const char*> settings[] = {
      {"volume", volume.c_str()},  {"dataset", dataset},
      {"optimizer", "adam"},       {"steps", count.c_str()},
      {"metadata", "none"},        {"checkpoint_epochs", "0"},
      {"checkpoint_seconds", "0"}, {"checkpoint_steps", seen.interval}};
  for (const auto& [key, value] : settings) check(spot_config_set_str(config, key, value, &error), error);
  spot_trainer* trainer = nullptr;
  check(spot_trainer_create(config, nullptr, nullptr, &trainer, &error), error);
  constexpr std::uint32_t kStages = SPOT_EVENT_STEP | SPOT_EVENT_CHECKPOINT;
  check(spot_trainer_set_callback(trainer, kStages, note, &seen, &error), error);
  spot_run_result result{};
  result.struct_size = sizeof result;
  check(spot_trainer_run(trainer, nullptr, nullptr, &result, &error), error);
  const double seconds = std::chrono::duration<double>(seen.last - seen.first).count();
  seen.rates.push_back(static_cast<double>(static_cast<std::uint64_t>(steps) - kWarmUp) * kBatch / seconds);
  spot_trainer_free(trainer);
  spot_config_free(config);
  std::filesystem::remove_all(volume);
}

}  // namespace

int main(int argc, char** argv) {
  const char* dataset = argc > 1 ? argv[1] : "synthetic";
  const int rounds = argc > 2 ? std::stoi(argv[2]) : 5;
  const int steps = argc > 3 ? std::stoi(argv[3]) : 300;
  Seen ways[] = {{"never", "0", {}, {}, {}, std::vector<std::vector<double>>(1), {}, {}},
                 {"each 20 steps", "20", {}, {}, {}, std::vector<std::vector<double>>(20), {}, {}},
                 {"each step", "1", {}, {}, {}, std::vector<std::vector<double>>(1), {}, {}}};
  std::vector<double> ratios[std::size(ways)];
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t way = 0; way < std::size(ways); ++way) {
      run(ways[way], dataset, steps);
      ratios[way].push_back(ways[way].rates.back() / ways[0].rates.back());
    }
  }
  std::printf("| saved | samples/s | of unsaved | stall ms median | p99 | worst | durable ms median | p99 |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  for (std::size_t way = 0; way < std::size(ways); ++way) {
    const Seen& seen = ways[way];
    const double of_unsaved = seen.steps_ms.size() > 1 ? undisturbed_part(seen) : part(ratios[way], 0.5);
    std::printf("| %s | %.0f | %.1f %% |", seen.name, part(seen.rates, 0.5), 100 * of_unsaved);
    if (seen.stalls.empty()) {
      std::printf(" | | | | |\n");
      continue;
    }
    std::printf(" %.3f | %.3f | %.3f | %.1f | %.1f |\n", part(seen.stalls, 0.5), part(seen.stalls, 0.99),
                part(seen.stalls, 1), part(seen.durables, 0.5), part(seen.durables, 0.99));
  }
}
