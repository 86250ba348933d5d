#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <spot_trainer.h>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/status.h"
#include "base/text.h"
#include "capi/guard.h"

namespace spot {

/// Bytes of each struct in ABI 1.0, which every caller has at least. They never change.
template <typename Struct>
inline constexpr std::uint32_t kFirstSize = 0;
template <>
inline constexpr std::uint32_t kFirstSize<spot_notice> = 336;
template <>
inline constexpr std::uint32_t kFirstSize<spot_poller_health> = 576;
template <>
inline constexpr std::uint32_t kFirstSize<spot_dataset_arrays> = 120;
template <>
inline constexpr std::uint32_t kFirstSize<spot_dataset_info> = 96;
template <>
inline constexpr std::uint32_t kFirstSize<spot_trainer_info> = 208;
template <>
inline constexpr std::uint32_t kFirstSize<spot_progress> = 88;
template <>
inline constexpr std::uint32_t kFirstSize<spot_metrics> = 72;
template <>
inline constexpr std::uint32_t kFirstSize<spot_save_report> = 144;
template <>
inline constexpr std::uint32_t kFirstSize<spot_run_result> = 136;
template <>
inline constexpr std::uint32_t kFirstSize<spot_tensor_info> = 104;
template <>
inline constexpr std::uint32_t kFirstSize<spot_checkpoint_info> = 112;
template <>
inline constexpr std::uint32_t kFirstSize<spot_model_info> = 136;
template <>
inline constexpr std::uint32_t kFirstSize<spot_snapshot_report> = 72;

/// Throws kInvalidArgument for a struct that is null or does not say a size that it can have. To be called before any
/// work is done.
template <typename Struct>
void check_struct(const Struct* argument, std::string_view name) {
  static_assert(sizeof(Struct) >= kFirstSize<Struct> && kFirstSize<Struct> > 0);
  const std::uint32_t size = required(argument, name).struct_size;
  if (size >= kFirstSize<Struct>) return;
  fail(Status::kInvalidArgument, cat("'", name, "' has struct_size ", size, " and needs ", kFirstSize<Struct>,
                                     " at least: set it to sizeof of the struct before the call"));
}

/// Writes a result into the caller's struct, which may be an older, shorter one or a newer, longer one, and how much
/// of it was filled.
template <typename Struct>
void write_struct(Struct* out, Struct value) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  value.struct_size = std::min<std::uint32_t>(out->struct_size, sizeof value);
  std::memcpy(out, &value, value.struct_size);
}

/// A struct of the caller's as this version knows it. Throws kUnsupported when it sets a field that only a newer
/// version has.
template <typename Struct>
Struct read_struct(const Struct* argument, std::string_view name) {
  check_struct(argument, name);
  Struct value{};
  std::memcpy(&value, argument, std::min<std::size_t>(argument->struct_size, sizeof value));
  const auto* bytes = reinterpret_cast<const char*>(argument);
  for (std::size_t i = sizeof value; i < argument->struct_size; ++i) {
    if (bytes[i] == 0) continue;
    fail(Status::kUnsupported, cat("'", name, "' sets a field that this version of the library does not know"));
  }
  return value;
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
