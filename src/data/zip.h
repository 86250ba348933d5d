#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "data/content.h"

namespace spot {

// Zip archives, as PKWARE's APPNOTE.TXT describes them: members one after another, each behind a header of its own,
// then a directory of them, then its end. All numbers are little-endian. Members are stored or deflated; sizes may have
// 64 bits.

struct ZipMember {
  std::string name;
  std::span<const std::byte> packed;  ///< in the archive
  std::uint64_t size = 0;             ///< unpacked
  std::uint32_t checksum = 0;         ///< CRC-32 of what is unpacked
  bool is_deflated = false;           ///< else stored
};

/// The members of an archive, every claim checked against the bytes but their content. Throws kData, naming `origin`
/// and the byte offset.
std::vector<ZipMember> list_zip(std::span<const std::byte> bytes, const std::string& origin);

/// A member's content: where it lies in `archive` when it is stored. Throws kData for damage, and more than `limit`
/// bytes, kCancelled when `stop` said so.
Content unzip(const ZipMember& member, const Content& archive, std::uint64_t limit, const StopCheck& stop);

}  // namespace spot
