#pragma once

#include <filesystem>

#include "base/cancel.h"
#include "checkpoint/checkpoint.h"

namespace spot {

/// Whether a path is one of the two files of an exported model, by its name.
bool is_exported_model(const std::filesystem::path& path);

/// The model of export_model(), both of whose files must be there, whichever `path` is: its description, tensors, and
/// what the export says of step and run; nothing else of the checkpoint is set. Throws kNotFound, kModel for a file
/// that is damaged, and kCancelled.
Checkpoint import_model(const std::filesystem::path& path, const StopCheck& stop);

}  // namespace spot
