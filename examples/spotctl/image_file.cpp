#include "image_file.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <png.h>
#include <sstream>

#include "exit_code.h"

namespace spotctl {
namespace {

constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 30;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Failure(kBadData, "image file '" + path + "': " + why);
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

Images read_idx(const std::string& path, const std::string& bytes) {
  constexpr std::size_t kHeader = 16;
  if (bytes.size() < kHeader || bytes[2] != 8 || bytes[3] != 3) refuse(path, "not an IDX file of images");
  Images images{big_endian(bytes, 4), big_endian(bytes, 8), big_endian(bytes, 12), {}};
  const std::uint64_t pixels = std::uint64_t{images.rows} * images.columns;
  if (images.count == 0 || pixels == 0 || pixels > kMaxPixels || images.count != (bytes.size() - kHeader) / pixels ||
      (bytes.size() - kHeader) % pixels != 0) {
    refuse(path, "its size does not match its header");
  }
  images.pixels.assign(bytes.begin() + kHeader, bytes.end());
  return images;
}

Images read_pgm(const std::string& path, const std::string& bytes) {
  // Comments may stand between the words of the header.
  std::size_t at = 2;
  std::uint32_t numbers[3] = {};
  for (std::uint32_t& number : numbers) {
    while (at < bytes.size() && (std::isspace(static_cast<unsigned char>(bytes[at])) != 0 || bytes[at] == '#')) {
      at = bytes[at] == '#' ? std::min(bytes.find('\n', at), bytes.size()) : at + 1;
    }
    const std::size_t first = at;
    while (at < bytes.size() && at - first < 6 && bytes[at] >= '0' && bytes[at] <= '9') {
      number = number * 10 + static_cast<std::uint32_t>(bytes[at++] - '0');
    }
    if (at == first) refuse(path, "its PGM header is damaged");
  }
  ++at;  // one white space ends the header
  const auto [columns, rows, maximum] = numbers;
  if (columns == 0 || rows == 0 || maximum != 255) refuse(path, "only PGM images of 8 bits are read");
  if (bytes.size() < at || bytes.size() - at != std::uint64_t{columns} * rows) {
    refuse(path, "its size does not match its header");
  }
  return {1, rows, columns, {bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end()}};
}

Images read_png(const std::string& path, const std::string& bytes) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) refuse(path, png.message);
  png.format = PNG_FORMAT_GRAY;
  Images images{1, png.height, png.width, {}};
  if (std::uint64_t{png.height} * png.width > kMaxPixels) {
    png_image_free(&png);
    refuse(path, "it is too large");
  }
  images.pixels.resize(PNG_IMAGE_SIZE(png));
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&png, &black, images.pixels.data(), 0, nullptr) == 0) refuse(path, png.message);
  return images;
}

}  // namespace

Images read_images(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure(kInputOutput, "image file '" + path + "' cannot be read");
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() > 4 && bytes[0] == 0 && bytes[1] == 0) return read_idx(path, bytes);
  if (bytes.starts_with("P5")) return read_pgm(path, bytes);
  if (bytes.size() > 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, 8) == 0) {
    return read_png(path, bytes);
  }
  refuse(path, "it is neither IDX, PGM (P5) nor PNG");
}

}  // namespace spotctl
