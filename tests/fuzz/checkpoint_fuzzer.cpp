#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "checkpoint/decoder.h"
#include "checkpoint/trailer.h"

// Half of the inputs get a right trailer, so that what lies behind the hashes is reached too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> file(bytes, bytes + size);
  if (size % 2 == 0) file = spot::seal(file, 1, 1);
  try {
    spot::decode_checkpoint(file, "fuzz");
  } catch (const spot::Error&) {
  }
  return 0;
}
