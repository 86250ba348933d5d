// Convolution of 3 x 3, ReLU and max-pooling in one pass by Winograd's minimal filtering F(4 x 4, 3 x 3): A. Lavin
// and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016 (arXiv:1509.09308). A tile of 4 x 4
// outputs has a receptive field of 6 x 6 inputs d, and with the weights g
//     outputs = A' [ sum over the input channels of (G g G') * (B' d B) ] A
// where * multiplies element by element: 36 products a channel instead of 144. The 36 points of many tiles are 36
// products of matrices, [tile][input channel] by [input channel][output channel].
//
// The matrices belong to the interpolation points 0, +-a, +-b and infinity. Lavin and Gray have a = 1, b = 2; with
// a = 5/8, b = 3/2 the rounding error is half as large, and every entry of A and B is still an exact float. (On the
// choice of points: B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
// Neural Networks", ACM Transactions on Mathematical Software 46, 2020.)
//
// Rounding changes values a little, which is harmless, but it must not change decisions: which output of a window is
// the largest, and whether that is positive. Where an exact zero is due, a small residue of either sign comes out, and
// ReLU lets a difference pass that should have been stopped; of equal outputs any may seem the largest. With biases of
// zero that changes the training within a few steps. Therefore windows are left to kernels/window_forward.h
//     in which an output's receptive field is all zero or all background, which is known before anything is computed,
//     and in which a decision was close, by less than a bound on the rounding errors: about one in a hundred. The bound
//     is twice what was seen with weights of both signs, and no proof.
// Tiles cost the same whatever is in them, and the other pass skips zeros one by one; so a tile of which half is left
// to it, or that is cut off by the edge, is left altogether.
//
// An output's sum runs over the input channels in ascending order, whatever the vector or the tiles computed with it.

#include "engine/cpu/kernels/winograd_forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/cpu/kernels/targets.h"
#include "engine/cpu/kernels/window_shape.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/winograd_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef SPOT_WINOGRAD_FORWARD_ONCE
#define SPOT_WINOGRAD_FORWARD_ONCE
namespace spot::kernels {
namespace {

constexpr std::size_t kField = 6, kOutputs = 4;  ///< rows of a tile's receptive field, and of the tile

/// What is known of a pixel, and of an output: of all pixels of its receptive field.
constexpr std::uint8_t kZero = 1, kBackground = 2;

/// Windows that make a tile worth while, of its four.
constexpr int kFewestWindows = 3;

// Constants of the interpolation points.
constexpr double kA = 0.625, kA2 = kA * kA, kB = 1.5, kB2 = kB * kB;
constexpr double kOfZero = 1 / (kA2 * kB2), kOfA = 1 / (2 * kA2 * (kA2 - kB2)), kOfB = 1 / (2 * kB2 * (kB2 - kA2));

std::size_t kind_columns(const WinogradShape& shape) {
  return kOutputs * shape.tiles_across() + 2;
}

/// Floats from one point to the next of the transformed inputs; the odd cache line keeps points off each other's
/// places of the cache.
std::size_t point_pitch(const WinogradShape& shape) {
  return kWinogradTiles * shape.input_channels + 16;
}

}  // namespace
}  // namespace spot::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
using Mask = hn::Mask<Tag>;
using DoubleTag = hn::CappedTag<double, 8>;
using DoubleVector = hn::Vec<DoubleTag>;
constexpr std::size_t kLanes = HWY_MIN(HWY_LANES(float), 16);
/// Vector registers decide how many tiles fit, by two vectors of output channels.
constexpr std::size_t kTilesAtOnce = kLanes == 16 || HWY_ARCH_ARM_A64 ? 12 : 6;
constexpr std::size_t kFewTilesAtOnce = kTilesAtOnce / 3;
static_assert(kWinogradTiles % kTilesAtOnce == 0);

HWY_INLINE Vector set(double value) {
  return hn::Set(Tag(), static_cast<float>(value));
}

