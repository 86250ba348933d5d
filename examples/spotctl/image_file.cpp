#include "image_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <png.h>

#include "exit_code.h"
#include "input_file.h"

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

/// Mean grey where the opaque pixels end; nothing when those are the few, or all alike: then the figure is in the
/// alpha.
std::optional<unsigned> ground_of_opaque(const std::vector<std::uint8_t>& pixels, std::size_t columns) {
  constexpr unsigned kContrast = 128;
  const std::size_t count = pixels.size() / 2, rows = count / columns;
  const auto is_opaque = [&](std::size_t i) { return pixels[2 * i + 1] == 255; };
  std::uint64_t opaque = 0, border = 0, border_grey = 0;
  unsigned darkest = 255, lightest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_opaque(i)) continue;
    const unsigned grey = pixels[2 * i];
    ++opaque;
    darkest = std::min(darkest, grey);
    lightest = std::max(lightest, grey);
    const std::size_t row = i / columns, column = i % columns;
    const bool at_edge = row == 0 || column == 0 || row == rows - 1 || column == columns - 1;
    if (!at_edge && is_opaque(i - 1) && is_opaque(i + 1) && is_opaque(i - columns) && is_opaque(i + columns)) continue;
    ++border;
    border_grey += grey;
  }
  if (2 * opaque <= count || lightest < darkest + kContrast) return std::nullopt;
  return static_cast<unsigned>(border_grey / border);
}

/// Grey and alpha, two bytes a pixel, laid over paper on which the figure shows: the ground of an opaque picture whose
/// corners are clear, else white, or black under a light figure.
std::vector<std::uint8_t> flatten(const std::vector<std::uint8_t>& pixels, std::size_t columns) {
  std::uint64_t ink = 0, opacity = 0;
  for (std::size_t i = 0; i < pixels.size(); i += 2) {
    ink += std::uint64_t{pixels[i]} * pixels[i + 1];
    opacity += pixels[i + 1];
  }
  const bool is_light = ink > 127 * opacity;
  const unsigned paper = ground_of_opaque(pixels, columns).value_or(is_light ? 0 : 255);
  std::vector<std::uint8_t> flat(pixels.size() / 2);
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const unsigned grey = pixels[2 * i], alpha = pixels[2 * i + 1];
    flat[i] = static_cast<std::uint8_t>((grey * alpha + paper * (255 - alpha) + 127) / 255);
  }
  return flat;
}

bool is_opaque(const std::vector<std::uint8_t>& pixels) {
  for (std::size_t i = 1; i < pixels.size(); i += 2) {
    if (pixels[i] != 255) return false;
  }
  return true;
}

std::string damage(const png_image& png) {
  return std::string("its PNG data are damaged: ") + png.message;
}

Images read_png(const std::string& path, const std::string& bytes) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) refuse(path, damage(png));
  if (std::uint64_t{png.height} * png.width > kMaxPixels) {
    png_image_free(&png);
    refuse(path, "it is too large");
  }
  const bool has_alpha = (png.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // as almost all files of 16 bits are, whatever libpng assumes
  png.format = has_alpha ? PNG_FORMAT_GA : PNG_FORMAT_GRAY;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(png));
  if (png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr) == 0) refuse(path, damage(png));
  Images images{1, png.height, png.width, {}};
  if (!has_alpha) {
    images.pixels = std::move(pixels);
  } else if (is_opaque(pixels)) {
    for (std::size_t i = 0; i < pixels.size(); i += 2) images.pixels.push_back(pixels[i]);
  } else {
    images.pixels = flatten(pixels, png.width);
  }
  return images;
}

}  // namespace

Images read_images(const std::string& path) {
  const std::string bytes = read_input(path, "image file", kMaxPixels + (1 << 20), kInputOutput);
  if (bytes.size() > 4 && bytes[0] == 0 && bytes[1] == 0) return read_idx(path, bytes);
  if (bytes.starts_with("P5")) return read_pgm(path, bytes);
  if (bytes.size() > 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, 8) == 0) {
    return read_png(path, bytes);
  }
  if (bytes.starts_with("\x1f\x8b")) refuse(path, "it is compressed with gzip: unpack it first");
  if (bytes.starts_with("\xff\xd8")) refuse(path, "it is a JPEG: convert it to PNG first");
  refuse(path, bytes.empty() ? "it is empty" : "it is neither IDX, PGM (P5) nor PNG");
}

void invert(Images& images) {
  for (std::uint8_t& pixel : images.pixels) pixel = static_cast<std::uint8_t>(255 - pixel);
}

bool has_light_ground(const Images& images) {
  std::uint64_t border = 0, border_pixels = 0, centre = 0, centre_pixels = 0;
  const std::uint32_t rows = images.rows, columns = images.columns;
  for (std::size_t i = 0; i < images.pixels.size(); ++i) {
    const std::size_t row = i / columns % rows, column = i % columns;
    if (row == 0 || column == 0 || row == rows - 1 || column == columns - 1) {
      border += images.pixels[i];
      ++border_pixels;
    } else if (row >= rows / 4 && row < rows - rows / 4 && column >= columns / 4 && column < columns - columns / 4) {
      centre += images.pixels[i];
      ++centre_pixels;
    }
  }
  if (centre_pixels == 0 || border <= 127 * border_pixels) return false;
  // Means compared without a division.
  return border * centre_pixels > centre * border_pixels;
}

}  // namespace spotctl
