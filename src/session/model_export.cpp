#include "session/model_export.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/finite.h"
#include "base/status.h"
#include "base/text.h"
#include "session/json_text.h"

namespace spot {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian values");

bool is_exported(const TensorSpec& tensor) {
  return tensor.role != TensorRole::kAccumulator;
}

/// The header's JSON, padded with spaces so that the values behind it are 8-byte aligned.
std::string header_text(const StateLayout& layout, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (!is_exported(tensor)) continue;
    const std::size_t end = offset + tensor.size * sizeof(float);
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = json_text(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

/// Length of the header in eight bytes, the header, the values in the order of the header.
std::vector<std::byte> safetensors(const StateView& state, const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(state.layout(), metadata);
  const auto header_size = std::uint64_t{header.size()};
  std::vector<std::byte> file;
  file.reserve(sizeof header_size + header.size() + state.layout().size() * sizeof(float));
  const auto append = [&](const void* bytes, std::size_t size) {
    const auto* data = static_cast<const std::byte*>(bytes);
    file.insert(file.end(), data, data + size);
  };
  append(&header_size, sizeof header_size);
  append(header.data(), header.size());
  for (const TensorSpec& tensor : state.layout().tensors()) {
    if (is_exported(tensor)) append(state.tensor(tensor).data(), tensor.size * sizeof(float));
  }
  return file;
}

}  // namespace

std::uint64_t exported_bytes(const StateLayout& layout) {
  std::uint64_t bytes = 0;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (is_exported(tensor)) bytes += tensor.size * sizeof(float);
  }
  return bytes;
}

void check_is_worth_exporting(const StateView& state, const std::string& what) {
  for (const TensorSpec& tensor : state.layout().tensors()) {
    if (!is_exported(tensor) || all_finite(state.tensor(tensor))) continue;
    fail(Status::kDiverged, cat(what, " is not worth exporting: its tensor '", printable(tensor.name),
                                "' is not finite; export an earlier one"));
  }
}

std::map<std::string, std::string> export_metadata(const std::string& run_id, std::uint64_t step) {
  return {{"format", "spot-trainer"}, {"run_id", run_id}, {"step", to_text(step)}};
}

ExportedModel export_model(const std::filesystem::path& prefix, const std::string& model_json, const StateView& state,
                           const std::map<std::string, std::string>& metadata, const Fd* staging,
                           const StopCheck& stop) {
  ExportedModel model{prefix.string() + ".json", prefix.string() + ".safetensors"};
  std::error_code ignored;
  const bool replaces = std::filesystem::exists(model.weights, ignored);
  write_file_atomically(model.weights, safetensors(state, metadata), staging, kByUmask, stop);
  try {
    write_file_atomically(model.architecture, model_json, staging, kByUmask);
  } catch (...) {
    // Weights alone are no model.
    if (!replaces) std::filesystem::remove(model.weights, ignored);
    throw;
  }
  return model;
}

}  // namespace spot
