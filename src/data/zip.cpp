#include "data/zip.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <zlib.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::uint32_t kMemberHeader = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr std::size_t kMemberHeaderSize = 30, kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20;
constexpr std::uint64_t kIn64Bits = 0xffffffff;  // a number that is found elsewhere, in 64 bits

class Archive {
 public:
  Archive(std::span<const std::byte> bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  std::vector<ZipMember> list() const;

 private:
  /// Where the directory is said to be, and how many entries it has.
  struct Directory {
    std::uint64_t offset = 0, size = 0, entries = 0;
  };

  [[noreturn]] void refuse(const std::string& why, std::uint64_t offset) const {
    fail(Status::kData, cat("'", origin_, "' is no good zip file: ", why, " (byte ", offset, ")"),
         {.byte_offset = static_cast<std::int64_t>(offset)});
  }

  /// Throws unless so many bytes lie there.
  void need(std::uint64_t offset, std::uint64_t size, const char* what) const {
    if (offset <= bytes_.size() && size <= bytes_.size() - offset) return;
    refuse(cat(what, " reaches behind the end of the file: it was cut off or is damaged"), offset);
  }

  template <typename Integer>
  [[nodiscard]] Integer number(std::uint64_t offset) const {
    Integer value = 0;
    for (std::size_t i = sizeof value; i-- > 0;) {
      value = static_cast<Integer>(value << 8 | std::to_integer<Integer>(bytes_[offset + i]));
    }
    return value;
  }
  [[nodiscard]] std::uint64_t u16(std::uint64_t offset) const { return number<std::uint16_t>(offset); }
  [[nodiscard]] std::uint32_t u32(std::uint64_t offset) const { return number<std::uint32_t>(offset); }
  [[nodiscard]] std::uint64_t u64(std::uint64_t offset) const { return number<std::uint64_t>(offset); }

  [[nodiscard]] std::uint64_t find_end() const;
  [[nodiscard]] Directory find_directory() const;
  [[nodiscard]] ZipMember read_entry(std::uint64_t entry) const;
  void read_in_64_bits(std::uint64_t extra, std::uint64_t end, std::span<std::uint64_t* const> numbers) const;
  [[nodiscard]] std::uint64_t content_of(std::uint64_t header) const;

  std::span<const std::byte> bytes_;
  const std::string& origin_;
};

/// It stands at the end of the file, with nothing but a comment of up to 65,535 bytes behind.
std::uint64_t Archive::find_end() const {
  const std::uint64_t size = bytes_.size();
  for (std::uint64_t comment = 0; comment <= UINT16_MAX && kEndSize + comment <= size; ++comment) {
    const std::uint64_t offset = size - kEndSize - comment;
    if (u32(offset) == kEnd && u16(offset + 20) == comment) return offset;
  }
  refuse("it has no directory at its end: it was cut off", size);
}

Archive::Directory Archive::find_directory() const {
  const std::uint64_t end = find_end();
  Directory directory = {u32(end + 16), u32(end + 12), u16(end + 10)};
  if (end >= kLocatorSize && u32(end - kLocatorSize) == kEnd64Locator) {
    const std::uint64_t end64 = u64(end - kLocatorSize + 8);
    need(end64, kEnd64Size, "the end of its directory");
    if (u32(end64) != kEnd64) refuse("there is no end of a directory where one is announced", end64);
    directory = {u64(end64 + 48), u64(end64 + 40), u64(end64 + 32)};
  }
  need(directory.offset, directory.size, "its directory");
  if (directory.entries > directory.size / kEntrySize) {
    refuse(cat("its directory has no room for ", directory.entries, " members"), directory.offset);
  }
  return directory;
}

/// Those numbers of an entry that did not fit, in their order, out of its further fields.
void Archive::read_in_64_bits(std::uint64_t extra, std::uint64_t end, std::span<std::uint64_t* const> numbers) const {
  constexpr std::uint64_t kField = 1;
  std::uint64_t at = extra;
  while (end - at >= 4 && u16(at) != kField) at += std::min(end - at, 4 + u16(at + 2));
  const std::uint64_t field_end = end - at >= 4 ? std::min(end, at + 4 + u16(at + 2)) : end;
  at += 4;
  for (std::uint64_t* number : numbers) {
    if (*number != kIn64Bits) continue;
    if (at > field_end || field_end - at < 8) refuse("a member lacks its size in 64 bits", extra);
    *number = u64(at);
    at += 8;
  }
}

/// The offset of a member's content, which follows its own header.
std::uint64_t Archive::content_of(std::uint64_t header) const {
  need(header, kMemberHeaderSize, "a member");
  if (u32(header) != kMemberHeader) refuse("there is no member where its directory announces one", header);
  return header + kMemberHeaderSize + u16(header + 26) + u16(header + 28);
}

ZipMember Archive::read_entry(std::uint64_t entry) const {
  const std::uint64_t name = entry + kEntrySize, extra = name + u16(entry + 28);
  std::uint64_t packed = u32(entry + 20), size = u32(entry + 24), header = u32(entry + 42);
  const std::array<std::uint64_t*, 3> numbers = {&size, &packed, &header};
  if (std::ranges::any_of(numbers, [](const std::uint64_t* number) { return *number == kIn64Bits; })) {
    read_in_64_bits(extra, extra + u16(entry + 30), numbers);
  }
  ZipMember member;
  member.name.assign(reinterpret_cast<const char*>(bytes_.data() + name), extra - name);
  member.size = size;
  member.checksum = u32(entry + 16);
  if ((u16(entry + 8) & 1U) != 0) refuse(cat("member '", printable(member.name), "' is encrypted"), entry);
  const std::uint64_t method = u16(entry + 10);
  if (method != 0 && method != 8) {
    refuse(cat("member '", printable(member.name), "' is packed by method ", method,
               "; only stored (0) and deflated (8) ones are read"),
           entry);
  }
  member.is_deflated = method == 8;
  if (!member.is_deflated && packed != size) {
    refuse(cat("member '", printable(member.name), "' is stored in another size than its own"), entry);
  }
  const std::uint64_t content = content_of(header);
  need(content, packed, "a member");
  member.packed = bytes_.subspan(content, packed);
  return member;
}

std::vector<ZipMember> Archive::list() const {
  const Directory directory = find_directory();
  const std::uint64_t end = directory.offset + directory.size;
  std::vector<ZipMember> members;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (end - at < kEntrySize || u32(at) != kEntry) refuse("its directory is damaged", at);
    const std::uint64_t size = kEntrySize + u16(at + 28) + u16(at + 30) + u16(at + 32);
    if (end - at < size) refuse("its directory is damaged", at);
    members.push_back(read_entry(at));
    at += size;
  }
  return members;
}

