#include "data/memory_dataset.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "support/failure.h"

using namespace spot;
using spot::test::message_of;

namespace {

template <typename Value>
std::span<const std::byte> bytes_of(const std::vector<Value>& values) {
  return std::as_bytes(std::span(values));
}

/// 12 images of 2 x 3 pixels of two channels for training, 6 for testing.
struct Arrays {
  std::vector<std::uint8_t> train_images = std::vector<std::uint8_t>(12 * 12, 'x');
  std::vector<std::uint8_t> test_images = std::vector<std::uint8_t>(6 * 12, 'y');
  std::vector<std::int64_t> train_labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}, test_labels = {0, 1, 2, 0, 1, 2};
  DatasetArrays arrays = {.rows = 2, .columns = 3, .channels = 2, .label_type = LabelType::kInt64};

  Arrays() { refer(); }
  void refer() {
    arrays.train = {bytes_of(train_images), bytes_of(train_labels)};
    arrays.test = {bytes_of(test_images), bytes_of(test_labels)};
  }
  [[nodiscard]] Dataset make(std::uint32_t validation = 0) const { return make_dataset(arrays, validation, {}, Log()); }
  [[nodiscard]] std::string refusal(Status status) const {
    return message_of(status, [&] { [[maybe_unused]] const Dataset dataset = make(); });
  }
};

}  // namespace

TEST_CASE("arrays in memory are a dataset: images stay where they are, labels of any type are classes") {
  Arrays in;
  const Dataset dataset = in.make(2);
  CHECK(dataset.name == "memory");
  CHECK(dataset.train.count == 10);
  CHECK(dataset.validation.count == 2);
  CHECK(dataset.test.count == 6);
  CHECK(dataset.train.channels == 2);
  CHECK(dataset.classes == 3);
  CHECK(dataset.train.images.data() == in.train_images.data());
  CHECK(dataset.validation.images.data() == in.train_images.data() + 120);
  CHECK(dataset.validation.labels[1] == 2);
  CHECK(in.make().fingerprint == dataset.fingerprint);

  Arrays other;
  const std::vector<std::int32_t> short_labels(in.train_labels.begin(), in.train_labels.end()),
      short_test = {0, 1, 2, 0, 1, 2};
  other.arrays.label_type = LabelType::kInt32;
  other.arrays.train.labels = bytes_of(short_labels);
  other.arrays.test.labels = bytes_of(short_test);
  CHECK(other.make().fingerprint == dataset.fingerprint);
  const std::vector<std::uint8_t> byte_labels(in.train_labels.begin(), in.train_labels.end()),
      byte_test = {0, 1, 2, 0, 1, 2};
  other.arrays.label_type = LabelType::kUint8;
  other.arrays.train.labels = bytes_of(byte_labels);
  other.arrays.test.labels = bytes_of(byte_test);
  CHECK(other.make().fingerprint == dataset.fingerprint);
  CHECK(other.make().train.labels.data() != byte_labels.data());  // a copy: labels are used as indices
  other.train_images[17] ^= 1;
  CHECK(other.make().fingerprint != dataset.fingerprint);
}

TEST_CASE("a dataset keeps the memory of its arrays, and so do its copies") {
  auto memory = std::make_shared<int>(0);
  Arrays in;
  in.arrays.memory = memory;
  Dataset copy;
  {
    const Dataset dataset = in.make();
    in.arrays.memory.reset();
    copy = dataset;
  }
  CHECK(memory.use_count() > 1);
  copy = Dataset();
  CHECK(memory.use_count() == 1);
}

