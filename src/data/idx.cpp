#include "data/idx.h"

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::uint8_t kUnsignedByte = 8;

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

[[noreturn]] void refuse(const std::string& origin, const std::string& why, std::size_t offset) {
  fail(Status::kData, cat("'", origin, "' is no good IDX file: ", why, " (byte ", offset, ")"),
       {.byte_offset = static_cast<std::int64_t>(offset)});
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> bytes, std::size_t rank, const std::string& origin) {
  const std::size_t header = 4 + 4 * rank;
  if (!bytes.empty() && bytes[0] == std::byte{'<'}) {
    refuse(origin, "it looks like a web page; fetch the file itself", 0);
  }
  if (bytes.size() < header) {
    refuse(origin, cat("it has ", bytes.size(), " bytes, its header alone has ", header, "; fetch it again"),
           bytes.size());
  }
  if (bytes[0] != std::byte{0} || bytes[1] != std::byte{0}) {
    refuse(origin, "it does not begin with two zero bytes", 0);
  }
  if (bytes[2] != std::byte{kUnsignedByte}) {
    refuse(origin,
           cat("its values are of type ", std::to_integer<int>(bytes[2]), ", only unsigned bytes (8) are supported"),
           2);
  }
  if (bytes[3] != static_cast<std::byte>(rank)) {
    refuse(origin,
           cat("it has ", std::to_integer<int>(bytes[3]), " dimensions where ", rank,
               " are expected: are images and labels exchanged?"),
           3);
  }
  IdxArray array;
  std::uint64_t size = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::uint32_t extent = big_endian(bytes, 4 + 4 * d);
    if (extent == 0) refuse(origin, cat("dimension ", d + 1, " is empty"), 4 + 4 * d);
    array.extents.push_back(extent);
    // At most 2^32 - 1 an extent: two factors cannot overflow, and more than there are bytes is refused here.
    size *= extent;
    if (size > bytes.size() - header) {
      refuse(origin,
             cat("its header announces at least ", size, " values, ", bytes.size() - header,
                 " follow; it was cut off: fetch it again"),
             bytes.size());
    }
  }
  if (size < bytes.size() - header) {
    refuse(origin, cat(bytes.size() - header - size, " bytes follow its last value"), header + size);
  }
  const auto* values = reinterpret_cast<const std::uint8_t*>(bytes.data() + header);
  array.values = {values, size};
  return array;
}

}  // namespace spot
