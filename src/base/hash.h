#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace spot {

/// XXH3-64 of the bytes.
std::uint64_t hash64(const void* bytes, std::size_t size);

/// An XXH3-128 value in its canonical (big-endian) form.
struct Hash128 {
  unsigned char bytes[16] = {};
  [[nodiscard]] std::string hex() const;
  bool operator==(const Hash128&) const = default;
};

/// Memory for a stream's state.
class HashState {
 public:
  HashState();
  ~HashState();
  HashState(const HashState&) = delete;
  HashState& operator=(const HashState&) = delete;
  [[nodiscard]] void* get() const { return memory_; }

 private:
  void* memory_;
};

/// XXH3-64 of a sequence of pieces.
class Hasher64 {
 public:
  Hasher64() { reset(); }
  void reset();
  void update(const void* bytes, std::size_t size);
  [[nodiscard]] std::uint64_t digest() const;

 private:
  HashState state_;
};

/// XXH3-128 of a sequence of pieces.
class Hasher {
 public:
  Hasher();

  void update(const void* bytes, std::size_t size);
  /// The value as eight little-endian bytes.
  void update_u64(std::uint64_t value);
  /// The length, then the bytes, so that ("ab","c") and ("a","bc") differ.
  void update_text(const std::string& text);
  [[nodiscard]] Hash128 digest() const;

 private:
  HashState state_;
};

}  // namespace spot
