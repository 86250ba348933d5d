#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include "base/philox.h"
#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/kernels/instruction_set.h"
#include "engine/cpu/kernels/window_forward.h"
#include "engine/cpu/kernels/winograd_forward.h"

// The kernel of fast mode against the definition of what it computes, in double.

using namespace spot;
using kernels::WinogradShape;

namespace {

enum class Content { kDense, kHalfZero, kBackground };

/// One convolution over a few images.
struct Case {
  WinogradShape shape;
  std::size_t images = 3;
  std::vector<float> input, weights, bias, background_value;
  std::vector<std::uint8_t> background;  // [image][pixel], empty: not known

  Case(std::size_t block, std::size_t inputs, std::size_t outputs, std::size_t rows, std::size_t columns,
       std::size_t padding, Content content, bool has_bias);

  /// Where the channel of a pixel lies in an image of `pixels` pixels.
  [[nodiscard]] std::size_t at(std::size_t channel, std::size_t pixel, std::size_t pixels) const {
    return (channel / shape.block * pixels + pixel) * shape.block + channel % shape.block;
  }
  [[nodiscard]] bool is_background(std::size_t image, std::size_t pixel) const {
    return !background.empty() && background[image * shape.pixels() + pixel] != 0;
  }
};

Case::Case(std::size_t block, std::size_t inputs, std::size_t outputs, std::size_t rows, std::size_t columns,
           std::size_t padding, Content content, bool has_bias) {
  shape = {.block = block,
           .input_channels = inputs,
           .rows = rows,
           .columns = columns,
           .top = padding,
           .left = padding,
           .output_channels = outputs,
           .chunk = kernels::window_forward_chunk({.output_channels = outputs}),
           .windows_down = (rows + 2 * padding - 2) / 2,
           .windows_across = (columns + 2 * padding - 2) / 2};
  RandomStream random(3, RandomPurpose::kSyntheticData);
  const auto uniform = [&] { return 2 * random.next_uniform() - 1; };
  for (std::size_t i = 0; i < outputs * inputs * 9; ++i) weights.push_back(0.2F * uniform());
  for (std::size_t i = 0; i < outputs; ++i) bias.push_back(has_bias ? 0.1F * uniform() : 0.0F);
  for (std::size_t i = 0; i < inputs; ++i) background_value.push_back(std::max(0.0F, uniform()));
  const bool has_background = content == Content::kBackground;
  if (has_background) background.resize(images * shape.pixels());
  input.resize(images * shape.pixels() * inputs);
  for (std::size_t image = 0; image < images; ++image) {
    for (std::size_t pixel = 0; pixel < shape.pixels(); ++pixel) {
      const bool inside = pixel / columns > rows / 3 && pixel % columns > columns / 4;
      const bool empty = content != Content::kDense && !inside;
      if (has_background && empty) background[image * shape.pixels() + pixel] = 1;
      for (std::size_t channel = 0; channel < inputs; ++channel) {
        const float value = std::max(0.0F, uniform());
        input[image * shape.pixels() * inputs + at(channel, pixel, shape.pixels())] = !empty ? value
                                                                                      : has_background
                                                                                          ? background_value[channel]
                                                                                          : 0.0F;
      }
    }
  }
}

struct Result {
  std::vector<float> output, norms;
  std::vector<std::uint8_t> winners, done;
};

Result compute(const Case& c) {
  const WinogradShape& shape = c.shape;
  const std::size_t of_chunk = kernels::kWinogradPoints * shape.input_channels * shape.chunk;
  AlignedBuffer<float> transformed(kernels::kWinogradPoints * shape.input_channels * shape.output_channels);
  std::vector<float> taps(9 * shape.chunk);
  Result result;
  result.norms.resize(shape.output_channels);
  for (std::size_t output = 0; output < shape.output_channels; output += shape.chunk) {
    for (std::size_t input = 0; input < shape.input_channels; ++input) {
      for (std::size_t tap = 0; tap < 9; ++tap) {
        for (std::size_t o = 0; o < shape.chunk; ++o) {
          const float weight = c.weights[((output + o) * shape.input_channels + input) * 9 + tap];
          taps[tap * shape.chunk + o] = weight;
          result.norms[output + o] += weight * weight;
        }
      }
      kernels::winograd_weights(shape, taps.data(),
                                transformed.data() + output / shape.chunk * of_chunk + input * shape.chunk);
    }
  }
  for (float& norm : result.norms) norm = std::sqrt(norm);
  result.output.resize(c.images * shape.windows() * shape.output_channels);
  result.winners.resize(result.output.size());
  result.done.resize(c.images * shape.windows());
  AlignedBuffer<std::uint8_t> kinds(kernels::winograd_kinds(shape));
  AlignedBuffer<kernels::WinogradTile> tiles(kernels::kWinogradTiles);
  AlignedBuffer<float> inputs(kernels::winograd_inputs(shape));
  AlignedBuffer<float> products(kernels::kWinogradTiles * kernels::kWinogradPoints * shape.chunk);
  kernels::winograd_forward(shape,
                            {.images = c.images,
                             .input = c.input.data(),
                             .input_pitch = shape.pixels() * shape.input_channels,
                             .background = c.background.empty() ? nullptr : c.background.data(),
                             .background_size = 1,
                             .weights = transformed.data(),
                             .bias = c.bias.data(),
                             .norms = result.norms.data(),
                             .rounding = kernels::winograd_rounding(shape.input_channels),
                             .output = result.output.data(),
                             .output_pitch = shape.windows() * shape.output_channels,
                             .winners = result.winners.data(),
                             .done = result.done.data()},
                            {kinds.data(), tiles.data(), inputs.data(), products.data()});
  return result;
}

/// One output of the convolution, and what its receptive field holds.
struct Output {
  double value;
  bool all_zero = true, all_background = true;
};

Output reference(const Case& c, std::size_t image, std::size_t channel, std::size_t y, std::size_t x) {
  Output output = {.value = c.bias[channel]};
  for (std::size_t tap = 0; tap < 9; ++tap) {
    const std::size_t row = y + tap / 3 - c.shape.top, column = x + tap % 3 - c.shape.left;
    if (row >= c.shape.rows || column >= c.shape.columns) {  // wraps round above and on the left
      output.all_background = false;
      continue;
    }
    const std::size_t pixel = row * c.shape.columns + column;
    output.all_background = output.all_background && c.is_background(image, pixel);
    for (std::size_t input = 0; input < c.shape.input_channels; ++input) {
      const float value =
          c.input[image * c.shape.pixels() * c.shape.input_channels + c.at(input, pixel, c.shape.pixels())];
      output.all_zero = output.all_zero && value == 0;
      output.value += double{value} * c.weights[(channel * c.shape.input_channels + input) * 9 + tap];
    }
  }
  return output;
}

/// What the result of one window and channel has to be: the value but for rounding, the decisions exactly.
void check_window(const Case& c, const Result& result, std::size_t image, std::size_t channel, std::size_t window) {
  const std::size_t y = 2 * (window / c.shape.windows_across), x = 2 * (window % c.shape.windows_across);
  double best = 0;
  std::uint8_t who = kernels::kNoWinner;
  for (std::uint8_t cell = 0; cell < 4; ++cell) {
    const Output output = reference(c, image, channel, y + cell / 2U, x + cell % 2U);
    CHECK_FALSE(output.all_zero);
    CHECK_FALSE(output.all_background);
    if (output.value <= best) continue;
    best = output.value;
    who = cell;
  }
  const std::size_t place =
      image * c.shape.windows() * c.shape.output_channels + c.at(channel, window, c.shape.windows());
  CHECK(std::abs(result.output[place] - best) <
        0.8F * kernels::winograd_rounding(c.shape.input_channels) * result.norms[channel]);
  CHECK(result.winners[place] == who);
}

/// Checks all; returns how many windows there were to check.
std::size_t check(const Case& c, const Result& result) {
  std::size_t windows = 0;
  for (std::size_t image = 0; image < c.images; ++image) {
    for (std::size_t window = 0; window < c.shape.windows(); ++window) {
      if (result.done[image * c.shape.windows() + window] == 0) continue;
      ++windows;
      for (std::size_t channel = 0; channel < c.shape.output_channels; ++channel) {
        check_window(c, result, image, channel, window);
      }
    }
  }
  return windows;
}

/// Calls visit() once for each instruction set of this processor.
template <typename Visit>
void for_each_target(const Visit& visit) {
  const std::int64_t best = hwy::SupportedTargets();
  for (const std::int64_t target : {std::int64_t{HWY_AVX3}, std::int64_t{HWY_AVX2}, std::int64_t{HWY_NEON}}) {
    if ((best & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    CAPTURE(std::string(kernels::target_name()));
    visit();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace

TEST_CASE("Winograd's convolution computes what the definition says, whatever channels, size, padding and content") {
  for_each_target([] {
    for (const std::size_t block : {8U, 16U}) {
      if (block % kernels::lanes() != 0) continue;
      for (const auto& [inputs, outputs] : {std::pair{1U, 1U}, {1U, 2U}, {2U, 1U}, {2U, 4U}, {3U, 2U}, {4U, 5U}}) {
        for (const Content content : {Content::kDense, Content::kHalfZero, Content::kBackground}) {
          for (const std::size_t padding : {0U, 1U, 2U}) {
            for (const bool has_bias : {false, true}) {
              CAPTURE(block);
              CAPTURE(inputs);
              CAPTURE(outputs);
              CAPTURE(static_cast<int>(content));
              CAPTURE(padding);
              CAPTURE(has_bias);
              const Case c(block, inputs * block, outputs * block, 11, 14, padding, content, has_bias);
              CHECK(check(c, compute(c)) > 0);
            }
          }
        }
      }
    }
  });
}

TEST_CASE("Winograd's rounding errors stay far below the bound by which decisions count as close") {
  for (const std::size_t inputs : {32U, 512U}) {
    CAPTURE(inputs);
    const Case c(16, inputs, 16, 18, 18, 0, Content::kDense, true);
    CHECK(check(c, compute(c)) > 0);
  }
}

TEST_CASE("Winograd's convolution takes images of any size, even those without a whole tile") {
  for (const std::size_t rows : {4U, 5U, 6U, 7U, 8U, 13U}) {
    for (const std::size_t columns : {4U, 6U, 9U, 27U}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const Case c(16, 16, 16, rows, columns, 0, Content::kDense, true);
      const std::size_t windows = c.images * (c.shape.windows_down / 2 * 2) * (c.shape.windows_across / 2 * 2);
      const std::size_t computed = check(c, compute(c));
      CHECK(computed <= windows);
      CHECK(computed >= windows * 95 / 100);  // all but those with a close decision
    }
  }
}

TEST_CASE("Winograd's convolution leaves close decisions to the exact pass") {
  Case c(16, 16, 16, 18, 18, 0, Content::kDense, false);
  const auto computed = [&] {
    const Result result = compute(c);
    return std::accumulate(result.done.begin(), result.done.end(), std::size_t{0});
  };
  CHECK(computed() > c.images * c.shape.windows() * 95 / 100);
  // Images that are the same everywhere: all outputs of a channel are equal.
  std::fill(c.input.begin(), c.input.end(), 0.7F);
  CHECK(computed() == 0);
  // A channel without weights, as those are that fill up a block, has exact zeros, and decides nothing.
  c = Case(16, 16, 16, 18, 18, 0, Content::kDense, false);
  std::fill_n(c.weights.begin(), 9 * 16, 0.0F);
  CHECK(computed() > c.images * c.shape.windows() * 95 / 100);
}

TEST_CASE("every instruction set gives the same bits of Winograd's convolution") {
  for (const Content content : {Content::kDense, Content::kHalfZero, Content::kBackground}) {
    const Case c(16, 48, 80, 15, 17, 1, content, true);
    std::vector<Result> results;
    for_each_target([&] { results.push_back(compute(c)); });
    REQUIRE(!results.empty());
    for (const Result& result : results) {
      CHECK(result.output == results[0].output);
      CHECK(result.winners == results[0].winners);
      CHECK(result.done == results[0].done);
    }
  }
}
