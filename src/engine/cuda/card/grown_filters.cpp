#include "engine/cuda/card/grown_filters.h"

#include "engine/cuda/card/errors.h"

namespace spot::cuda {
namespace {

std::size_t bytes_of(Element element) {
  return element == Element::kFloat32 ? 4 : 2;
}

std::size_t size(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

}  // namespace

GrownFilters::GrownFilters(const ConvolutionSpec& given, const SymmetricConvolution& grown, Element element)
    : filters_(size(given.filters)),
      rows_(size(given.kernel[0])),
      row_bytes_(size(given.kernel[1] * given.channels) * bytes_of(element)),
      grown_rows_(size(grown.spec.kernel[0])),
      grown_row_bytes_(size(grown.spec.kernel[1] * given.channels) * bytes_of(element)),
      offset_{size(grown.offset[1] * given.channels) * bytes_of(element), size(grown.offset[0]), 0},
      memory_(allocate_zeroed(filters_ * grown_rows_ * grown_row_bytes_)) {}

cudaMemcpy3DParms GrownFilters::whole_copy() const {
  cudaMemcpy3DParms copy{};
  copy.extent = {row_bytes_, rows_, filters_};
  copy.kind = cudaMemcpyDeviceToDevice;
  return copy;
}

void GrownFilters::take(const void* given, cudaStream_t stream) const {
  cudaMemcpy3DParms copy = whole_copy();
  copy.srcPtr = given_at(const_cast<void*>(given));  // CUDA has one type of pointer for both ends
  copy.dstPtr = grown_at();
  copy.dstPos = offset_;
  check(cudaMemcpy3DAsync(&copy, stream), "cudaMemcpy3DAsync");
}

void GrownFilters::give(void* given, cudaStream_t stream) const {
  cudaMemcpy3DParms copy = whole_copy();
  copy.srcPtr = grown_at();
  copy.srcPos = offset_;
  copy.dstPtr = given_at(given);
  check(cudaMemcpy3DAsync(&copy, stream), "cudaMemcpy3DAsync");
}

}  // namespace spot::cuda
