#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "engine/augmentation.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/image_planes.h"
#include "support/small_problem.h"

// Images of any count of channels, of bytes or floats, on the CPU engine.

using namespace spot;
using small_problem::Problem, small_problem::spec_of, small_problem::state_of;

namespace {

const char* const kNetwork = R"({"type":"conv2d","filters":8,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
                                {"type":"conv2d","filters":7,"kernel":3},{"type":"relu"},
                                {"type":"flatten"},{"type":"dense","units":5})";

std::vector<float> state_after(const EngineSpec& spec, const BatchView& batch, std::uint64_t steps) {
  const auto engine = create_cpu_engine(spec, Log());
  for (std::uint64_t step = 0; step < steps; ++step) engine->train_step(batch, step, 1e-2F);
  return state_of(*engine);
}

const std::uint8_t* bytes_of(const std::vector<float>& values) {
  return reinterpret_cast<const std::uint8_t*>(values.data());
}

}  // namespace

TEST_CASE("channels that lie side by side are taken apart, at any address") {
  constexpr std::size_t kPixels = 37;
  for (std::size_t channels = 1; channels <= 6; ++channels) {
    CAPTURE(channels);
    std::vector<std::uint8_t> bytes(kPixels * channels);
    std::vector<float> floats(kPixels * channels);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
      floats[i] = 0.25F * static_cast<float>(i) - 5;
    }
    std::vector<std::uint8_t> shifted(floats.size() * sizeof(float) + 1);
    std::memcpy(shifted.data() + 1, floats.data(), floats.size() * sizeof(float));
    std::vector<float> of_bytes(bytes.size()), of_floats(bytes.size());
    to_planes(bytes.data(), PixelType::kUint8, channels, kPixels, of_bytes.data());
    to_planes(shifted.data() + 1, PixelType::kFloat32, channels, kPixels, of_floats.data());
    for (std::size_t channel = 0; channel < channels; ++channel) {
      for (std::size_t pixel = 0; pixel < kPixels; ++pixel) {
        const std::size_t from = pixel * channels + channel, to = channel * kPixels + pixel;
        CHECK(of_bytes[to] == static_cast<float>(bytes[from]) / 255.0F);
        CHECK(of_floats[to] == floats[from]);
      }
    }
  }
}

TEST_CASE("floats of k / 255 train to the same bits as bytes, for any number of threads") {
  for (const std::int64_t channels : {1, 3}) {
    CAPTURE(channels);
    const Problem problem(kNetwork, {channels, 12, 11}, 21);
    std::vector<float> floats;
    for (const std::uint8_t value : problem.images) floats.push_back(static_cast<float>(value) / 255.0F);
    BatchView of_floats = problem.view();
    of_floats.images = bytes_of(floats);
    of_floats.type = PixelType::kFloat32;
    EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam}, 1);
    const auto expected = state_after(spec, problem.view(), 4);
    for (const int threads : {1, 2, 4}) {
      spec.threads = threads;
      CHECK(state_after(spec, of_floats, 4) == expected);
      CHECK(state_after(spec, problem.view(), 4) == expected);
    }
    CHECK(create_cpu_engine(spec, Log())->evaluate(of_floats).loss_sum ==
          create_cpu_engine(spec, Log())->evaluate(problem.view()).loss_sum);
  }
}

TEST_CASE("every channel of an image is moved alike, floats as bytes") {
  constexpr std::size_t kRows = 7, kColumns = 9, kChannels = 3, kPixels = kRows * kColumns;
  const ImageMove move = {.down = 1, .right = -2, .sine = 0.6F, .cosine = 0.8F};
  std::vector<std::uint8_t> image(kPixels * kChannels);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * 29 + 11);
  const std::vector<float> floats(image.begin(), image.end());
  std::vector<float> of_bytes(image.size()), of_floats(image.size());
  ImageMover mover(kChannels, kRows, kColumns);
  mover.move(image.data(), PixelType::kUint8, move, of_bytes.data());
  mover.move(bytes_of(floats), PixelType::kFloat32, move, of_floats.data());
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    std::vector<std::uint8_t> plane(kPixels);
    for (std::size_t pixel = 0; pixel < kPixels; ++pixel) plane[pixel] = image[pixel * kChannels + channel];
    std::vector<float> expected(kPixels);
    ImageMover(1, kRows, kColumns).move(plane.data(), PixelType::kUint8, move, expected.data());
    const auto first = of_bytes.begin() + static_cast<std::ptrdiff_t>(channel * kPixels);
    CHECK(std::equal(expected.begin(), expected.end(), first));
  }
  // Floats are seen as they are: 255 times as bright.
  for (std::size_t i = 0; i < image.size(); ++i) CHECK(of_floats[i] / 255.0F == of_bytes[i]);
}

TEST_CASE("augmented images of floats train the same for any number of threads") {
  Problem problem(kNetwork, {3, 12, 11}, 21);
  problem.take_floats();
  EngineSpec spec = spec_of(problem, {}, 1);
  spec.augmentation = {.shift = 2, .rotation = 15};
  const auto expected = state_after(spec, problem.view(), 4);
  for (const int threads : {2, 4}) {
    spec.threads = threads;
    CHECK(state_after(spec, problem.view(), 4) == expected);
  }
}
