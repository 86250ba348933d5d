#pragma once

#include <cstddef>

#include "engine/cuda/card/context.h"
#include "engine/cuda/card/convolution_shape.h"

namespace spot::cuda {

/// The filters of a SymmetricConvolution: the given ones with zeros before or behind.
class GrownFilters {
 public:
  GrownFilters(const ConvolutionSpec& given, const SymmetricConvolution& grown, Element element);

  [[nodiscard]] void* data() const { return memory_.get(); }
  /// Enqueues the copy of the given filters into the grown ones, or of their part out of the grown ones.
  void take(const void* given, cudaStream_t stream) const;
  void give(void* given, cudaStream_t stream) const;

 private:
  [[nodiscard]] cudaMemcpy3DParms whole_copy() const;
  [[nodiscard]] cudaPitchedPtr given_at(void* filters) const { return {filters, row_bytes_, row_bytes_, rows_}; }
  [[nodiscard]] cudaPitchedPtr grown_at() const {
    return {memory_.get(), grown_row_bytes_, grown_row_bytes_, grown_rows_};
  }

  std::size_t filters_, rows_, row_bytes_, grown_rows_, grown_row_bytes_;
  cudaPos offset_;
  CardMemory memory_;
};

}  // namespace spot::cuda
