#include "engine/augmentation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/small_problem.h"

using namespace spot;
using small_problem::Problem, small_problem::spec_of, small_problem::state_of;

namespace {

constexpr std::size_t kRows = 5, kColumns = 7;

std::vector<std::uint8_t> image_of(std::size_t rows, std::size_t columns) {
  std::vector<std::uint8_t> image;
  for (std::size_t i = 0; i < rows * columns; ++i) image.push_back(static_cast<std::uint8_t>(17 * i + 3));
  return image;
}

std::vector<float> moved(const std::vector<std::uint8_t>& image, std::size_t rows, std::size_t columns,
                         const ImageMove& move) {
  std::vector<float> values(rows * columns, -1);
  ImageMover(1, rows, columns).move(image.data(), PixelType::kUint8, move, values.data());
  return values;
}

std::vector<float> state_after(const EngineSpec& spec, const Problem& problem, std::uint64_t steps) {
  const auto engine = create_cpu_engine(spec, Log());
  for (std::uint64_t step = 0; step < steps; ++step) engine->train_step(problem.view(), step, 1e-2F);
  return state_of(*engine);
}

const char* const kNetwork = R"({"type":"conv2d","filters":8,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
                                {"type":"flatten"},{"type":"dense","units":5})";

}  // namespace

TEST_CASE("an image is shifted by whole pixels, exactly, and zeros come in") {
  const auto image = image_of(kRows, kColumns);
  for (int down = -6; down <= 6; ++down) {
    for (int right = -8; right <= 8; ++right) {
      const auto values =
          moved(image, kRows, kColumns, {.down = static_cast<float>(down), .right = static_cast<float>(right)});
      for (int y = 0; y < static_cast<int>(kRows); ++y) {
        for (int x = 0; x < static_cast<int>(kColumns); ++x) {
          const int from_y = y - down, from_x = x - right;
          const bool inside =
              from_y >= 0 && from_y < static_cast<int>(kRows) && from_x >= 0 && from_x < static_cast<int>(kColumns);
          const auto place = static_cast<std::size_t>(from_y * static_cast<int>(kColumns) + from_x);
          const float expected = inside ? static_cast<float>(image[place]) / 255.0F : 0.0F;
          CHECK(values[static_cast<std::size_t>(y * static_cast<int>(kColumns) + x)] == expected);
        }
      }
    }
  }
}

TEST_CASE("an image is turned around its centre") {
  const std::size_t side = 6;
  const auto image = image_of(side, side);
  const auto quarter = moved(image, side, side, {.sine = 1, .cosine = 0});
  const auto half = moved(image, side, side, {.sine = 0, .cosine = -1});
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      // What was at (row a, column b) from the centre is at (b, -a): a quarter turn.
      CHECK(quarter[y * side + x] == static_cast<float>(image[(side - 1 - x) * side + y]) / 255.0F);
      CHECK(half[y * side + x] == static_cast<float>(image[(side - 1 - y) * side + side - 1 - x]) / 255.0F);
    }
  }
  // Between pixels: an eighth of a turn of a square of four.
  const std::vector<std::uint8_t> four = {0, 100, 200, 60};
  const float turn = std::sqrt(0.5F);
  const auto eighth = moved(four, 2, 2, {.sine = turn, .cosine = turn});
  // Its place is in the middle of the rows, 0.7071 left of the middle of the columns.
  CHECK(eighth[0] == doctest::Approx((1.5 - turn) * 100 / 255).epsilon(1e-5));
  const std::vector<std::uint8_t> flat(kRows * kColumns, 255);
  CHECK(moved(flat, kRows, kColumns, {.sine = turn, .cosine = turn})[kRows / 2 * kColumns + kColumns / 2] ==
        doctest::Approx(1.0));
}

TEST_CASE("moves are uniform within their bounds, and a function of seed, step and sample alone") {
  const AugmentationSpec spec = {.shift = 2, .rotation = 30};
  std::map<std::pair<float, float>, int> shifts;
  int quarters[4] = {};
  for (std::uint64_t step = 0; step < 50; ++step) {
    for (std::size_t sample = 0; sample < 40; ++sample) {
      const ImageMove move = move_of(spec, 7, step, sample);
      CHECK(std::abs(move.down) <= 2);
      CHECK(std::abs(move.right) <= 2);
      const double degrees = std::atan2(move.sine, move.cosine) * 180 / 3.14159265358979;
      CHECK(std::abs(degrees) <= 30.001);
      ++quarters[std::min(3, static_cast<int>((degrees + 30) / 15))];
      ++shifts[{move.down, move.right}];
      const ImageMove again = move_of(spec, 7, step, sample);
      CHECK(again.sine == move.sine);
      CHECK(again.down == move.down);
    }
  }
  // Within five standard deviations of even.
  CHECK(shifts.size() == 25);
  for (const auto& [shift, count] : shifts) CHECK(std::abs(count - 80) < 5 * std::sqrt(80));
  for (const int count : quarters) CHECK(std::abs(count - 500) < 5 * std::sqrt(500));
  // Far steps and other seeds are other streams.
  CHECK(move_of(spec, 7, 1, 3).sine != move_of(spec, 7, (std::uint64_t{1} << 32) + 1, 3).sine);
  CHECK(move_of(spec, 7, 1, 3).sine != move_of(spec, 8, 1, 3).sine);
  CHECK(move_of(spec, 7, 1, 3).sine != move_of(spec, 7, 1, 4).sine);
}

TEST_CASE("augmented training is the same for any number of threads, and leaves evaluation alone") {
  const Problem problem(kNetwork, {1, 12, 12}, 21);
  EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam}, 1);
  const auto plain = state_after(spec, problem, 4);
  spec.augmentation = {.shift = 2, .rotation = 15};
  const auto augmented = state_after(spec, problem, 4);
  CHECK(augmented != plain);
  for (const int threads : {2, 4}) {
    spec.threads = threads;
    CHECK(state_after(spec, problem, 4) == augmented);
  }
  // The first evaluation sees the images as they are.
  const auto engine = create_cpu_engine(spec, Log());
  spec.augmentation = {};
  const auto other = create_cpu_engine(spec, Log());
  CHECK(engine->evaluate(problem.view()).loss_sum == other->evaluate(problem.view()).loss_sum);
}

TEST_CASE("a step trains on exactly the moved images, every channel of them") {
  for (const std::int64_t channels : {1, 2, 3}) {
    CAPTURE(channels);
    const Problem problem(kNetwork, {channels, 12, 12}, 21);
    EngineSpec spec = spec_of(problem, {});
    spec.augmentation = {.shift = 3};
    const std::uint64_t step = 5;
    const double loss = create_cpu_engine(spec, Log())->train_step(problem.view(), step, 0).loss;

    Problem moved_problem = problem;
    const auto count = static_cast<std::size_t>(channels);
    for (std::size_t plane = 0; plane < problem.images.size() / 144; ++plane) {
      const ImageMove move = move_of(spec.augmentation, spec.seed, step, plane / count);
      const auto place = [&](std::size_t pixel) { return (plane / count * 144 + pixel) * count + plane % count; };
      std::vector<std::uint8_t> image;
      for (std::size_t i = 0; i < 144; ++i) image.push_back(problem.images[place(i)]);
      const auto values = moved(image, 12, 12, move);
      for (std::size_t i = 0; i < 144; ++i) {
        moved_problem.images[place(i)] = static_cast<std::uint8_t>(std::lround(values[i] * 255));
      }
    }
    spec.augmentation = {};
    CHECK(create_cpu_engine(spec, Log())->train_step(moved_problem.view(), step, 0).loss == loss);
  }
}
