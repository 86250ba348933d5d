#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "engine/engine.h"

namespace spot::test {

constexpr std::uint32_t kSide = 4;
constexpr std::uint32_t kPixels = kSide * kSide;

/// 53 training images (7 steps of 8, the last smaller), 20 for testing, 3 classes.
class Images {
 public:
  Images() {
    for (std::uint32_t i = 0; i < 53 + 20; ++i) {
      labels_.push_back(static_cast<std::uint8_t>(i % 3));
      for (std::uint32_t p = 0; p < kPixels; ++p) {
        pixels_.push_back(static_cast<std::uint8_t>(p % 3 == i % 3 ? 200 : (i * 37 + p * 11) % 90));
      }
    }
    dataset.name = "test images";
    dataset.classes = 3;
    dataset.fingerprint = "0123";
    dataset.train = part(0, 53);
    dataset.test = part(53, 20);
  }
  [[nodiscard]] ImageSet part(std::uint32_t first, std::uint32_t count) const {
    return {std::span(pixels_).subspan(first * kPixels, count * kPixels), std::span(labels_).subspan(first, count),
            count, kSide, kSide};
  }

  Dataset dataset;

 private:
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
};

inline EngineSpec softmax_spec() {
  EngineSpec spec;
  spec.model.name = "softmax";
  spec.model.input = {1, kSide, kSide};
  spec.model.classes = 3;
  spec.batch_size = 8;
  return spec;
}

}  // namespace spot::test
