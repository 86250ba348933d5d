#include "data/gzip.h"

#include <algorithm>
#include <zlib.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

[[noreturn]] void refuse(const std::string& origin, const std::string& why, std::uint64_t offset) {
  fail(Status::kData, cat("'", origin, "' is no good gzip file: ", why, " (byte ", offset, ")"),
       {.byte_offset = static_cast<std::int64_t>(offset)});
}

/// Unpacks one file, member by member.
class Inflater {
 public:
  Inflater(std::span<const std::byte> bytes, std::uint64_t limit, const std::string& origin, const StopCheck& stop)
      : bytes_(bytes), limit_(limit), origin_(origin), stop_(stop), what_(cat("unpacking '", origin, "'")) {
    constexpr int kGzipFormat = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipFormat) != Z_OK) fail(Status::kNoMemory, "out of memory in zlib");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::vector<std::byte> unpack() {
    for (;;) {
      unpack_member();
      const auto rest = bytes_.subspan(used());
      const auto next = std::find_if(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; });
      if (next == rest.end()) return std::move(content_);
      begin_member(bytes_.size() - static_cast<std::size_t>(rest.end() - next));
    }
  }

 private:
  /// Of the input.
  [[nodiscard]] std::size_t used() const { return given_ - stream_.avail_in; }

  void begin_member(std::size_t at) {
    if (!is_gzip(bytes_.subspan(at))) {
      refuse(origin_, cat(bytes_.size() - at, " bytes follow its content that are none of it"), at);
    }
    inflateReset(&stream_);
    given_ = at;
    stream_.avail_in = 0;
  }

  void unpack_member() {
    // Small files are unpacked in small pieces, large ones need not be copied often.
    const std::size_t piece = std::clamp(4 * bytes_.size(), std::size_t{1} << 12, std::size_t{1} << 20);
    for (int result = Z_OK; result != Z_STREAM_END;) {
      check_stop(stop_, what_);
      if (content_.size() > limit_) refuse(origin_, cat("its content has more than ", limit_, " bytes"), used());
      if (stream_.avail_in == 0) give_input();
      const std::size_t done = content_.size();
      content_.resize(done + piece);
      stream_.next_out = reinterpret_cast<Bytef*>(content_.data() + done);
      stream_.avail_out = static_cast<uInt>(piece);
      result = inflate(&stream_, Z_NO_FLUSH);
      content_.resize(done + piece - stream_.avail_out);
      // No progress with all input used: the rest is missing.
      const bool starved = stream_.avail_in == 0 && stream_.avail_out > 0 && given_ == bytes_.size();
      if (result == Z_BUF_ERROR || (result == Z_OK && starved)) refuse(origin_, "it was cut off", bytes_.size());
      if (result != Z_OK && result != Z_STREAM_END) {
        refuse(origin_, cat("it is damaged (", stream_.msg == nullptr ? "zlib failed" : stream_.msg, ")"), used());
      }
    }
  }

  void give_input() {
    constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
    const auto next = bytes_.subspan(given_, std::min(kMost, bytes_.size() - given_));
    // zlib's interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(next.data()));
    stream_.avail_in = static_cast<uInt>(next.size());
    given_ += next.size();
  }

  std::span<const std::byte> bytes_;
  std::uint64_t limit_;
  const std::string& origin_;
  const StopCheck& stop_;
  std::string what_;
  z_stream stream_{};
  std::size_t given_ = 0;  ///< of the input, to zlib
  std::vector<std::byte> content_;
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<std::byte> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, const std::string& origin,
                              const StopCheck& stop) {
  return Inflater(bytes, limit, origin, stop).unpack();
}

std::string gzip_library_version() {
  return zlibVersion();
}

}  // namespace spot
