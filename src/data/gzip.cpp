#include "data/gzip.h"

#include <algorithm>
#include <limits>
#include <zlib.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

[[noreturn]] void refuse(const std::string& origin, const std::string& why, std::uint64_t offset) {
  fail(Status::kData, cat("'", origin, "' is no good gzip file: ", why, "; fetch it again"),
       {.byte_offset = static_cast<std::int64_t>(offset)});
}

class Inflater {
 public:
  Inflater() {
    constexpr int kGzipFormat = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipFormat) != Z_OK) fail(Status::kNoMemory, "out of memory in zlib");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<std::byte> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, const std::string& origin) {
  if (bytes.size() > std::numeric_limits<uInt>::max()) refuse(origin, "it is too large", 0);
  Inflater inflater;
  z_stream& stream = inflater.stream();
  // zlib's interface is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::vector<std::byte> content;
  // Small files are unpacked in small pieces, large ones need not be copied often.
  const std::size_t piece = std::clamp(4 * bytes.size(), std::size_t{1} << 12, std::size_t{1} << 20);
  int result = Z_OK;
  while (result == Z_OK) {
    const std::size_t done = content.size();
    if (done > limit) refuse(origin, cat("its content has more than ", limit, " bytes"), 0);
    content.resize(done + piece);
    stream.next_out = reinterpret_cast<Bytef*>(content.data() + done);
    stream.avail_out = static_cast<uInt>(piece);
    result = inflate(&stream, Z_NO_FLUSH);
    content.resize(done + piece - stream.avail_out);
    // No progress with all input used: the rest is missing.
    if (result == Z_BUF_ERROR || (result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      refuse(origin, "it was cut off", bytes.size());
    }
  }
  const std::uint64_t used = bytes.size() - stream.avail_in;
  if (result != Z_STREAM_END) {
    refuse(origin, cat("it is damaged (", stream.msg == nullptr ? "zlib failed" : stream.msg, ")"), used);
  }
  if (stream.avail_in > 0) refuse(origin, cat(stream.avail_in, " bytes follow its content"), used);
  return content;
}

std::string gzip_library_version() {
  return zlibVersion();
}

}  // namespace spot
