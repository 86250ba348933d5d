// Time from the poller's first sight of a notice to a durable checkpoint, the step in progress included:
// keras-cnn, Adam, batch 128, notices at random moments.
//
//     notice_bench [DATASET [NOTICES]]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <spot_trainer.h>
#include <string>
#include <thread>
#include <vector>

namespace {

void check(spot_status status, spot_error* const& error) {
  if (status == SPOT_OK) return;
  std::fprintf(stderr, "%s\n", spot_error_message(error));
  std::exit(1);
}

double part(const std::vector<double>& sorted, double fraction) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(fraction * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  const char* dataset = argc > 1 ? argv[1] : "synthetic";
  const int notices = argc > 2 ? std::stoi(argv[2]) : 100;
  std::string volume = (std::filesystem::temp_directory_path() / "spot-bench-XXXXXX").string();
  if (mkdtemp(volume.data()) == nullptr) return 1;
  spot_error* error = nullptr;
  spot_config* config = nullptr;
  check(spot_config_create(&config, &error), error);
  const std::pair<const char*, const char*> settings[] = {{"volume", volume.c_str()}, {"dataset", dataset},
                                                          {"optimizer", "adam"},      {"epochs", "1000"},
                                                          {"metadata", "none"},       {"checkpoint_epochs", "0"}};
  for (const auto& [key, value] : settings) check(spot_config_set_str(config, key, value, &error), error);
  spot_trainer* trainer = nullptr;
  check(spot_trainer_create(config, nullptr, nullptr, &trainer, &error), error);

  std::mt19937 random(1);
  std::uniform_int_distribution<int> delay(150, 400);
  std::vector<double> milliseconds;
  for (int i = 0; i < notices; ++i) {
    spot_poller* poller = nullptr;  // a new one: each run hears of all notices of its poller
    check(spot_poller_create(config, &poller, &error), error);
    std::thread host([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay(random)));
      spot_poller_notify(poller, SPOT_ACTION_TERMINATE, nullptr, "benchmark", 30, nullptr, nullptr);
    });
    spot_run_result result{};
    result.struct_size = sizeof result;
    check(spot_trainer_run(trainer, poller, nullptr, &result, &error), error);
    host.join();
    spot_poller_free(poller);
    milliseconds.push_back(result.notice_to_durable_ms);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("notice to durable, %d notices: median %.1f ms, p90 %.1f, p99 %.1f, worst %.1f\n", notices,
              part(milliseconds, 0.5), part(milliseconds, 0.9), part(milliseconds, 0.99), milliseconds.back());
  spot_trainer_free(trainer);
  spot_config_free(config);
  std::filesystem::remove_all(volume);
}
