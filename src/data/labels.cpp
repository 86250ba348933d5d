#include "data/labels.h"

#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

template <typename Integer>
ByteValues to_bytes(std::span<const std::byte> labels, const std::string& origin, const StopCheck& stop) {
  auto bytes = std::make_shared<std::vector<std::uint8_t>>();
  bytes->reserve(labels.size() / sizeof(Integer));
  in_pieces(labels, stop, cat("reading '", origin, "'"), [&](std::span<const std::byte> piece) {
    for (std::size_t at = 0; at < piece.size(); at += sizeof(Integer)) {
      Integer label;
      std::memcpy(&label, piece.data() + at, sizeof label);
      if (!std::in_range<std::uint8_t>(label)) {
        fail(Status::kData, cat("label ", label, " of image ", bytes->size(), " in '", origin,
                                "' is none: labels are the numbers of classes, from 0 to at most 255"));
      }
      bytes->push_back(static_cast<std::uint8_t>(label));
    }
  });
  const std::span<const std::uint8_t> view = *bytes;
  return {view, std::move(bytes)};
}

}  // namespace

std::size_t size_of(LabelType type) {
  switch (type) {
    case LabelType::kUint8: return 1;
    case LabelType::kInt32: return 4;
    case LabelType::kInt64: return 8;
  }
  fail(Status::kInvalidArgument, "there is no such type of labels");
}

ByteValues read_labels(std::span<const std::byte> labels, LabelType type, const std::string& origin,
                       const StopCheck& stop) {
  switch (type) {
    case LabelType::kUint8: return to_bytes<std::uint8_t>(labels, origin, stop);
    case LabelType::kInt32: return to_bytes<std::int32_t>(labels, origin, stop);
    case LabelType::kInt64: return to_bytes<std::int64_t>(labels, origin, stop);
  }
  fail(Status::kInvalidArgument, "there is no such type of labels");
}

}  // namespace spot