/// One row of B' d.
HWY_INLINE void transform_input(const Vector (&d)[kField], Vector (&v)[kField]) {
  const auto even_a = hn::NegMulAdd(set(kB2), d[2], d[4]), odd_a = hn::NegMulAdd(set(kB2), d[1], d[3]);
  const auto even_b = hn::NegMulAdd(set(kA2), d[2], d[4]), odd_b = hn::NegMulAdd(set(kA2), d[1], d[3]);
  v[0] = hn::MulAdd(set(kA2 * kB2), d[0], hn::NegMulAdd(set(kA2 + kB2), d[2], d[4]));
  v[1] = hn::MulAdd(set(kA), odd_a, even_a);
  v[2] = hn::NegMulAdd(set(kA), odd_a, even_a);
  v[3] = hn::MulAdd(set(kB), odd_b, even_b);
  v[4] = hn::NegMulAdd(set(kB), odd_b, even_b);
  v[5] = hn::MulAdd(set(kA2 * kB2), d[1], hn::NegMulAdd(set(kA2 + kB2), d[3], d[5]));
}

/// One row of A' m.
HWY_INLINE void transform_output(const Vector (&m)[kField], Vector (&y)[kOutputs]) {
  const auto sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
  const auto sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
  y[1] = hn::MulAdd(set(kB), difference_b, hn::Mul(set(kA), difference_a));
  y[2] = hn::MulAdd(set(kB2), sum_b, hn::Mul(set(kA2), sum_a));
  y[3] = hn::MulAdd(set(kB2 * kB), difference_b, hn::MulAdd(set(kA2 * kA), difference_a, m[5]));
}

/// One row of G g, in double: it is done once a step, and the error would be in every product.
HWY_INLINE void transform_weights(const DoubleVector (&g)[3], DoubleVector (&u)[kField]) {
  const DoubleTag d;
  const auto even_a = hn::Mul(hn::Set(d, kOfA), hn::MulAdd(hn::Set(d, kA2), g[2], g[0]));
  const auto even_b = hn::Mul(hn::Set(d, kOfB), hn::MulAdd(hn::Set(d, kB2), g[2], g[0]));
  const auto odd_a = hn::Mul(hn::Set(d, kOfA * kA), g[1]), odd_b = hn::Mul(hn::Set(d, kOfB * kB), g[1]);
  u[0] = hn::Mul(hn::Set(d, kOfZero), g[0]);
  u[1] = hn::Add(even_a, odd_a);
  u[2] = hn::Sub(even_a, odd_a);
  u[3] = hn::Add(even_b, odd_b);
  u[4] = hn::Sub(even_b, odd_b);
  u[5] = g[2];
}

void winograd_weights_here(const WinogradShape& shape, const float* from, float* to) {
  const DoubleTag d;
  const hn::Rebind<float, DoubleTag> df;
  for (std::size_t at = 0; at < shape.chunk; at += hn::Lanes(d)) {
    DoubleVector rows[3][kField];  // g G' by row
    for (std::size_t row = 0; row < 3; ++row) {
      DoubleVector taps[3];
      for (std::size_t column = 0; column < 3; ++column) {
        taps[column] = hn::PromoteTo(d, hn::LoadU(df, from + (3 * row + column) * shape.chunk + at));
      }
      transform_weights(taps, rows[row]);
    }
    for (std::size_t column = 0; column < kField; ++column) {
      const DoubleVector in[3] = {rows[0][column], rows[1][column], rows[2][column]};
      DoubleVector out[kField];
      transform_weights(in, out);
      for (std::size_t row = 0; row < kField; ++row) {
        const std::size_t point = kField * row + column;
        hn::StoreU(hn::DemoteTo(df, out[row]), df, to + point * shape.input_channels * shape.chunk + at);
      }
    }
  }
}

/// The largest channel of a pixel, without its sign.
HWY_INLINE float largest_of(const WinogradShape& shape, const float* pixel) {
  const Tag d;
  auto largest = hn::Zero(d);
  for (std::size_t channel = 0; channel < shape.input_channels; channel += kLanes) {
    const float* values = pixel + channel / shape.block * shape.pixels() * shape.block + channel % shape.block;
    largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values)));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

