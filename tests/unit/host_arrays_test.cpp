#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/philox.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "data/memory_dataset.h"
#include "engine/cpu/cpu_engine.h"
#include "session/benchmark.h"
#include "session/inference.h"
#include "support/session_place.h"

// Sessions on images in the host's memory: of several channels, of floats, without a test set.

using namespace spot;
using namespace spot::test;

namespace {

/// Coloured images of 10 x 9 pixels whose class is the channel that is brightest; 70 for training, 20 for testing.
struct Coloured {
  static constexpr std::size_t kValues = 10 * 9 * 3;
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::vector<std::int32_t> labels;

  Coloured() {
    RandomStream random(3, RandomPurpose::kSyntheticData);
    for (std::uint32_t i = 0; i < 90; ++i) {
      labels.push_back(static_cast<std::int32_t>(i % 3));
      for (std::size_t v = 0; v < kValues; ++v) {
        const std::uint32_t noise = random.next_below(120);
        bytes.push_back(static_cast<std::uint8_t>(v % 3 == i % 3 ? noise + 100 : noise));
        floats.push_back(static_cast<float>(bytes.back()) / 64 - 1.5F);
      }
    }
  }
  [[nodiscard]] Dataset dataset(PixelType type, bool has_test) const {
    const auto images = type == PixelType::kUint8 ? std::as_bytes(std::span(bytes)) : std::as_bytes(std::span(floats));
    const auto all = std::as_bytes(std::span(labels));
    const std::size_t image = kValues * size_of(type);
    DatasetArrays arrays = {.pixels = type,
                            .rows = 10,
                            .columns = 9,
                            .channels = 3,
                            .label_type = LabelType::kInt32,
                            .train = {images.first(70 * image), all.first(70 * 4)},
                            .test = {}};
    if (has_test) arrays.test = {images.subspan(70 * image), all.subspan(70 * 4)};
    return make_dataset(arrays, 0, {}, Log());
  }
};

std::unique_ptr<Session> open(const Config& config, const Dataset& dataset) {
  static const Backend backend = cpu_backend();
  return std::make_unique<Session>(config, dataset, std::span(&backend, 1), system_clock(), Log());
}

Config small(const Place& place, const std::string& volume) {
  Config config = place.config(volume);
  config.set_text("model", R"({"layers":[{"type":"conv2d","filters":8,"kernel":3},{"type":"relu"},
      {"type":"max_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":3}]})");
  config.set_text("optimizer", "sgd");
  config.set_integer("augment_shift", 1);
  return config;
}

/// Runs to the end, with a notice after each of the first steps.
RunResult run_in_pieces(const Config& config, const Dataset& dataset) {
  RunResult result;
  for (int pieces = 0; pieces < 30; ++pieces) {
    const auto session = open(config, dataset);
    const auto poller = quiet_poller();
    session->trainer().set_observer(
        {bit(EventKind::kStep), [&](const Event&) { poller->notify(NoticeAction::kTerminate, "test"); }});
    result = run(*session, poller.get(), nullptr);
    if (result.reason == RunReason::kDone) break;
  }
  return result;
}

}  // namespace

TEST_CASE("images in memory train, and an interrupted run ends in the same bytes, for any number of threads") {
  const Place place;
  const Coloured images;
  for (const PixelType type : {PixelType::kUint8, PixelType::kFloat32}) {
    for (const bool has_test : {true, false}) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(has_test);
      const std::string name = cat("v", static_cast<int>(type), has_test);
      const Dataset dataset = images.dataset(type, has_test);
      const RunResult whole = run(*open(small(place, name + "whole"), dataset), nullptr, nullptr);
      CHECK(whole.reason == RunReason::kDone);
      CHECK(whole.durable);
      CHECK(std::isnan(whole.test_accuracy) != has_test);
      if (has_test) CHECK(whole.test_accuracy > 0.8);
      Config config = small(place, name + "cut");
      config.set_integer("threads", 3);
      const RunResult result = run_in_pieces(config, dataset);
      CHECK(result.resumed);
      CHECK(outcome_of(result, place / (name + "cut")) == outcome_of(whole, place / (name + "whole")));
      // Started again it trains nothing.
      const RunResult again = run(*open(config, dataset), nullptr, nullptr);
      CHECK(again.reason == RunReason::kDone);
      CHECK(again.state_hash == whole.state_hash);
      CHECK(fs::exists(again.model_path));
      const std::string rows = read(place / (name + "cut") / "logs" / "r1.csv");
      CHECK((rows.find(",,,,,0.05\n") != std::string::npos) != has_test);
    }
  }
}

