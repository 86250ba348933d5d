#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "checkpoint/decoder.h"
#include "framed.h"

namespace {

void decode(std::span<const std::byte> file) {
  try {
    spot::decode_checkpoint(file, "fuzz");
  } catch (const spot::Error&) {
  }
}

}  // namespace

// Once as a file, where the hashes refuse nearly everything, and once as what lies behind them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  decode(bytes);
  decode(framed(bytes));
  return 0;
}
