#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

/// A convolution of 3 x 3 and stride 1, followed by ReLU and max-pooling over windows of 2 x 2. Images are blocked,
/// as in window_shape.h, but the input has no padding around it: what lies outside counts as zero.
struct WinogradShape {
  std::size_t block = 0;
  std::size_t input_channels = 0;   ///< in whole blocks
  std::size_t rows = 0;             ///< of the input
  std::size_t columns = 0;          ///< likewise
  std::size_t top = 0;              ///< rows of padding above
  std::size_t left = 0;             ///< columns of padding on the left
  std::size_t output_channels = 0;  ///< in whole blocks
  std::size_t chunk = 0;            ///< output channels whose weights lie side by side; divides output_channels
  std::size_t windows_down = 0;
  std::size_t windows_across = 0;

  [[nodiscard]] std::size_t pixels() const { return rows * columns; }
  [[nodiscard]] std::size_t windows() const { return windows_down * windows_across; }
  /// A tile is 4 x 4 outputs: 2 x 2 windows. What is left over at the edges belongs to none.
  [[nodiscard]] std::size_t tiles_down() const { return windows_down / 2; }
  [[nodiscard]] std::size_t tiles_across() const { return windows_across / 2; }
};

/// Pixels of a tile's receptive field, and of what its transforms have in their place.
constexpr std::size_t kWinogradPoints = 36;
/// Tiles that are computed together, of one image or of several: the weights are read once for all of them.
constexpr std::size_t kWinogradTiles = 24;

/// A tile that is to be computed.
struct WinogradTile {
  const float* input;     ///< its image
  float* output;          ///< likewise
  std::uint8_t* winners;  ///< likewise, or null
  std::uint8_t* done;     ///< its first window there
  std::size_t down, across;
  float largest_input;      ///< of the image, without its sign
  std::uint8_t is_done[4];  ///< of its windows
};

/// What a worker needs.
struct WinogradScratch {
  std::uint8_t* kinds = nullptr;  // [winograd_kinds()]
  WinogradTile* tiles = nullptr;  // [kWinogradTiles]
  float* inputs = nullptr;        // [winograd_inputs()]
  float* products = nullptr;      // [kWinogradTiles][chunk / vector][kWinogradPoints][vector]
};
std::size_t winograd_kinds(const WinogradShape& shape);
std::size_t winograd_inputs(const WinogradShape& shape);

struct WinogradForward {
  std::size_t images = 0;
  const float* input = nullptr;
  std::size_t input_pitch = 0;  ///< from one image to the next
  /// Null, or not zero where a pixel has the one value that the background has.
  const std::uint8_t* background = nullptr;  // [image][pixel]
  float background_size = 0;                 ///< the largest channel of that value, without its sign
  const float* weights = nullptr;            ///< transformed
  const float* bias = nullptr;               // [output channel]
  const float* norms = nullptr;              ///< Euclidean norms of the weights, likewise
  float rounding = 0;                        ///< winograd_rounding()
  float* output = nullptr;                   // blocked, [image][output channel / block][window][block]
  std::size_t output_pitch = 0;
  std::uint8_t* winners = nullptr;  ///< likewise, images windows() * output_channels apart; null: nothing flows back
  std::uint8_t* done = nullptr;     // [image][window]
};

/// A bound on the rounding error of an output, for weights of norm 1 and of both signs, and inputs of at most 1: what
/// was seen with 16 to 512 input channels is less than 0.8 of it (tests/unit/winograd_test.cpp).
float winograd_rounding(std::size_t input_channels);

/// output = max(0, the maximum over each window of bias + weights * input), for those windows for which done = 1; the
/// others are left to window_forward().
void winograd_forward(const WinogradShape& shape, const WinogradForward& pass, const WinogradScratch& scratch);

/// Transforms the weights of one input channel for one chunk of output channels: `from` is [tap][chunk], and
/// point p of the result lies at to[p * input_channels * chunk].
void winograd_weights(const WinogradShape& shape, const float* from, float* to);

}  // namespace spot::kernels
