#pragma once

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"
#include "engine/cpu/primitive.h"

namespace spot {

/// Copies a tensor from one layout into another.
class Reorder {
 public:
  Reorder() = default;
  Reorder(const dnnl::engine& engine, const onednn::Desc& source, const onednn::Desc& destination)
      : Reorder(engine, source, destination, onednn::reorder(engine, source, destination)) {}

  /// Runs in the calling thread, one call at a time.
  void run(float* source, float* destination) {
    primitive_.run(0, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, destination}});
  }

 private:
  Reorder(const dnnl::engine& engine, const onednn::Desc& source, const onednn::Desc& destination,
          const dnnl::reorder::primitive_desc& desc)
      : primitive_(dnnl::reorder(desc), desc, engine, 1, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, destination}}) {}

  Primitive primitive_;
};

/// A copy of a weight tensor in the layout that a primitive chose; to be packed anew after each update.
class PackedWeight {
 public:
  PackedWeight() = default;
  PackedWeight(const dnnl::engine& engine, const onednn::Desc& canonical, const onednn::Desc& packed)
      : reorder_(engine, canonical, packed), data_(packed.get_size() / sizeof(float)) {}

  float* data() { return data_.data(); }
  void pack(float* canonical) { reorder_.run(canonical, data_.data()); }

 private:
  Reorder reorder_;
  AlignedBuffer<float> data_;
};

}  // namespace spot
