#include "engine/cuda/card/descriptor.h"

#include <algorithm>

#include "engine/cuda/card/errors.h"

namespace spot::cuda {

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t handle = nullptr;
  check(cudnnBackendCreateDescriptor(type, &handle), "cudnnBackendCreateDescriptor");
  handle_.reset(handle);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t count,
                     const void* values) {
  check(cudnnBackendSetAttribute(get(), name, type, static_cast<std::int64_t>(count), values),
        "cudnnBackendSetAttribute");
}

void Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  set(name, CUDNN_TYPE_INT64, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
  set(name, CUDNN_TYPE_INT64, values.size(), values.data());
}
void Descriptor::set(cudnnBackendAttributeName_t name, float value) {
  set(name, CUDNN_TYPE_FLOAT, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnConvolutionMode_t value) {
  set(name, CUDNN_TYPE_CONVOLUTION_MODE, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value) {
  set(name, CUDNN_TYPE_HEUR_MODE, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) {
  set(name, CUDNN_TYPE_HANDLE, 1, &value);
}
void Descriptor::set(cudnnBackendAttributeName_t name, std::span<void* const> pointers) {
  set(name, CUDNN_TYPE_VOID_PTR, pointers.size(), pointers.data());
}
void Descriptor::set(cudnnBackendAttributeName_t name, std::string_view text) {
  set(name, CUDNN_TYPE_CHAR, text.size(), text.data());
}
void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  const cudnnBackendDescriptor_t handle = value.get();
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle);
}

void Descriptor::finalize() {
  check(cudnnBackendFinalize(get()), "cudnnBackendFinalize");
}

bool Descriptor::finalizes() {
  const cudnnStatus_t status = cudnnBackendFinalize(get());
  // Whoever went on to the next choice for want of memory would compute other bits than a run that has it.
  if (status_of(status) == Status::kNoMemory) check(status, "cudnnBackendFinalize");
  return status == CUDNN_STATUS_SUCCESS;
}

std::int64_t Descriptor::integer(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_INT64, 1, &count, &value), "cudnnBackendGetAttribute");
  return value;
}

cudnnBackendKnobType_t Descriptor::knob_type() const {
  cudnnBackendKnobType_t value = CUDNN_KNOB_TYPE_COUNTS;
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &count, &value),
        "cudnnBackendGetAttribute");
  return value;
}

std::int64_t Descriptor::count(cudnnBackendAttributeName_t name) const {
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
        "cudnnBackendGetAttribute");
  return count;
}

std::vector<Descriptor> Descriptor::descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                                std::int64_t most) const {
  std::vector<Descriptor> result;
  std::vector<cudnnBackendDescriptor_t> handles;  // cuDNN fills descriptors that exist already
  for (std::int64_t i = 0; i < most; ++i) handles.push_back(result.emplace_back(type).get());
  std::int64_t found = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &found, handles.data()),
        "cudnnBackendGetAttribute");
  result.erase(result.begin() + std::min(found, most), result.end());
  return result;
}

std::vector<cudnnBackendNumericalNote_t> Descriptor::numerical_notes() const {
  constexpr std::int64_t kRoom = 64;  // more than a later cuDNN's notes take
  std::vector<cudnnBackendNumericalNote_t> notes(kRoom);
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, kRoom, &count,
                                 notes.data()),
        "cudnnBackendGetAttribute");
  notes.resize(static_cast<std::size_t>(std::min(count, kRoom)));
  return notes;
}

}  // namespace spot::cuda
