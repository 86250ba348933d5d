#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "data/idx.h"

// What is accepted lies wholly within the input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const std::size_t rank : {std::size_t{1}, std::size_t{3}}) {
    try {
      const spot::IdxArray array = spot::parse_idx(bytes, rank, "fuzz");
      std::uint64_t values = 1;
      for (const std::uint32_t extent : array.extents) values *= extent;
      if (array.values.size() != values || array.values.data() + values != data + size) __builtin_trap();
    } catch (const spot::Error&) {
    }
  }
  return 0;
}