[[noreturn]] void refuse_content(const std::string& origin, const std::string& why) {
  fail(Status::kData, cat("'", origin, "' is damaged: ", why));
}

void inflate_into(std::span<const std::byte> packed, std::span<std::byte> content, const std::string& origin,
                  const StopCheck& stop) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  z_stream stream{};
  constexpr int kNoHeader = -MAX_WBITS;
  if (inflateInit2(&stream, kNoHeader) != Z_OK) fail(Status::kNoMemory, "out of memory in zlib");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  std::size_t taken = 0, made = 0;
  std::byte beyond{};  // for what is more than announced
  for (int result = Z_OK; result != Z_STREAM_END;) {
    check_stop(stop, cat("unpacking '", origin, "'"));
    const std::size_t in = std::min(kPiece, packed.size() - taken), out = std::min(kPiece, content.size() - made);
    // zlib's interface is older than const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out > 0 ? content.data() + made : &beyond);
    stream.avail_out = out > 0 ? static_cast<uInt>(out) : 1;
    result = inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    if (out == 0 && stream.avail_out == 0) refuse_content(origin, "it is longer than its archive says");
    if (out > 0) made += out - stream.avail_out;
    if (result != Z_OK && result != Z_STREAM_END) {
      refuse_content(origin, result == Z_BUF_ERROR   ? "it was cut off"
                             : stream.msg != nullptr ? stream.msg
                                                     : "zlib failed");
    }
  }
  if (made != content.size()) refuse_content(origin, "it is shorter than its archive says");
}

std::uint32_t checksum_of(std::span<const std::byte> content, const std::string& origin, const StopCheck& stop) {
  uLong sum = crc32(0, nullptr, 0);
  in_pieces(content, stop, cat("verifying '", origin, "'"), [&](std::span<const std::byte> piece) {
    sum = crc32(sum, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
  });
  return static_cast<std::uint32_t>(sum);
}

}  // namespace

std::vector<ZipMember> list_zip(std::span<const std::byte> bytes, const std::string& origin) {
  return Archive(bytes, origin).list();
}

Content unzip(const ZipMember& member, const Content& archive, std::uint64_t limit, const StopCheck& stop) {
  Content content{member.packed, archive.memory, cat(archive.origin, ": ", printable(member.name))};
  if (member.size > limit) refuse_content(content.origin, cat("it has more than ", limit, " bytes"));
  if (member.is_deflated) {
    // A byte of deflate makes 1032 at most: nothing small is to claim much memory.
    constexpr std::uint64_t kMost = 1032;
    if (member.size / kMost > member.packed.size()) {
      refuse_content(content.origin, "it cannot be as long as its archive says");
    }
    auto unpacked = std::make_shared<std::vector<std::byte>>(member.size);
    inflate_into(member.packed, *unpacked, content.origin, stop);
    content.bytes = *unpacked;
    content.memory = std::move(unpacked);
  }
  if (checksum_of(content.bytes, content.origin, stop) != member.checksum) {
    refuse_content(content.origin, "its checksum is another one");
  }
  return content;
}

}  // namespace spot
