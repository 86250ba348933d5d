#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "data/gzip.h"
#include "data/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const std::size_t rank : {std::size_t{1}, std::size_t{3}}) {
    try {
      spot::parse_idx(bytes, rank, "fuzz");
    } catch (const spot::Error&) {
    }
  }
  try {
    spot::gunzip(bytes, 1 << 22, "fuzz");
  } catch (const spot::Error&) {
  }
  return 0;
}
