#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "engine/cpu/cpu_engine.h"
#include "engine/cuda/cuda_engine.h"
#include "session/run.h"
#include "support/host_device.h"
#include "support/small_dataset.h"
#include "support/temporary_directory.h"

// Whole runs on the GPU engine, on a card that the host plays: their checkpoints, and those of the CPU engine.

using namespace spot;
namespace fs = std::filesystem;

namespace {

const char* const kModel = R"({"layers":[{"type":"conv2d","filters":5,"kernel":3},{"type":"relu"},
  {"type":"max_pool","kernel":2},{"type":"dropout","rate":0.2},{"type":"flatten"},{"type":"dense","units":10}]})";

Backend host_card() {
  return {.name = "cuda",
          .score = 10,
          .detail = "a card that the host plays",
          .create = [](const EngineSpec& spec, const Log& log) {
            return cuda::create_cuda_engine(host_device::make(std::make_shared<host_device::Record>()), spec, log);
          }};
}

/// A folder with a dataset of 6 steps an epoch, and any number of volumes.
class Place {
 public:
  Place() { test::SmallDataset::write(directory_ / "data", 90, 20); }

  /// Runs, or goes on, on the volume until `stop_at` steps are done, if that comes before the end.
  RunResult run_on(const std::string& volume, Backend backend, std::uint64_t stop_at = UINT64_MAX,
                   std::string* begun_at = nullptr) {
    fs::create_directories(directory_ / volume);
    Config config;
    config.set_text("dataset", (directory_ / "data").string());
    config.set_text("volume", (directory_ / volume).string());
    config.set_text("model", kModel);
    config.set_text("metadata", "none");
    config.set_text("run_id", "r1");
    config.set_text("optimizer", "adam");
    config.set_integer("batch_size", 16);
    config.set_integer("epochs", 3);
    config.set_integer("checkpoint_seconds", 0);
    Session session(config, std::span(&backend, 1), system_clock(), Log());
    CancelToken cancel;
    session.trainer().set_observer({UINT32_MAX, [&](const Event& event) {
                                      if (event.kind == EventKind::kRunBegin && begun_at) *begun_at = event.state_hash;
                                      if (event.kind == EventKind::kStep && event.step >= stop_at) cancel.trigger();
                                    }});
    return run(session, nullptr, &cancel);
  }

 private:
  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("a checkpoint of one device restores on the other, to the last bit, and back") {
  Place place;
  std::string restored;
  const RunResult first = place.run_on("v", cpu_backend(), 4);
  CHECK(first.reason == RunReason::kCancelled);
  const RunResult second = place.run_on("v", host_card(), 9, &restored);
  CHECK(second.resumed);
  CHECK(restored == first.state_hash);
  CHECK(second.step >= 9);
  const RunResult third = place.run_on("v", cpu_backend(), UINT64_MAX, &restored);
  CHECK(restored == second.state_hash);
  CHECK(third.reason == RunReason::kDone);
  CHECK(third.test_loss == doctest::Approx(place.run_on("one device", cpu_backend()).test_loss).epsilon(1e-5));
}

TEST_CASE("a run on the card that is stopped again and again ends in the same bytes") {
  Place place;
  const RunResult whole = place.run_on("whole", host_card());
  RunResult cut;
  int starts = 0;
  std::string left, found;
  do {
    cut = place.run_on("cut", host_card(), cut.step + 1, &found);
    if (starts > 0) CHECK(found == left);
    left = cut.state_hash;
    REQUIRE(++starts < 30);
  } while (cut.reason != RunReason::kDone);
  CHECK(starts > 5);
  CHECK(cut.state_hash == whole.state_hash);
  CHECK(cut.test_accuracy == whole.test_accuracy);
}
