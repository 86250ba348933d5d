// Through the public header only: datasets in the host's memory, and by key.

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"
#include "support/text.h"

using namespace spot::test;

namespace {

void count(void* user) {
  ++*static_cast<std::atomic<int>*>(user);
}

/// Images of 12 x 12, `channels` deep, whose classes can be told apart.
template <typename Pixel, typename Label>
struct HostArrays {
  std::vector<Pixel> train_images, test_images;
  std::vector<Label> train_labels, test_labels;
  spot_dataset_arrays arrays = sized<spot_dataset_arrays>();

  HostArrays(std::uint32_t channels, std::uint64_t train, std::uint64_t test) {
    fill(train_images, train_labels, train, channels);
    fill(test_images, test_labels, test, channels);
    arrays.image_type = sizeof(Pixel) == 1 ? SPOT_TYPE_UINT8 : SPOT_TYPE_FLOAT32;
    arrays.label_type = sizeof(Label) == 1 ? SPOT_TYPE_UINT8 : sizeof(Label) == 4 ? SPOT_TYPE_INT32 : SPOT_TYPE_INT64;
    arrays.rows = arrays.columns = 12;
    arrays.channels = channels;
    arrays.train_samples = train;
    arrays.train_images = train_images.data();
    arrays.train_image_bytes = train_images.size() * sizeof(Pixel);
    arrays.train_labels = train_labels.data();
    arrays.train_label_bytes = train_labels.size() * sizeof(Label);
    arrays.test_samples = test;
    arrays.test_images = test_images.data();
    arrays.test_image_bytes = test_images.size() * sizeof(Pixel);
    arrays.test_labels = test_labels.data();
    arrays.test_label_bytes = test_labels.size() * sizeof(Label);
  }

 private:
  static void fill(std::vector<Pixel>& images, std::vector<Label>& labels, std::uint64_t count,
                   std::uint32_t channels) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t label = i % 5;
      labels.push_back(static_cast<Label>(label));
      for (std::uint64_t p = 0; p < 144 * channels; ++p) {
        const std::uint64_t byte = (p * 7 + label * 53 + i * 31 % 16) % 256;
        images.push_back(sizeof(Pixel) == 1 ? static_cast<Pixel>(byte) : static_cast<Pixel>(double(byte) / 256));
      }
    }
  }
};

Trainer trainer_on(const Config& config, const Dataset& dataset) {
  return make<Trainer>(spot_trainer_create, config.get(), dataset.get(), nullptr);
}

std::string refusal(const spot_dataset_arrays& arrays, spot_status expected) {
  spot_dataset* dataset = nullptr;
  std::atomic<int> released = 0;
  ErrorSlot error;
  CHECK(spot_dataset_create(&arrays, nullptr, nullptr, &released, count, &dataset, error) == expected);
  CHECK(dataset == nullptr);
  CHECK(released == 0);
  return error.message();
}

}  // namespace

TEST_CASE("arrays of the host's own are trained on, resumed with, and released once") {
  const Place place;
  std::atomic<int> released = 0;
  std::string hashes[2];
  {
    const HostArrays<float, std::int64_t> data(3, 160, 32);
    Dataset dataset = make<Dataset>(spot_dataset_create, &data.arrays, nullptr, nullptr, &released, count);
    auto info = sized<spot_dataset_info>();
    call(spot_dataset_get_info, dataset.get(), &info);
    CHECK(info.classes == 5);
    CHECK(info.channels == 3);
    CHECK(info.image_type == SPOT_TYPE_FLOAT32);
    CHECK(info.train_samples == 160);
    CHECK(info.test_samples == 32);
    CHECK(info.name == std::string("memory"));
    CHECK(std::strlen(info.fingerprint) == 32);
    const Trainer whole = trainer_on(place.config("whole"), dataset);
    Trainer cut = trainer_on(place.config("cut"), dataset);
    auto result = sized<spot_run_result>();
    call(spot_trainer_run, whole.get(), nullptr, nullptr, &result);
    hashes[0] = result.state_hash;
    CHECK(result.test_accuracy > 0.9);
    call(spot_trainer_step, cut.get(), 7, nullptr, nullptr);
    call(spot_trainer_checkpoint, cut.get(), nullptr, nullptr);
    cut.reset();
    cut = trainer_on(place.config("cut"), dataset);
    dataset.reset();
    CHECK(released == 0);
    call(spot_trainer_run, cut.get(), nullptr, nullptr, &result);
    CHECK(result.resumed == 1);
    hashes[1] = result.state_hash;
  }
  CHECK(hashes[0] == hashes[1]);
  CHECK(released == 1);
}

