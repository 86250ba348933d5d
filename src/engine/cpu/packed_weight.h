#pragma once

#include <utility>

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"

namespace spot {

/// Copies `source` to `destination`, from one layout into another, in the calling thread.
inline void run_reorder(dnnl::reorder& reorder, const dnnl::engine& engine, const onednn::Desc& source_desc,
                        float* source, const onednn::Desc& destination_desc, float* destination) {
  dnnl::stream stream(engine);
  dnnl::memory from(source_desc, engine, source);
  dnnl::memory to(destination_desc, engine, destination);
  reorder.execute(stream, from, to);
}

/// A copy of a weight tensor in the layout that a primitive chose; to be packed anew after each update.
class PackedWeight {
 public:
  PackedWeight() = default;
  PackedWeight(const dnnl::engine& engine, onednn::Desc canonical, onednn::Desc packed)
      : engine_(engine),
        canonical_(std::move(canonical)),
        packed_(std::move(packed)),
        reorder_({engine_, canonical_, engine_, packed_}),
        data_(packed_.get_size() / sizeof(float)) {}

  float* data() { return data_.data(); }
  void pack(float* canonical) { run_reorder(reorder_, engine_, canonical_, canonical, packed_, data_.data()); }

 private:
  dnnl::engine engine_;
  onednn::Desc canonical_, packed_;
  dnnl::reorder reorder_;
  AlignedBuffer<float> data_;
};

}  // namespace spot
