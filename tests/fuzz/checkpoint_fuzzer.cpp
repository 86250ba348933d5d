#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "checkpoint/decoder.h"
#include "checkpoint/trailer.h"
#include "framed.h"

namespace {

void decode(std::span<const std::byte> file) {
  try {
    spot::decode_checkpoint(file, "fuzz");
  } catch (const spot::Error&) {
  }
}

}  // namespace

// Once as a file, where the hashes refuse nearly everything, and once as what lies behind them: the payload of a file
// whose trailer is whole, or else all of the input, sealed anew.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  decode(bytes);
  if (size >= spot::kTrailerSize) {
    const auto trailer = spot::decode_trailer(bytes.last<spot::kTrailerSize>());
    if (trailer && trailer->payload_size <= size) {
      decode(spot::seal(bytes.first(trailer->payload_size), trailer->writer_epoch, trailer->generation));
      return 0;
    }
  }
  decode(framed(bytes));
  return 0;
}