/// Finds the kinds of the outputs, in rows of kind_columns(); returns the largest input, without its sign.
float mark_outputs(const WinogradShape& shape, const WinogradForward& pass, std::size_t image, std::uint8_t* kinds) {
  const std::size_t columns = kind_columns(shape), outputs = kOutputs * shape.tiles_down() * columns;
  // First the pixels; outside the image all is zero.
  std::fill_n(kinds, winograd_kinds(shape), kZero);
  const std::uint8_t background = kBackground | (pass.background_size == 0 ? kZero : 0);
  float largest = pass.background_size;
  const float* input = pass.input + image * pass.input_pitch;
  const std::uint8_t* marks = pass.background == nullptr ? nullptr : pass.background + image * shape.pixels();
  const std::size_t rows = std::min(shape.rows, kOutputs * shape.tiles_down() + 2 - shape.top);
  const std::size_t across = std::min(shape.columns, columns - shape.left);
  for (std::size_t y = 0; y < rows; ++y) {
    std::uint8_t* to = kinds + (y + shape.top) * columns + shape.left;
    for (std::size_t x = 0; x < across; ++x) {
      const std::size_t pixel = y * shape.columns + x;
      if (marks != nullptr && marks[pixel] != 0) {
        to[x] = background;
        continue;
      }
      const float value = largest_of(shape, input + pixel * shape.block);
      to[x] = value == 0 ? kZero : 0;
      largest = std::max(largest, value);
    }
  }
  // Then what is common to the three pixels of a row, and to the three rows. At the end of a row that means nothing,
  // but there is no output there.
  for (std::size_t i = 0; i < outputs + 2 * columns - 2; ++i) kinds[i] &= kinds[i + 1] & kinds[i + 2];
  for (std::size_t i = 0; i < outputs; ++i) kinds[i] &= kinds[i + columns] & kinds[i + 2 * columns];
  return largest;
}

/// The maximum of a window's outputs a, b, c and d, and who it was; returns the lanes where that, or whether it is
/// positive, was decided by no more than about `bound`.
HWY_INLINE Mask store_maximum(Vector a, Vector b, Vector c, Vector d, Vector bound, float* output,
                              std::uint8_t* winner) {
  const Tag df;
  const hn::RebindToSigned<Tag> di;
  const hn::Rebind<std::uint8_t, Tag> du8;
  const auto zero = hn::Zero(df);
  const auto top = hn::Max(a, b), bottom = hn::Max(c, d), best = hn::Max(top, bottom);
  hn::StoreU(hn::Max(best, zero), df, output);
  if (winner != nullptr) {
    const auto right_of = [&](Vector left, Vector right) { return hn::RebindMask(di, hn::Gt(right, left)); };
    const auto who_on_top = hn::IfThenElseZero(right_of(a, b), hn::Set(di, 1));
    const auto who_below = hn::IfThenElse(right_of(c, d), hn::Set(di, 3), hn::Set(di, 2));
    const auto who = hn::IfThenElse(right_of(top, bottom), who_below, who_on_top);
    const auto positive = hn::RebindMask(di, hn::Gt(best, zero));
    hn::StoreU(hn::DemoteTo(du8, hn::IfThenElse(positive, who, hn::Set(di, kNoWinner))), du8, winner);
  }
  // The next best, or the zero of ReLU.
  const auto next = hn::Max(hn::Max(hn::Min(a, b), hn::Min(c, d)), hn::Max(hn::Min(top, bottom), zero));
  return hn::And(hn::Gt(best, hn::Neg(bound)), hn::Le(hn::Sub(best, next), bound));
}

/// Stores the four windows of a tile for one vector of output channels.
HWY_INLINE void store_tile(const WinogradShape& shape, const WinogradForward& pass, WinogradTile& tile,
                           std::size_t channel, const Vector (&y)[kOutputs * kOutputs], Vector bias) {
  const Tag d;
  // Both of what is compared may be off. Without weights and bias the outputs are exact, and nothing is close.
  const auto bound =
      hn::Mul(hn::Set(d, 2 * pass.rounding),
              hn::MulAdd(hn::Set(d, tile.largest_input), hn::LoadU(d, pass.norms + channel), hn::Abs(bias)));
  const std::size_t first = 2 * (tile.down * shape.windows_across + tile.across);
  const std::size_t plane = channel / shape.block * shape.windows();
  for (std::size_t window = 0; window < 4; ++window) {
    const std::size_t row = window / 2, column = window % 2, cell = 8 * row + 2 * column;
    const std::size_t at = (plane + first + row * shape.windows_across + column) * shape.block + channel % shape.block;
    const auto close = store_maximum(y[cell], y[cell + 1], y[cell + 4], y[cell + 5], bound, tile.output + at,
                                     tile.winners == nullptr ? nullptr : tile.winners + at);
    if (!hn::AllFalse(d, close)) tile.is_done[window] = 0;
  }
}

