#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace spot::cuda {

/// How one sample's values lie between two layers: [row][column][channel], channels filled up with zeros to `pitch`.
/// Weights that meet the filling are zero and stay so. A flatten moves nothing: behind it the same values are a vector.
struct Extent {
  Shape3 image;
  std::int64_t pitch = 0;
  bool flat = false;

  [[nodiscard]] std::int64_t places() const { return image.height * image.width; }
  [[nodiscard]] std::int64_t size() const { return places() * pitch; }

  // As batch normalisation sees them.
  [[nodiscard]] std::int64_t features() const { return flat ? size() : pitch; }
  [[nodiscard]] std::int64_t feature_places() const { return flat ? 1 : places(); }
};

/// The extents before the layers of a model; the last is that of the logits.
std::vector<Extent> extents_of(const ModelSpec& model, Precision precision);

}  // namespace spot::cuda
