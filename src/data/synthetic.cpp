#include "data/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "base/philox.h"

namespace spot {
namespace {

struct Point {
  float x, y;
};
/// One pull of the pen; its corners are joined by straight lines. The figure fills about -1 … 1 both ways, y
/// grows downwards.
using Stroke = std::vector<Point>;
using Figure = std::vector<Stroke>;

Stroke ellipse(float cx, float cy, float rx, float ry) {
  // Corners of a 12-gon on the unit circle; no sine, whose last bit differs between C libraries.
  constexpr float kHalf = 0.5F, kRoot = 0.8660254F;
  constexpr Point kCircle[] = {{0, -1},          {kHalf, -kRoot},  {kRoot, -kHalf}, {1, 0},          {kRoot, kHalf},
                               {kHalf, kRoot},   {0, 1},           {-kHalf, kRoot}, {-kRoot, kHalf}, {-1, 0},
                               {-kRoot, -kHalf}, {-kHalf, -kRoot}, {0, -1}};
  Stroke stroke;
  for (const Point& p : kCircle) stroke.push_back({cx + rx * p.x, cy + ry * p.y});
  return stroke;
}

const std::array<Figure, 10>& figures() {
  static const std::array<Figure, 10> kFigures = {{
      {ellipse(0, 0, 0.6F, 0.95F)},
      {{{-0.35F, -0.6F}, {0.1F, -0.95F}, {0.1F, 0.95F}}},
      {{{-0.55F, -0.5F},
        {-0.35F, -0.85F},
        {0, -0.95F},
        {0.4F, -0.8F},
        {0.55F, -0.45F},
        {0.35F, 0},
        {-0.55F, 0.9F},
        {0.6F, 0.9F}}},
      {{{-0.5F, -0.75F}, {-0.1F, -0.95F}, {0.35F, -0.85F}, {0.5F, -0.5F}, {0.3F, -0.15F}, {-0.1F, -0.05F}},
       {{-0.1F, -0.05F}, {0.35F, 0.05F}, {0.55F, 0.45F}, {0.35F, 0.85F}, {-0.1F, 0.95F}, {-0.55F, 0.75F}}},
      {{{0.15F, -0.95F}, {-0.6F, 0.3F}, {0.65F, 0.3F}}, {{0.3F, -0.3F}, {0.3F, 0.95F}}},
      {{{0.5F, -0.9F},
        {-0.4F, -0.9F},
        {-0.5F, -0.1F},
        {0, -0.25F},
        {0.45F, 0},
        {0.55F, 0.4F},
        {0.35F, 0.8F},
        {-0.1F, 0.95F},
        {-0.55F, 0.75F}}},
      {{{0.35F, -0.9F}, {-0.15F, -0.6F}, {-0.5F, 0}, {-0.55F, 0.45F}}, ellipse(0, 0.45F, 0.52F, 0.5F)},
      {{{-0.6F, -0.9F}, {0.6F, -0.9F}, {0.2F, -0.1F}, {-0.1F, 0.95F}}},
      {ellipse(0, -0.48F, 0.45F, 0.46F), ellipse(0, 0.47F, 0.55F, 0.5F)},
      {ellipse(0, -0.42F, 0.5F, 0.5F), {{0.5F, -0.42F}, {0.45F, 0.2F}, {0.15F, 0.95F}}},
  }};
  return kFigures;
}

struct Segment {
  Point from, to;
};

float squared(float v) {
  return v * v;
}

float squared_distance(const Point& p, const Segment& s) {
  const float dx = s.to.x - s.from.x, dy = s.to.y - s.from.y;
  const float length = dx * dx + dy * dy;
  float along = ((p.x - s.from.x) * dx + (p.y - s.from.y) * dy) / (length > 0 ? length : 1.0F);
  along = std::clamp(along, 0.0F, 1.0F);
  return squared(p.x - s.from.x - along * dx) + squared(p.y - s.from.y - along * dy);
}

/// The pixels from `begin` on and before `end`, in one direction.
struct Pixels {
  std::uint32_t begin, end;
};

/// Those whose middle may be within `reach` of what lies between two coordinates.
Pixels near(float a, float b, float reach) {
  constexpr auto kSize = static_cast<float>(kSyntheticSize);
  const float begin = std::clamp(std::floor(std::min(a, b) - reach), 0.0F, kSize);
  const float end = std::clamp(std::ceil(std::max(a, b) + reach), 0.0F, kSize);
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

constexpr std::size_t kPixels = std::size_t{kSyntheticSize} * kSyntheticSize;
using Distances = std::array<float, kPixels>;

/// Of each pixel to the nearest segment, squared; large where none is within `reach`.
Distances squared_distances(const std::vector<Segment>& segments, float reach) {
  Distances nearest;
  nearest.fill(1e9F);
  for (const Segment& segment : segments) {
    const Pixels rows = near(segment.from.y, segment.to.y, reach);
    const Pixels columns = near(segment.from.x, segment.to.x, reach);
    for (std::uint32_t row = rows.begin; row < rows.end; ++row) {
      for (std::uint32_t column = columns.begin; column < columns.end; ++column) {
        const Point middle = {static_cast<float>(column) + 0.5F, static_cast<float>(row) + 0.5F};
        float& distance = nearest[row * kSyntheticSize + column];
        distance = std::min(distance, squared_distance(middle, segment));
      }
    }
  }
  return nearest;
}

class Pen {
 public:
  explicit Pen(RandomStream& random) : random_(random) {}

  float between(float low, float high) { return low + (high - low) * random_.next_uniform(); }

  /// The figure's strokes as segments on the image, in pixels.
  std::vector<Segment> place(const Figure& figure) {
    const float angle = between(-0.22F, 0.22F);  // radians, small enough for the series below
    const float sine = angle - angle * angle * angle / 6.0F;
    const float cosine = 1.0F - angle * angle / 2.0F + angle * angle * angle * angle / 24.0F;
    const float shear = between(-0.25F, 0.25F);
    const float width = between(6.5F, 9.5F), height = between(7.5F, 10.0F);
    const Point centre = {between(12.0F, 15.0F), between(12.0F, 15.0F)};
    constexpr float kJitter = 0.09F;
    std::vector<Segment> segments;
    for (const Stroke& stroke : figure) {
      Point last{};
      for (std::size_t i = 0; i < stroke.size(); ++i) {
        const float y = (stroke[i].y + between(-kJitter, kJitter)) * height;
        const float x = (stroke[i].x + between(-kJitter, kJitter)) * width - shear * y;
        const Point point = {centre.x + cosine * x - sine * y, centre.y + sine * x + cosine * y};
        if (i > 0) segments.push_back({last, point});
        last = point;
      }
    }
    return segments;
  }

  void draw(const Figure& figure, std::span<std::uint8_t> image) {
    const std::vector<Segment> segments = place(figure);
    const float radius = between(0.7F, 1.5F);
    const float brightness = between(170.0F, 255.0F);
    // Ink ends half a pixel behind the radius.
    const Distances nearest = squared_distances(segments, radius + 1.0F);
    for (std::size_t i = 0; i < kPixels; ++i) {
      // One pixel wide is the edge from ink to paper.
      const float ink = std::clamp(radius + 0.5F - std::sqrt(nearest[i]), 0.0F, 1.0F);
      const float noise = static_cast<float>(random_.next_u32() >> 24) / 255.0F;
      const float grey = ink * brightness + noise * noise * 24.0F;
      image[i] = static_cast<std::uint8_t>(std::min(grey, 255.0F));
    }
  }

 private:
  RandomStream& random_;
};

}  // namespace

SyntheticDigits draw_synthetic_digits(std::uint64_t seed, std::uint32_t first, std::uint32_t count,
                                      const StopCheck& stop) {
  constexpr std::uint32_t kAskEvery = 100;
  SyntheticDigits digits;
  digits.images.resize(count * kPixels);
  digits.labels.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % kAskEvery == 0) check_stop(stop, "drawing synthetic digits");
    RandomStream random(seed, RandomPurpose::kSyntheticData, first + i);
    const auto label = static_cast<std::uint8_t>((first + i) % 10);
    digits.labels[i] = label;
    Pen(random).draw(figures()[label], std::span(digits.images).subspan(i * kPixels, kPixels));
  }
  return digits;
}

}  // namespace spot
