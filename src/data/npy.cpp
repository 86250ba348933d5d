#include "data/npy.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "base/text.h"
#include "data/image_shape.h"

namespace spot {
namespace {

[[noreturn]] void refuse(const std::string& origin, const std::string& why) {
  fail(Status::kData, cat("'", origin, "' is no good NumPy array: ", why));
}

std::size_t size_of(NpyType type) {
  switch (type) {
    case NpyType::kUint8: return 1;
    case NpyType::kInt32:
    case NpyType::kFloat32: return 4;
    case NpyType::kInt64: return 8;
  }
  return 1;
}

/// The dictionary in a file's header.
struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint32_t> shape;
};

/// Reads the one form of dictionary that NumPy writes, its entries in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  Header parse() {
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        descr();
      } else if (key == "fortran_order") {
        fortran_order();
      } else if (key == "shape") {
        shape();
      } else {
        refuse(origin_, cat("its header has an entry '", printable(key), "'"));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.empty() || seen_ != 7) damaged();
    return header_;
  }

 private:
  [[noreturn]] void damaged() const { refuse(origin_, "its header is damaged"); }

  void skip_space() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }
  bool accept(char c) {
    skip_space();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) damaged();
  }
  bool accept(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  /// Each entry once.
  void see(unsigned entry) {
    if ((seen_ & entry) != 0) damaged();
    seen_ |= entry;
  }

  std::string string() {
    skip_space();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) damaged();
    const std::size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) damaged();
    std::string result(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return result;
  }
  void descr() {
    see(1);
    skip_space();
    if (text_.starts_with('[')) refuse(origin_, "its values have several fields: store one array for each");
    header_.descr = string();
  }
  void fortran_order() {
    see(2);
    header_.fortran_order = accept("True");
    if (!header_.fortran_order && !accept("False")) damaged();
  }
  void shape() {
    see(4);
    expect('(');
    while (!accept(')')) {
      header_.shape.push_back(extent());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }
  std::uint32_t extent() {
    skip_space();
    const std::size_t length = std::min(text_.find_first_not_of("0123456789"), text_.size());
    const auto value = parse_number<std::uint64_t>(text_.substr(0, length));
    if (!value) damaged();
    if (*value == 0) refuse(origin_, "it has no values");
    if (*value > UINT32_MAX) refuse(origin_, cat("a dimension of ", *value, " is too large"));
    text_.remove_prefix(length);
    accept('L');  // as Python 2 wrote it
    return static_cast<std::uint32_t>(*value);
  }

  std::string_view text_;
  const std::string& origin_;
  Header header_;
  unsigned seen_ = 0;
};

NpyType type_of(const std::string& descr, const std::string& origin) {
  if (descr == "|u1" || descr == "<u1" || descr == "u1") return NpyType::kUint8;
  if (descr == "<f4") return NpyType::kFloat32;
  if (descr == "<i4") return NpyType::kInt32;
  if (descr == "<i8") return NpyType::kInt64;
  refuse(origin, cat("its values are of type '", printable(descr),
                     "', which is none of |u1, <f4, <i4, <i8: store images as uint8 or float32, e.g. "
                     "a.astype('float32'), labels as uint8, int32 or int64"));
}

/// Where the header begins, and how long it is said to be.
struct HeaderPlace {
  std::size_t begin = 0, size = 0;
};

std::optional<HeaderPlace> find_header(std::span<const std::byte> bytes) {
  constexpr std::size_t kMagic = 6;  // "\x93NUMPY", then two bytes of version
  const auto number = [&](std::size_t width) {
    std::size_t value = 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8 | std::to_integer<std::size_t>(bytes[kMagic + 2 + i]);
    return value;
  };
  if (bytes.size() < kMagic + 2) return std::nullopt;
  const auto version = std::to_integer<int>(bytes[kMagic]);
  const std::size_t width = version == 1 ? 2 : 4;
  if (version < 1 || version > 3 || bytes.size() < kMagic + 2 + width) return std::nullopt;
  const HeaderPlace place = {kMagic + 2 + width, number(width)};
  if (place.size > bytes.size() - place.begin) return std::nullopt;
  return place;
}

}  // namespace

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& origin) {
  using namespace std::string_view_literals;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY"sv)) refuse(origin, "it does not begin like one");
  const auto place = find_header(bytes);
  if (!place) refuse(origin, "its header was cut off, or is of a version that is not read");
  const Header header = HeaderParser(text.substr(place->begin, place->size), origin).parse();
  NpyArray array{type_of(header.descr, origin), header.shape, bytes.subspan(place->begin + place->size)};
  if (header.fortran_order && header.shape.size() > 1) {
    refuse(origin, "its values lie in Fortran's order: store numpy.ascontiguousarray(a)");
  }
  const std::size_t held = array.values.size() / size_of(array.type);
  std::size_t size = 1;
  for (const std::uint32_t extent : array.extents) {
    if (extent > held / size) {
      refuse(origin, cat("its shape ", shape_text(array.extents), " has more values than the ", held,
                         " that follow: it was cut off"));
    }
    size *= extent;
  }
  if (array.values.size() != size * size_of(array.type)) {
    refuse(origin, cat(array.values.size() - size * size_of(array.type), " bytes follow its last value"));
  }
  return array;
}

}  // namespace spot
