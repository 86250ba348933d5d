#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "data/gzip.h"

// No input is unpacked to more than was allowed (and the one piece more that shows it).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kLimit = 1 << 14, kPiece = 1 << 20;
  try {
    if (spot::gunzip(std::as_bytes(std::span(data, size)), kLimit, "fuzz").size() > kLimit + kPiece) __builtin_trap();
  } catch (const spot::Error&) {
  }
  return 0;
}
