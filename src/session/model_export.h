#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/file.h"
#include "engine/state_view.h"

namespace spot {

/// Bytes of the weights of an exported model, nearly.
std::uint64_t exported_bytes(const StateLayout& layout);

/// A model on its way to other programs: its architecture as the JSON of model_to_json(), its
/// parameters and statistics in the safetensors format (github.com/huggingface/safetensors).
struct ExportedModel {
  std::filesystem::path architecture;  ///< <prefix>.json
  std::filesystem::path weights;       ///< <prefix>.safetensors
};

/// Throws kDiverged unless what is exported of the state is finite; `what` names the state.
void check_is_worth_exporting(const StateView& state, const std::string& what);

/// What the header of the safetensors file says of where its values come from.
std::map<std::string, std::string> export_metadata(const std::string& run_id, std::uint64_t step);

/// Writes both files, each atomically and durably. `metadata` goes into the header of the
/// safetensors file. The folder of `prefix` must exist. `staging` and `stop`: see write_file_atomically(); a model that
/// stands there stays whole.
ExportedModel export_model(const std::filesystem::path& prefix, const std::string& model_json, const StateView& state,
                           const std::map<std::string, std::string>& metadata, const Fd* staging = nullptr,
                           const StopCheck& stop = {});

}  // namespace spot