TEST_CASE("the best checkpoint is by validation where there is no test set") {
  const Place place;
  const Coloured images;
  const Dataset dataset = images.dataset(PixelType::kFloat32, false);
  Config config = small(place, "v");
  config.set_integer("validation_size", 20);
  const auto session = open(config, dataset);
  CHECK(session->dataset().validation.count == 20);
  run(*session, nullptr, nullptr);
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  REQUIRE_FALSE(files.empty());
  const CheckpointMeta meta = load_checkpoint(files.front().path.string(), Links::kRefuse).meta;
  CHECK(meta.best_accuracy > 0);
  CHECK(std::isnan(meta.history[0].test_loss));
  CHECK(meta.dataset_name == "memory");
}

TEST_CASE("other images in memory do not go on with a run") {
  const Place place;
  Coloured images;
  const auto session = open(small(place, "v"), images.dataset(PixelType::kUint8, true));
  session->resume();
  session->trainer().train_steps(2, {});
  session->finish_save(session->save_soon(SaveReason::kRequest));
  images.bytes[12345] ^= 1;
  const auto other = open(small(place, "w"), images.dataset(PixelType::kUint8, true));
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  CHECK(message_of(Status::kMismatch, [&] { other->restore(files.front().path); }).find("dataset memory") !=
        std::string::npos);
  // Nor those of another type, though the model is the same.
  const auto floats = open(small(place, "x"), images.dataset(PixelType::kFloat32, true));
  message_of(Status::kMismatch, [&] { floats->restore(files.front().path); });
}

TEST_CASE("predictions take images of channels and of floats, counted by their bytes") {
  const Place place;
  const Coloured images;
  for (const PixelType type : {PixelType::kUint8, PixelType::kFloat32}) {
    const auto session = open(small(place, cat("p", static_cast<int>(type))), images.dataset(type, true));
    session->resume();
    session->trainer().train_steps(12, {});
    const std::uint64_t ticket = session->save_soon(SaveReason::kRequest);
    const SaveOutcome outcome = session->finish_save(ticket);
    const Backend backend = cpu_backend();
    Config config;
    config.set_integer("batch_size", session->spec().batch_size);  // last bits may depend on it
    Inference inference(load_checkpoint(outcome.report.path, Links::kRefuse), config, std::span(&backend, 1), Log());
    const ImageSet& test = session->dataset().test;
    std::vector<float> expected(test.count * 3), found(test.count * 3);
    std::vector<std::uint32_t> indices(test.count);
    std::iota(indices.begin(), indices.end(), 0U);
    const std::size_t most = static_cast<std::size_t>(session->spec().batch_size);
    for (std::size_t first = 0; first < indices.size(); first += most) {
      const auto batch = std::span(indices).subspan(first, std::min(most, indices.size() - first));
      session->engine().predict(batch_of(test, batch), std::span(expected).subspan(first * 3, batch.size() * 3));
    }
    inference.predict(test.images, found, {}, type);
    CHECK(found == expected);
    int correct = 0;
    for (std::uint32_t i = 0; i < test.count; ++i) {
      const float* row = found.data() + std::size_t{i} * 3;
      correct += std::max_element(row, row + 3) - row == test.labels[i] ? 1 : 0;
    }
    CHECK(correct > 15);
    const auto refusal = [&](std::span<const std::uint8_t> bytes, std::span<float> room) {
      return message_of(Status::kInvalidArgument, [&] { inference.predict(bytes, room, {}, type); });
    };
    CHECK(refusal(test.images.first(test.images.size() - 1), found).find("10 x 9 x 3") != std::string::npos);
    CHECK(refusal(test.images, std::span(found).first(59)).find("59 probabilities") != std::string::npos);
    if (type == PixelType::kUint8) continue;
    std::vector<float> bad(Coloured::kValues, NAN);
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size() * 4);
    message_of(Status::kData, [&] { inference.predict(bytes, found, {}, type); });
  }
}

TEST_CASE("a dataset without a test set can be measured, its evaluation on what it has") {
  const Place place;
  const Coloured images;
  const auto session = open(small(place, "b"), images.dataset(PixelType::kUint8, false));
  CHECK(benchmark(*session, 0.01).test_samples_per_second > 0);
}

TEST_CASE("preset models take the dataset's channels") {
  const Place place;
  Config config = small(place, "m");
  config.set_text("model", "mlp");
  const Coloured images;
  const auto session = open(config, images.dataset(PixelType::kUint8, true));
  CHECK(session->spec().model.input == Shape3{3, 10, 9});
}
