#include "snapshot/manifest.h"

#include <bit>
#include <climits>
#include <cstring>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/trailer.h"
#include "snapshot_generated.h"

static_assert(std::endian::native == std::endian::little);

namespace spot {
namespace {

namespace fb = ::flatbuffers;

constexpr fb::uoffset_t kMaxTableDepth = 8;
constexpr fb::uoffset_t kMaxTables = kMaxEntries + 1;
/// A million entries with names of usual length; names of the greatest length reach it earlier.
constexpr std::uint64_t kMaxFileSize = std::uint64_t{1} << 30;

format::ContentHash stored(const Hash128& hash) {
  return std::bit_cast<format::ContentHash>(hash.bytes);
}

fb::Offset<fb::Vector<std::uint8_t>> add_bytes(fb::FlatBufferBuilder& builder, const std::string& text) {
  return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

fb::Offset<format::Entry> add_entry(fb::FlatBufferBuilder& builder, const std::string& path, const SavedEntry& entry) {
  const auto stored_path = add_bytes(builder, path);
  const auto target = entry.kind == EntryKind::kLink ? add_bytes(builder, entry.target) : 0;
  const format::ContentHash hash = stored(entry.hash);
  return format::CreateEntry(builder, stored_path, static_cast<format::EntryKind>(entry.kind), entry.mode,
                             entry.modified_ns, entry.size, entry.kind == EntryKind::kFile ? &hash : nullptr, target);
}

class Decoder {
 public:
  Decoder(std::span<const std::byte> payload, const std::string& origin) : payload_(payload), origin_(origin) {}

  Manifest decode() {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload_.data());
    constexpr std::size_t kSmallest = 2 * sizeof(fb::uoffset_t) + fb::kFileIdentifierLength;
    if (payload_.size() < kSmallest || payload_.size() > kMaxPayload ||
        fb::GetPrefixedSize(bytes) != payload_.size() - sizeof(fb::uoffset_t)) {
      corrupt("its size cannot be that of a manifest");
    }
    if (!format::SizePrefixedSnapshotBufferHasIdentifier(bytes)) corrupt("its identifier is not SPSN");
    fb::Verifier verifier(bytes, payload_.size(), kMaxTableDepth, kMaxTables);
    if (!format::VerifySizePrefixedSnapshotBuffer(verifier)) corrupt("its structure is not that of a manifest");
    const format::Snapshot& table = *format::GetSizePrefixedSnapshot(bytes);
    manifest_ = {table.generation(), table.writer_epoch(), table.created_unix_ns(), {}};
    for (const format::Entry* entry : *table.entries()) add(*entry);
    return std::move(manifest_);
  }

 private:
  [[noreturn]] void corrupt(const std::string& what) const { fail_corrupt(origin_, what, 0); }

  /// Entries may share their bytes, so that a small file could ask for any amount of memory; ours never do.
  std::string copy(const fb::Vector<std::uint8_t>* bytes) {
    if (bytes == nullptr) return {};
    copied_ += bytes->size();
    if (copied_ > payload_.size()) corrupt("it announces more content than it has");
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  void add(const format::Entry& table) {
    const std::string path = copy(table.path());
    SavedEntry entry;
    entry.mode = table.mode();
    entry.modified_ns = table.modified_unix_ns();
    entry.size = table.size();
    if (table.kind() < format::EntryKind_MIN || table.kind() > format::EntryKind_MAX || table.mode() > 0777 ||
        table.size() > INT64_MAX) {
      corrupt(cat("its entry '", printable(path), "' cannot be"));
    }
    entry.kind = static_cast<EntryKind>(table.kind());
    check_path(path);
    if (entry.kind == EntryKind::kFile) {
      if (table.hash() == nullptr) corrupt(cat("its entry '", printable(path), "' has no hash"));
      std::memcpy(entry.hash.bytes, table.hash(), sizeof entry.hash.bytes);
    }
    if (entry.kind == EntryKind::kLink) {
      entry.target = copy(table.target());
      const bool is_text = entry.target.find('\0') == std::string::npos && entry.target.size() < PATH_MAX;
      if (!is_text || !stays_inside(path, entry.target)) {
        corrupt(cat("its link '", printable(path), "' leads out of the folder"));
      }
    }
    manifest_.entries.emplace_hint(manifest_.entries.end(), path, std::move(entry));
  }

  void check_path(const std::string& path) const {
    const auto refuse = [&](const char* what) { corrupt(cat("its path '", printable(path), "' ", what)); };
    if (path.empty() || path.size() >= PATH_MAX || path.find('\0') != std::string::npos) refuse("cannot be one");
    const auto parts = split(path, '/');
    std::size_t length = parts.size() - 1;
    for (const std::string& part : parts) {
      length += part.size();
      if (part == "." || part == "..") refuse("leads out of the folder");
    }
    if (length != path.size() || parts.size() > kMaxDepth + 1) refuse("cannot be one");
    if (is_left_alone(parts.front())) refuse("is not for snapshots");
    if (!manifest_.entries.empty() && path <= manifest_.entries.rbegin()->first) refuse("is out of order");
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    const auto parent = manifest_.entries.find(path.substr(0, slash));
    if (parent == manifest_.entries.end() || parent->second.kind != EntryKind::kFolder) refuse("is in no folder");
  }

  std::span<const std::byte> payload_;
  const std::string& origin_;
  std::size_t copied_ = 0;
  Manifest manifest_;
};

}  // namespace

Extent extent_of(const SavedTree& entries) {
  Extent extent;
  for (const auto& [path, entry] : entries) {
    if (entry.kind != EntryKind::kFile) continue;
    ++extent.files;
    extent.bytes += entry.size;
  }
  return extent;
}

std::vector<std::byte> encode(const Manifest& manifest) {
  fb::FlatBufferBuilder builder;
  std::vector<fb::Offset<format::Entry>> entries;
  for (const auto& [path, entry] : manifest.entries) {
    if (builder.GetSize() > kMaxFileSize / 2) fail(Status::kData, "the folder has too many files with long names");
    entries.push_back(add_entry(builder, path, entry));
  }
  const auto list = builder.CreateVector(entries);
  format::FinishSizePrefixedSnapshotBuffer(
      builder,
      format::CreateSnapshot(builder, manifest.generation, manifest.writer_epoch, manifest.created_unix_ns, list));
  return seal(std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())), manifest.writer_epoch,
              manifest.generation);
}

Manifest decode_manifest(std::span<const std::byte> file, const std::string& origin) {
  return Decoder(check_trailer(file, origin), origin).decode();
}

Manifest read_manifest(const std::filesystem::path& path, const StopCheck& stop) {
  return decode_manifest(read_file(path, kMaxFileSize, Links::kRefuse, stop), path.string());
}

}  // namespace spot
