#pragma once

#include <filesystem>
#include <memory>

#include "interrupt/source.h"

namespace spot {

/// A path whose appearance is the notice and whose content is the reason: for Kubernetes' preStop hooks, batch
/// schedulers' prologues and tests. A file that is there already is left over from before, until somebody writes it
/// anew; one that vanishes takes its notice back.
std::unique_ptr<Source> make_file_source(std::filesystem::path path);

}  // namespace spot
