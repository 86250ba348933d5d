#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"

namespace spot {

/// The engine on oneDNN, as a backend to choose.
Backend cpu_backend();

/// Builds the plan of the model, and the state of step 0. Throws kModel for a model that oneDNN cannot
/// compute here, kUnsupported for another precision than float32, kNoMemory.
std::unique_ptr<Engine> create_cpu_engine(const EngineSpec& spec, const Log& log);

/// oneDNN's version, e.g. "2.6.3".
std::string cpu_library_version();

}  // namespace spot
