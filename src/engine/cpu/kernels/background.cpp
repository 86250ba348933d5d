#include "engine/cpu/kernels/background.h"

#include <algorithm>

#include "base/simd.h"

namespace spot::kernels {
namespace {

/// Windows of a row that are looked at together.
constexpr std::size_t kTogether = 64;
constexpr std::size_t kMostStride = 2, kMostField = 16;

/// seen[i] = 0 where the columns [i * stride, i * stride + field) are all zero.
template <std::size_t stride>
[[gnu::always_inline]] inline void look(const float* pixels, std::size_t field, std::size_t count, std::uint8_t* seen) {
  std::uint8_t set[kTogether * kMostStride + kMostField];
  const std::size_t columns = (count - 1) * stride + field;
  for (std::size_t x = 0; x < columns; ++x) set[x] = pixels[x] != 0.0F ? 1 : 0;
  for (std::size_t i = 0; i < count; ++i) seen[i] = set[i * stride];
  for (std::size_t column = 1; column < field; ++column) {
    for (std::size_t i = 0; i < count; ++i) seen[i] |= set[i * stride + column];
  }
}

SPOT_SIMD void look_at_line(const float* pixels, std::size_t field, std::size_t stride, std::size_t count,
                            std::uint8_t* seen) {
  if (stride == 1) return look<1>(pixels, field, count, seen);
  look<2>(pixels, field, count, seen);
}

SPOT_SIMD void clear_seen(const std::uint8_t* seen, std::size_t count, std::uint8_t* background) {
  for (std::size_t i = 0; i < count; ++i) background[i] &= static_cast<std::uint8_t>(seen[i] ^ 1);
}

}  // namespace

void mark_empty_windows(const ImageWindows& w, const float* image, std::uint8_t* background) {
  std::fill_n(background, w.down * w.across, std::uint8_t{1});
  std::uint8_t seen[kTogether];
  for (std::size_t line = 0; line < w.channels * w.rows; ++line) {
    const float* pixels = image + line * w.columns;
    const float* end = pixels + w.columns;
    if (std::find_if(pixels, end, [](float pixel) { return pixel != 0.0F; }) == end) continue;
    // The windows that this line belongs to.
    const std::size_t y = line % w.rows;
    const std::size_t top = y < w.field ? 0 : (y - w.field) / w.stride + 1;
    const std::size_t bottom = std::min(y / w.stride + 1, w.down);
    for (std::size_t left = 0; left < w.across; left += kTogether) {
      const std::size_t count = std::min(kTogether, w.across - left);
      look_at_line(pixels + left * w.stride, w.field, w.stride, count, seen);
      for (std::size_t down = top; down < bottom; ++down) {
        clear_seen(seen, count, background + down * w.across + left);
      }
    }
  }
}

}  // namespace spot::kernels