TEST_CASE("channels and type of the values are part of the fingerprint, which grey bytes have as ever") {
  Arrays in;
  const std::string two = in.make().fingerprint;
  in.arrays.columns = 6, in.arrays.channels = 1;
  // By XXH3 of (count, rows, columns, images, labels) of both sets, as the first release computed it.
  CHECK(in.make().fingerprint == "bc0d7077ad37a4dcfc2591f19a9463f7");
  CHECK(in.make().fingerprint != two);
  // The same memory as bytes of four channels, and as floats.
  const std::vector<std::uint8_t> zeros(12 * 24);
  in.arrays.test = {};
  in.arrays.train.images = bytes_of(zeros);
  in.arrays.columns = 3, in.arrays.channels = 4;
  const std::string four = in.make().fingerprint;
  in.arrays.pixels = PixelType::kFloat32, in.arrays.channels = 1;
  CHECK(in.make().fingerprint != four);
}

TEST_CASE("floats are taken as they are when they are finite, at any address") {
  Arrays in;
  std::vector<float> values(12 * 12, -1.5F);
  in.arrays.pixels = PixelType::kFloat32;
  in.arrays.test = {};
  in.arrays.train.images = bytes_of(values);
  const std::string fingerprint = in.make().fingerprint;
  std::vector<std::byte> shifted(values.size() * sizeof(float) + 1);
  std::memcpy(shifted.data() + 1, values.data(), values.size() * sizeof(float));
  in.arrays.train.images = std::span(shifted).subspan(1);
  CHECK(in.make().fingerprint == fingerprint);
  in.arrays.train.images = bytes_of(values);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    values[5 * 12 + 3] = bad;
    CHECK(in.refusal(Status::kData).find("image 5 of 'training images'") != std::string::npos);
  }
}

TEST_CASE("there may be no test set, and a split of it can be changed") {
  Arrays in;
  const std::string with_test = in.make().fingerprint;
  in.arrays.test = {};
  Dataset dataset = in.make(5);
  CHECK(dataset.test.count == 0);
  CHECK(dataset.test.rows == 2);
  CHECK(dataset.fingerprint != with_test);
  dataset.split_off_validation(1);
  CHECK(dataset.train.count == 11);
  CHECK(dataset.validation.count == 1);
  dataset.split_off_validation(0);
  CHECK(dataset.train.count == 12);
  message_of(Status::kConfig, [&] { dataset.split_off_validation(12); });
}

TEST_CASE("arrays that do not fit each other, and labels that are no class, are refused by name") {
  const auto refusal = [](Status status, auto change) {
    Arrays in;
    change(in);
    return in.refusal(status);
  };
  const auto argument = [&](auto change) { return refusal(Status::kInvalidArgument, change); };
  const auto data = [&](auto change) { return refusal(Status::kData, change); };
  CHECK(argument([](Arrays& in) { in.arrays.rows = 0; }).find("0 rows") != std::string::npos);
  CHECK(argument([](Arrays& in) {
          in.arrays.rows = in.arrays.columns = in.arrays.channels = 1 << 20;
        }).find("too large") != std::string::npos);
  CHECK(argument([](Arrays& in) { in.arrays.train.images = in.arrays.train.images.first(143); }).find("143 bytes") !=
        std::string::npos);
  CHECK(argument([](Arrays& in) {
          in.arrays.train.images = in.arrays.train.images.first(132);
        }).find("11 training images and 12 training labels") != std::string::npos);
  CHECK(argument([](Arrays& in) { in.arrays.test.labels = {}; }).find("6 test images and 0 test labels") !=
        std::string::npos);
  CHECK(argument([](Arrays& in) { in.arrays.train = {}; }).find("at least one") != std::string::npos);
  CHECK(argument([](Arrays& in) { in.arrays.classes = 257; }).find("at most 256") != std::string::npos);
  CHECK(data([](Arrays& in) { in.train_labels[7] = -1; }).find("label -1 of image 7") != std::string::npos);
  CHECK(data([](Arrays& in) { in.test_labels[3] = 256; }).find("label 256 of image 3 in 'test labels'") !=
        std::string::npos);
  CHECK(data([](Arrays& in) { in.arrays.classes = 2; }).find("has label 2, but there are 2 classes") !=
        std::string::npos);
  Arrays in;
  in.arrays.classes = 256;
  CHECK(in.make().classes == 256);
}
