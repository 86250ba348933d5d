#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "data/idx.h"

// What is accepted lies wholly within the input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const spot::IdxArray array = spot::parse_idx(bytes, "fuzz");
    std::uint64_t values = 1;
    for (const std::uint32_t extent : array.extents) values *= extent;
    if (array.values.size() % values != 0 || array.header + array.values.size() != size) __builtin_trap();
  } catch (const spot::Error&) {
  }
  try {
    const spot::IdxImages images = spot::read_idx_images(bytes, "fuzz", {});
    const spot::ImageShape& shape = images.shape;
    const std::uint64_t values = std::uint64_t{shape.count} * shape.rows * shape.columns * shape.channels;
    if (images.pixels.view.size() != values) __builtin_trap();
  } catch (const spot::Error&) {
  }
  try {
    if (spot::read_idx_labels(bytes, "fuzz", {}).view.size() > size) __builtin_trap();
  } catch (const spot::Error&) {
  }
  return 0;
}
