#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"

namespace spot {

/// A oneDNN primitive with, for each slot, its arguments and its scratchpad, so that a run allocates nothing. Slots
/// run concurrently.
class Primitive {
 public:
  Primitive() = default;

  /// `arguments` are the descriptors of what will be passed to run(), by oneDNN's argument numbers.
  template <typename PrimitiveDesc>
  Primitive(dnnl::primitive primitive, const PrimitiveDesc& desc, const dnnl::engine& engine, int slots,
            const std::unordered_map<int, onednn::Desc>& arguments)
      : primitive_(std::move(primitive)), stream_(engine), implementation_(desc.impl_info_str()) {
    const onednn::Desc scratchpad = desc.scratchpad_desc();
    slots_.reserve(static_cast<std::size_t>(slots));
    for (int i = 0; i < slots; ++i) {
      Slot& slot = slots_.emplace_back();
      slot.scratchpad = AlignedBuffer<unsigned char>(scratchpad.get_size());
      for (const auto& [number, argument] : arguments) {
        slot.add(number, dnnl::memory(argument, engine, DNNL_MEMORY_NONE));
      }
      slot.add(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad, engine, slot.scratchpad.data()));
    }
  }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(primitive_); }
  [[nodiscard]] const std::string& implementation() const { return implementation_; }

  /// Runs in the calling thread; the pointers must stay valid until it returns.
  void run(int slot, std::initializer_list<std::pair<int, void*>> arguments) {
    Slot& own = slots_[static_cast<std::size_t>(slot)];
    for (const auto& [number, data] : arguments) own.set(number, data);
    onednn::execute(primitive_, stream_, own.table);
  }

 private:
  struct Slot {
    AlignedBuffer<unsigned char> scratchpad;
    std::vector<dnnl::memory> memories;
    std::vector<dnnl_exec_arg_t> table;  ///< of the same length

    void add(int number, dnnl::memory memory) {
      table.push_back({number, memory.get()});
      memories.push_back(std::move(memory));
    }
    void set(int number, void* data) {
      const auto at = std::find_if(table.begin(), table.end(), [=](const auto& entry) { return entry.arg == number; });
      memories.at(static_cast<std::size_t>(at - table.begin())).set_data_handle(data);
    }
  };

  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::string implementation_;
  std::vector<Slot> slots_;
};

}  // namespace spot
