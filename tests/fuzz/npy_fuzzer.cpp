#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "data/npy.h"

// What is accepted lies wholly within the input, and is as much as its shape says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const spot::NpyArray array = spot::parse_npy(bytes, "fuzz");
    std::uint64_t values = 1;
    for (const std::uint32_t extent : array.extents) values *= extent;
    if (array.values.size() % values != 0 || array.values.data() + array.values.size() != bytes.data() + size) {
      __builtin_trap();
    }
  } catch (const spot::Error&) {
  }
  return 0;
}
