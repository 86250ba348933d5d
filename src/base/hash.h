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

/// XXH3-128 of a sequence of pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(const void* bytes, std::size_t size);
  /// The value as eight little-endian bytes.
  void update_u64(std::uint64_t value);
  /// The length, then the bytes, so that ("ab","c") and ("a","bc") differ.
  void update_text(const std::string& text);
  [[nodiscard]] Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spot