/// Copies a tile's receptive field for one vector of channels, with zeros where it leaves the image.
HWY_INLINE void copy_field(const WinogradShape& shape, const float* plane, std::size_t top, std::size_t left,
                           float* field) {
  const Tag d;
  for (std::size_t y = 0; y < kField; ++y) {
    for (std::size_t x = 0; x < kField; ++x) {
      // What lies above or on the left wraps round to a large number.
      const bool inside = top + y < shape.rows && left + x < shape.columns;
      const auto value =
          inside ? hn::LoadU(d, plane + ((top + y) * shape.columns + left + x) * shape.block) : hn::Zero(d);
      hn::StoreU(value, d, field + (kField * y + x) * kLanes);
    }
  }
}

/// B' d B for one vector of channels; `row` and `pixel` are the distances of the field's rows and pixels.
HWY_INLINE void transform_field(const float* field, std::size_t row, std::size_t pixel, float* to, std::size_t pitch) {
  const Tag d;
  Vector columns[kField][kField];  // B' d by column
  for (std::size_t x = 0; x < kField; ++x) {
    Vector in[kField];
    for (std::size_t y = 0; y < kField; ++y) in[y] = hn::LoadU(d, field + y * row + x * pixel);
    transform_input(in, columns[x]);
  }
  for (std::size_t y = 0; y < kField; ++y) {
    const Vector in[kField] = {columns[0][y], columns[1][y], columns[2][y],
                               columns[3][y], columns[4][y], columns[5][y]};
    Vector out[kField];
    transform_input(in, out);
    for (std::size_t x = 0; x < kField; ++x) hn::StoreU(out[x], d, to + (kField * y + x) * pitch);
  }
}

/// Transforms the input of tile number `index`, to [point][channel / block][tile][block].
void transform_tile(const WinogradShape& shape, const WinogradTile& tile, std::size_t index, float* inputs) {
  const std::size_t top = kOutputs * tile.down - shape.top, left = kOutputs * tile.across - shape.left;
  const bool is_inside =
      top < shape.rows && left < shape.columns && top + kField <= shape.rows && left + kField <= shape.columns;
  HWY_ALIGN float field[kField * kField * kLanes];
  for (std::size_t channel = 0; channel < shape.input_channels; channel += kLanes) {
    const std::size_t block = channel / shape.block, lane = channel % shape.block;
    const float* plane = tile.input + block * shape.pixels() * shape.block + lane;
    float* to = inputs + (block * kWinogradTiles + index) * shape.block + lane;
    if (is_inside) {
      transform_field(plane + (top * shape.columns + left) * shape.block, shape.columns * shape.block, shape.block, to,
                      point_pitch(shape));
    } else {
      copy_field(shape, plane, top, left, field);
      transform_field(field, kField * kLanes, kLanes, to, point_pitch(shape));
    }
  }
}

/// kTiles tiles by kVectors vectors of output channels.
template <std::size_t block, std::size_t chunk, std::size_t tiles, std::size_t vectors>
struct Product {
  static constexpr std::size_t kBlock = block, kChunk = chunk, kVectors = vectors, kSums = tiles * vectors;
};

template <typename P, std::size_t... index>
HWY_INLINE void add_products(Vector (&sums)[P::kSums], const float* inputs, const float* weights,
                             std::index_sequence<index...> /*sums*/) {
  const Tag d;
  Vector w[P::kVectors];
  for (std::size_t v = 0; v < P::kVectors; ++v) w[v] = hn::LoadU(d, weights + v * kLanes);
  ((sums[index] = hn::MulAdd(hn::Set(d, inputs[index / P::kVectors * P::kBlock]), w[index % P::kVectors], sums[index])),
   ...);
}

