#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/status.h"
#include "base/text.h"
#include "capi/guard.h"

namespace spot {

/// Throws kInvalidArgument for a result struct that is null or does not say its size. To be called
/// before any work is done.
template <typename Struct>
void check_struct(const Struct* out, std::string_view name) {
  if (required(out, name).struct_size != 0) return;
  fail(Status::kInvalidArgument, cat("'", name, "': set struct_size to its size before the call"));
}

/// Writes a result into the caller's struct, which may be an older, shorter one or a newer, longer
/// one.
template <typename Struct>
void write_struct(Struct* out, Struct value) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, std::min<std::size_t>(out->struct_size, sizeof value));
}

/// Copies a text into a field as valid UTF-8, cut at its end if need be but never within a character.
template <std::size_t kSize>
void write_text(char (&field)[kSize], std::string_view text) {
  const std::string valid = valid_utf8(text);
  const std::string_view cut = cut_utf8(valid, kSize - 1);
  std::memcpy(field, cut.data(), cut.size());
  field[cut.size()] = '\0';
}

}  // namespace spot
