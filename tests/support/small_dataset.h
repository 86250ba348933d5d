#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace spot::test {

/// IDX files of 12 x 12 images that a small network learns in a few steps: class c is a bright
/// column c, the rest is noise of a fixed generator.
class SmallDataset {
 public:
  static constexpr std::uint32_t kRows = 12;
  static constexpr std::uint32_t kColumns = 12;
  static constexpr std::uint32_t kClasses = 10;

  static void write(const std::filesystem::path& folder, std::uint32_t train, std::uint32_t test,
                    std::uint32_t seed = 1) {
    std::filesystem::create_directories(folder);
    write_pair(folder, "train", train, seed);
    write_pair(folder, "t10k", test, seed + 1000);
  }

 private:
  static void append_big_endian(std::string& bytes, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
    }
  }

  static void write_pair(const std::filesystem::path& folder, const std::string& part, std::uint32_t count,
                         std::uint32_t state) {
    std::string images;
    std::string labels;
    append_big_endian(images, 0x803);
    for (const std::uint32_t value : {count, kRows, kColumns}) append_big_endian(images, value);
    append_big_endian(labels, 0x801);
    append_big_endian(labels, count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t label = i % kClasses;
      labels.push_back(static_cast<char>(label));
      for (std::uint32_t pixel = 0; pixel < kRows * kColumns; ++pixel) {
        state = state * 1664525U + 1013904223U;  // Numerical Recipes' generator
        const std::uint32_t noise = (state >> 24) / 2;
        images.push_back(static_cast<char>(pixel % kColumns == label ? 128 + noise : noise));
      }
    }
    std::ofstream(folder / (part + "-images-idx3-ubyte"), std::ios::binary) << images;
    std::ofstream(folder / (part + "-labels-idx1-ubyte"), std::ios::binary) << labels;
  }
};

}  // namespace spot::test