template <typename P, std::size_t... index>
HWY_INLINE void multiply(const float* inputs, std::size_t channels, const float* weights, float* products,
                         std::index_sequence<index...> all) {
  const Tag d;
  Vector sums[P::kSums];
  ((sums[index] = hn::Zero(d)), ...);
  for (std::size_t channel = 0; channel < channels; channel += P::kBlock) {
    for (std::size_t lane = 0; lane < P::kBlock; ++lane) {
      add_products<P>(sums, inputs + lane, weights + lane * P::kChunk, all);
    }
    inputs += kWinogradTiles * P::kBlock;
    weights += P::kBlock * P::kChunk;
  }
  ((hn::StoreU(sums[index], d,
               products + kWinogradPoints * (index / P::kVectors * P::kChunk + index % P::kVectors * kLanes))),
   ...);
}

/// One point of the first `count` tiles, or a few more.
template <std::size_t block, std::size_t chunk>
void multiply_point(const float* inputs, std::size_t channels, const float* weights, std::size_t count,
                    float* products) {
  constexpr std::size_t kVectors = HWY_MIN(chunk / kLanes, 2);
  using Many = Product<block, chunk, kTilesAtOnce, kVectors>;
  using Few = Product<block, chunk, kFewTilesAtOnce, kVectors>;
  for (std::size_t vector = 0; vector < chunk; vector += kVectors * kLanes) {
    std::size_t tile = 0;
    for (; tile + kTilesAtOnce <= count; tile += kTilesAtOnce) {
      multiply<Many>(inputs + tile * block, channels, weights + vector,
                     products + kWinogradPoints * (tile * chunk + vector), std::make_index_sequence<Many::kSums>());
    }
    for (; tile < count; tile += kFewTilesAtOnce) {
      multiply<Few>(inputs + tile * block, channels, weights + vector,
                    products + kWinogradPoints * (tile * chunk + vector), std::make_index_sequence<Few::kSums>());
    }
  }
}

/// A' m A for one vector of output channels, and what becomes of it.
HWY_INLINE void finish_tile(const WinogradShape& shape, const WinogradForward& pass, WinogradTile& tile,
                            const float* products, std::size_t channel) {
  const Tag d;
  Vector columns[kField][kOutputs];  // A' m by column
  for (std::size_t x = 0; x < kField; ++x) {
    Vector in[kField];
    for (std::size_t y = 0; y < kField; ++y) in[y] = hn::LoadU(d, products + (kField * y + x) * kLanes);
    transform_output(in, columns[x]);
  }
  const auto bias = hn::LoadU(d, pass.bias + channel);
  Vector y[kOutputs * kOutputs];
  for (std::size_t row = 0; row < kOutputs; ++row) {
    const Vector in[kField] = {columns[0][row], columns[1][row], columns[2][row],
                               columns[3][row], columns[4][row], columns[5][row]};
    Vector out[kOutputs];
    transform_output(in, out);
    for (std::size_t x = 0; x < kOutputs; ++x) y[kOutputs * row + x] = hn::Add(out[x], bias);
  }
  store_tile(shape, pass, tile, channel, y, bias);
}

template <std::size_t block, std::size_t chunk>
void compute_tiles(const WinogradShape& shape, const WinogradForward& pass, const WinogradScratch& scratch,
                   std::size_t count) {
  for (std::size_t t = 0; t < count; ++t) transform_tile(shape, scratch.tiles[t], t, scratch.inputs);
  const std::size_t size_of_point = shape.input_channels * chunk;
  for (std::size_t first = 0; first < shape.output_channels; first += chunk) {
    const float* weights = pass.weights + first / chunk * kWinogradPoints * size_of_point;
    for (std::size_t point = 0; point < kWinogradPoints; ++point) {
      multiply_point<block, chunk>(scratch.inputs + point * point_pitch(shape), shape.input_channels,
                                   weights + point * size_of_point, count, scratch.products + point * kLanes);
    }
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t at = 0; at < chunk; at += kLanes) {
        finish_tile(shape, pass, scratch.tiles[t], scratch.products + kWinogradPoints * (t * chunk + at), first + at);
      }
    }
  }
  for (std::size_t t = 0; t < count; ++t) {
    const WinogradTile& tile = scratch.tiles[t];
    for (std::size_t window = 0; window < 4; ++window) {
      tile.done[window / 2 * shape.windows_across + window % 2] = tile.is_done[window];
    }
  }
}

