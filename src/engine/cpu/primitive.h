#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"

namespace spot {

/// A oneDNN primitive with, for each slot, its argument handles and its scratchpad. Slots run concurrently.
class Primitive {
 public:
  Primitive() = default;

  /// `arguments` are the descriptors of what will be passed to run(), by oneDNN's argument numbers.
  template <typename PrimitiveDesc>
  Primitive(dnnl::primitive primitive, const PrimitiveDesc& desc, const dnnl::engine& engine, int slots,
            const std::unordered_map<int, onednn::Desc>& arguments)
      : primitive_(std::move(primitive)), stream_(engine), implementation_(desc.impl_info_str()) {
    const onednn::Desc scratchpad = desc.scratchpad_desc();
    for (int slot = 0; slot < slots; ++slot) {
      scratchpads_.emplace_back(scratchpad.get_size());
      auto& handles = handles_.emplace_back();
      for (const auto& [number, argument] : arguments) {
        handles.emplace(number, dnnl::memory(argument, engine, DNNL_MEMORY_NONE));
      }
      handles.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad, engine, scratchpads_.back().data()));
    }
  }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(primitive_); }
  [[nodiscard]] const std::string& implementation() const { return implementation_; }

  /// Runs in the calling thread; the pointers must stay valid until it returns.
  void run(int slot, std::initializer_list<std::pair<int, void*>> arguments) {
    auto& handles = handles_[static_cast<std::size_t>(slot)];
    for (const auto& [number, data] : arguments) handles.at(number).set_data_handle(data);
    primitive_.execute(stream_, handles);
  }

 private:
  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::string implementation_;
  std::vector<AlignedBuffer<unsigned char>> scratchpads_;
  std::vector<std::unordered_map<int, dnnl::memory>> handles_;
};

}  // namespace spot
