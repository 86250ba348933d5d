#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

/// Reads a fuzzer's input as a list of decisions; when it is used up they are all zero.
class Recipe {
 public:
  Recipe(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  [[nodiscard]] bool empty() const { return size_ == 0; }

  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  std::size_t below(std::size_t bound) { return byte() % bound; }

  /// Small numbers, those around which arithmetic breaks, and any other.
  std::uint64_t number() {
    static constexpr std::array<std::uint64_t, 12> kEdges = {0,
                                                             1,
                                                             2,
                                                             0x7fffffff,
                                                             0x80000000,
                                                             0xffffffff,
                                                             0x100000000,
                                                             0x3fffffffffffffff,
                                                             0x7fffffffffffffff,
                                                             0x8000000000000000,
                                                             0xfffffffffffffffe,
                                                             0xffffffffffffffff};
    const std::uint8_t kind = byte();
    if (kind < 128) return kind;
    if (kind < 192) return kEdges[kind % kEdges.size()];
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }

  std::string text() {
    std::string text(std::min<std::size_t>(byte(), size_), '\0');
    for (char& c : text) c = static_cast<char>(byte());
    return text;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};