/// Tile number (down, across) of an image; `is_done` begins with what is worth computing.
WinogradTile make_tile(const WinogradShape& shape, const WinogradForward& pass, std::size_t image, std::size_t down,
                       std::size_t across, const std::uint8_t* kinds, float largest) {
  const std::size_t columns = kind_columns(shape), winners = image * shape.windows() * shape.output_channels;
  WinogradTile tile = {
      .input = pass.input + image * pass.input_pitch,
      .output = pass.output + image * pass.output_pitch,
      .winners = pass.winners == nullptr ? nullptr : pass.winners + winners,
      .done = pass.done + image * shape.windows() + 2 * (down * shape.windows_across + across),
      .down = down,
      .across = across,
      .largest_input = largest,
      .is_done = {},
  };
  for (std::size_t window = 0; window < 4; ++window) {
    const std::uint8_t* cell =
        kinds + (kOutputs * down + window / 2 * 2) * columns + kOutputs * across + window % 2 * 2;
    tile.is_done[window] = cell[0] == 0 && cell[1] == 0 && cell[columns] == 0 && cell[columns + 1] == 0 ? 1 : 0;
  }
  return tile;
}

template <std::size_t block, std::size_t chunk>
void forward(const WinogradShape& shape, const WinogradForward& pass, const WinogradScratch& scratch) {
  std::fill_n(pass.done, pass.images * shape.windows(), std::uint8_t{0});
  std::size_t count = 0;
  for (std::size_t image = 0; image < pass.images; ++image) {
    const float largest = mark_outputs(shape, pass, image, scratch.kinds);
    for (std::size_t i = 0; i < shape.tiles_down() * shape.tiles_across(); ++i) {
      WinogradTile& tile = scratch.tiles[count];
      tile = make_tile(shape, pass, image, i / shape.tiles_across(), i % shape.tiles_across(), scratch.kinds, largest);
      if (std::accumulate(tile.is_done, tile.is_done + 4, 0) < kFewestWindows) continue;
      if (++count < kWinogradTiles) continue;
      compute_tiles<block, chunk>(shape, pass, scratch, count);
      count = 0;
    }
  }
  if (count != 0) compute_tiles<block, chunk>(shape, pass, scratch, count);
}

void winograd_forward_here(const WinogradShape& shape, const WinogradForward& pass, const WinogradScratch& scratch) {
  constexpr std::size_t kLeast = HWY_MAX(8, kLanes);
  const bool narrow = shape.block == 8;
  switch (shape.chunk) {
    case 8: return forward<kLeast, kLeast>(shape, pass, scratch);  // a chunk holds at least a block
    case 16: return narrow ? forward<kLeast, 16>(shape, pass, scratch) : forward<16, 16>(shape, pass, scratch);
    default: return narrow ? forward<kLeast, 32>(shape, pass, scratch) : forward<16, 32>(shape, pass, scratch);
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(winograd_forward_here);
HWY_EXPORT(winograd_weights_here);

std::size_t winograd_kinds(const WinogradShape& shape) {
  return (kOutputs * shape.tiles_down() + 2) * kind_columns(shape);
}

std::size_t winograd_inputs(const WinogradShape& shape) {
  return kWinogradPoints * point_pitch(shape);
}

float winograd_rounding(std::size_t input_channels) {
  return 4.5e-7F * std::sqrt(static_cast<float>(input_channels));
}

void winograd_forward(const WinogradShape& shape, const WinogradForward& pass, const WinogradScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(winograd_forward_here)(shape, pass, scratch);
}

void winograd_weights(const WinogradShape& shape, const float* from, float* to) {
  HWY_DYNAMIC_DISPATCH(winograd_weights_here)(shape, from, to);
}

}  // namespace spot::kernels
#endif
