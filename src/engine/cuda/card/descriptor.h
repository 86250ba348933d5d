#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/cuda/card/handles.h"

namespace spot::cuda {

/// A descriptor of cuDNN's graph API. Its attributes are set first, then it is finalized, then it is used; it keeps
/// what the descriptors that it was given say.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  void set(cudnnBackendAttributeName_t name, std::int64_t value);
  void set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  void set(cudnnBackendAttributeName_t name, float value);
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  void set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value);
  void set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value);
  void set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
  void set(cudnnBackendAttributeName_t name, std::span<void* const> pointers);
  void set(cudnnBackendAttributeName_t name, std::string_view text);
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);

  void finalize();
  /// False, where cuDNN cannot do what is described here; throws where it merely had no memory.
  bool finalizes();

  [[nodiscard]] std::int64_t integer(cudnnBackendAttributeName_t name) const;
  [[nodiscard]] cudnnBackendKnobType_t knob_type() const;
  /// How many descriptors the attribute has.
  [[nodiscard]] std::int64_t count(cudnnBackendAttributeName_t name) const;
  /// The attribute's descriptors, all of one type and not more than `most`.
  [[nodiscard]] std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                                    std::int64_t most) const;
  [[nodiscard]] std::vector<cudnnBackendNumericalNote_t> numerical_notes() const;

  [[nodiscard]] cudnnBackendDescriptor_t get() const { return handle_.get(); }

 private:
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t count, const void* values);

  Owned<cudnnBackendDescriptor_t, cudnnBackendDestroyDescriptor> handle_;
};

}  // namespace spot::cuda
