#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spotctl {

/// Grey images of one size: [count][rows][columns], 0 is black.
struct Images {
  std::uint32_t count = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::vector<std::uint8_t> pixels;
};

/// Reads IDX (any number of images), PGM (P5, 8 bits) or PNG (turned to grey, transparent parts as on paper); which one
/// it is the content tells. Throws Failure naming the file.
Images read_images(const std::string& path);

/// Black becomes white.
void invert(Images& images);
/// Whether these seem to be dark figures on a light ground: the border is light, and lighter than the centre.
bool has_light_ground(const Images& images);

}  // namespace spotctl