TEST_CASE("a run resumes only with the arrays that it began with") {
  const Place place;
  HostArrays<std::uint8_t, std::int32_t> data(1, 160, 32);
  const Dataset first = make<Dataset>(spot_dataset_create, &data.arrays, nullptr, nullptr, nullptr, nullptr);
  {
    const Trainer trainer = trainer_on(place.config("v"), first);
    call(spot_trainer_step, trainer.get(), 3, nullptr, nullptr);
    call(spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
  }
  HostArrays<std::uint8_t, std::int32_t> other(1, 160, 32);
  other.train_images[5] ^= 1;
  const Dataset second = make<Dataset>(spot_dataset_create, &other.arrays, nullptr, nullptr, nullptr, nullptr);
  ErrorSlot error;
  CHECK(spot_trainer_restore(trainer_on(place.config("v"), second).get(), nullptr, nullptr, error) == SPOT_E_MISMATCH);
  CHECK(contains(error.message(), "dataset"));
}

TEST_CASE("a dataset without a test set trains, and says that there is none to evaluate") {
  const Place place;
  HostArrays<std::uint8_t, std::uint8_t> data(1, 160, 0);
  const Dataset dataset = make<Dataset>(spot_dataset_create, &data.arrays, nullptr, nullptr, nullptr, nullptr);
  const Trainer trainer = trainer_on(place.config("v"), dataset);
  auto result = sized<spot_run_result>();
  call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
  CHECK(result.reason == SPOT_RUN_DONE);
  CHECK(std::isnan(result.test_accuracy));
  auto metrics = sized<spot_metrics>();
  CHECK(spot_trainer_evaluate(trainer.get(), SPOT_SPLIT_TEST, nullptr, &metrics, nullptr) == SPOT_E_ORDER);
}

TEST_CASE("arrays that do not fit each other are refused by the name of the field") {
  const HostArrays<float, std::int32_t> data(1, 40, 8);
  const auto with = [&](const auto& change) {
    spot_dataset_arrays arrays = data.arrays;
    change(arrays);
    return arrays;
  };
  CHECK(contains(refusal(with([](auto& a) { a.image_type = SPOT_TYPE_INT64; }), SPOT_E_INVALID_ARGUMENT),
                 "'image_type'"));
  CHECK(contains(refusal(with([](auto& a) { a.label_type = 99; }), SPOT_E_INVALID_ARGUMENT), "'label_type'"));
  CHECK(contains(refusal(with([](auto& a) { --a.train_image_bytes; }), SPOT_E_INVALID_ARGUMENT), "'train_images'"));
  CHECK(contains(refusal(with([](auto& a) { ++a.test_label_bytes; }), SPOT_E_INVALID_ARGUMENT), "'test_labels'"));
  CHECK(contains(refusal(with([](auto& a) { a.test_images = nullptr; }), SPOT_E_INVALID_ARGUMENT), "'test_images'"));
  for (const std::uint32_t rows : {0U, 0xffffffffU}) {
    refusal(with([&](auto& a) { a.rows = a.columns = a.channels = rows; }), SPOT_E_INVALID_ARGUMENT);
  }
  refusal(with([](auto& a) { a.train_samples = 0; }), SPOT_E_INVALID_ARGUMENT);
  refusal(with([](auto& a) { a.train_samples = std::numeric_limits<std::uint64_t>::max(); }), SPOT_E_INVALID_ARGUMENT);
  CHECK(contains(refusal(with([](auto& a) { a.classes = 4; }), SPOT_E_DATA), "4"));
  refusal(with([](auto& a) { a.struct_size = 8; }), SPOT_E_INVALID_ARGUMENT);
  CHECK(contains(refusal(with([](auto& a) { a.reserved = 1; }), SPOT_E_INVALID_ARGUMENT), "'reserved'"));

  HostArrays<float, std::int32_t> odd(1, 40, 8);
  odd.train_images[77] = std::numeric_limits<float>::quiet_NaN();
  refusal(odd.arrays, SPOT_E_DATA);
  HostArrays<float, std::int32_t> negative(1, 40, 8);
  negative.test_labels[3] = -1;
  refusal(negative.arrays, SPOT_E_DATA);
}

TEST_CASE("labels are copied, what looks odd is reported, and a cancelled reading takes nothing") {
  const Place place;
  HostArrays<std::uint8_t, std::uint8_t> data(1, 160, 32);
  const Config config = make_config();
  std::string lines;
  const auto keep = [](void* user, std::int32_t, const char* text, std::size_t length) {
    *static_cast<std::string*>(user) += std::string(text, length) + "\n";
  };
  call(spot_config_set_log, config.get(), SPOT_LOG_WARNING, keep, &lines, nullptr);
  data.test_labels[0] = 9;  // which no training sample has
  const Dataset dataset = make<Dataset>(spot_dataset_create, &data.arrays, config.get(), nullptr, nullptr, nullptr);
  CHECK(contains(lines, "label 9"));
  for (std::uint8_t& label : data.train_labels) label = 255;
  const Trainer trainer = trainer_on(place.config("v"), dataset);
  std::vector<std::uint64_t> counts(100);
  call(spot_trainer_get_confusion, trainer.get(), SPOT_SPLIT_TRAIN, nullptr, counts.data(), counts.size());

  const Cancel cancel = make_cancel();
  spot_cancel_trigger(cancel.get());
  spot_dataset* never = nullptr;
  std::atomic<int> released = 0;
  CHECK(spot_dataset_create(&data.arrays, nullptr, cancel.get(), &released, count, &never, nullptr) ==
        SPOT_E_CANCELLED);
  CHECK(released == 0);
}

TEST_CASE("a field that only a newer version knows is refused when it is set, and ignored when it is 0") {
  const HostArrays<std::uint8_t, std::uint8_t> data(1, 40, 8);
  struct Longer {
    spot_dataset_arrays arrays;
    std::uint64_t field_of_the_future;
  } longer{data.arrays, 0};
  longer.arrays.struct_size = sizeof longer;
  CHECK(make<Dataset>(spot_dataset_create, &longer.arrays, nullptr, nullptr, nullptr, nullptr) != nullptr);
  longer.field_of_the_future = 1;
  refusal(longer.arrays, SPOT_E_UNSUPPORTED);
}

TEST_CASE("the dataset of a key is opened once and shared by trainers, each with its own validation set") {
  const Place place;
  Config config = place.config("v");
  const Dataset dataset = make<Dataset>(spot_dataset_open, config.get(), nullptr);
  set(config, "validation_size", "30");
  call(spot_config_unset, config.get(), "dataset");
  const Trainer split = trainer_on(config, dataset);
  const Trainer whole = trainer_on(place.config("w"), dataset);
  auto info = sized<spot_trainer_info>();
  call(spot_trainer_get_info, split.get(), &info);
  CHECK(info.train_samples == 120);
  CHECK(info.validation_samples == 30);
  call(spot_trainer_get_info, whole.get(), &info);
  CHECK(info.train_samples == 150);
  CHECK(contains(info.dataset, "data"));
}
