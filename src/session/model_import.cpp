#include "session/model_import.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian values");

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 31;  // as a checkpoint's
constexpr std::uint64_t kLargestText = 1 << 20;
constexpr std::size_t kMostTensors = 4096;  // as in a checkpoint
constexpr std::size_t kLongestName = 127;
constexpr std::size_t kMostDimensions = 8;

[[noreturn]] void fail_file(const std::filesystem::path& path, std::string_view what) {
  fail(Status::kModel, cat("'", path.string(), "' is no safetensors file of a model: ", what));
}

/// A whole number of the header that is not negative.
std::uint64_t number(const JsonValue& value, const std::filesystem::path& path, std::string_view name) {
  if (!value.is_integer() || value.integer() < 0)
    fail_file(path, cat("'", printable(name), "' has a number that is negative or not whole"));
  return static_cast<std::uint64_t>(value.integer());
}

const JsonValue& member(const JsonValue& entry, std::string_view key, bool is_right_kind(const JsonValue&),
                        const std::filesystem::path& path, std::string_view name) {
  const JsonValue* found = entry.find(key);
  if (found == nullptr || !is_right_kind(*found)) fail_file(path, cat("'", printable(name), "' has no ", key));
  return *found;
}

bool is_text(const JsonValue& value) {
  return value.is_text();
}
bool is_array(const JsonValue& value) {
  return value.is_array();
}

/// Reads a safetensors file of float32 tensors into a checkpoint.
class TensorReader {
 public:
  /// All of them must outlive it.
  TensorReader(const std::filesystem::path& path, std::span<const std::byte> bytes, const StopCheck& stop,
               Checkpoint& result)
      : path_(path), bytes_(bytes), stop_(stop), result_(result) {}

  void read() {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof length) fail_file(path_, "it is shorter than a header");
    std::memcpy(&length, bytes_.data(), sizeof length);
    if (length > bytes_.size() - sizeof length) fail_file(path_, "its header has no end");
    if (length > kLargestText) fail_file(path_, "its header is longer than that of any model of ours");
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + sizeof length);
    const auto header = JsonValue::parse(std::string_view(text, static_cast<std::size_t>(length)));
    if (!header || !header->is_object()) fail_file(path_, "its header is no JSON object");
    values_ = bytes_.subspan(sizeof length + static_cast<std::size_t>(length));
    if (header->members().size() > kMostTensors) fail_file(path_, "it has more tensors than any model of ours");
    for (const auto& [name, entry] : header->members()) {
      if (name == "__metadata__") {
        read_metadata(entry);
      } else {
        read_tensor(name, entry);
      }
    }
  }

 private:
  void read_metadata(const JsonValue& metadata) {
    if (const JsonValue* run = metadata.find("run_id"); run != nullptr && run->is_text()) {
      result_.meta.run_id = printable(run->text(), kLongestName);
    }
    if (const JsonValue* step = metadata.find("step"); step != nullptr && step->is_text()) {
      result_.meta.step = parse_number<std::uint64_t>(step->text()).value_or(0);
    }
  }

  void read_tensor(const std::string& name, const JsonValue& entry) {
    check_stop(stop_, cat("reading '", path_.string(), "'"));
    if (name.size() > kLongestName) fail_file(path_, cat("'", printable(name, kLongestName), "' is too long a name"));
    if (result_.layout.find(name) != nullptr) fail_file(path_, cat("'", printable(name), "' is there twice"));
    const std::string& type = member(entry, "dtype", is_text, path_, name).text();
    if (type != "F32") fail_file(path_, cat("'", printable(name), "' is of type ", printable(type, 16), ", not F32"));
    std::vector<std::int64_t> shape;
    std::uint64_t size = 1;
    for (const JsonValue& extent : member(entry, "shape", is_array, path_, name).elements()) {
      const std::uint64_t count = number(extent, path_, name);
      if (shape.size() == kMostDimensions || (count != 0 && size > kLargestFile / count)) {
        fail_file(path_, cat("'", printable(name), "' is too large"));
      }
      size *= count;
      shape.push_back(static_cast<std::int64_t>(count));
    }
    const auto& offsets = member(entry, "data_offsets", is_array, path_, name).elements();
    if (offsets.size() != 2) fail_file(path_, cat("'", printable(name), "' has no data_offsets"));
    const std::uint64_t begin = number(offsets[0], path_, name), end = number(offsets[1], path_, name);
    if (end > values_.size() || begin > end || end - begin != size * sizeof(float)) {
      fail_file(path_, cat("the values of '", printable(name), "' are not in the file"));
    }
    // Tensors do not overlap, so all of them are no larger than the file.
    if (result_.values.size() + size > values_.size() / sizeof(float)) fail_file(path_, "its tensors overlap");
    // An export has no accumulators, and whatever else a tensor is makes no difference here.
    result_.layout.add(name, std::move(shape), TensorRole::kParameter);
    const std::size_t at = result_.values.size();
    result_.values.resize(at + static_cast<std::size_t>(size));
    if (size > 0) std::memcpy(result_.values.data() + at, values_.data() + begin, end - begin);
  }

  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
  const StopCheck& stop_;
  std::span<const std::byte> values_;
  Checkpoint& result_;
};

}  // namespace

bool is_exported_model(const std::filesystem::path& path) {
  return path.extension() == ".json" || path.extension() == ".safetensors";
}

Checkpoint import_model(const std::filesystem::path& path, const StopCheck& stop) {
  std::filesystem::path architecture = path, weights = path;
  architecture.replace_extension(".json");
  weights.replace_extension(".safetensors");
  Checkpoint result;
  result.meta.model_json = read_text_file(architecture, kLargestText);
  const std::vector<std::byte> bytes = read_file(weights, kLargestFile, Links::kFollow, stop);
  TensorReader(weights, bytes, stop, result).read();
  return result;
}

}  // namespace spot
