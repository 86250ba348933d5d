#pragma once

#include <filesystem>
#include <string>

#include "engine/engine.h"

namespace spot {

/// An engine that is not part of the library but a shared object beside it, so that the library links nothing of what
/// the engine needs. What crosses the border are C++ objects: both sides must be of one release and one compiler.
struct EngineModule {
  const char* interface;  ///< engine_interface(), as the module was built
  Backend (*backend)();   ///< score 0 and why, where the engine cannot be used; called once
};

/// What both sides must agree in, to the letter: release, version of the interface, compiler, C++ library.
const char* engine_interface();

/// Where the modules are: "spot_trainer" beside the file that this code was loaded from.
std::filesystem::path module_directory();

/// Opens libspot_trainer_<device>.so in `directory`, for as long as the process lives. Where it is missing, does not
/// load, is of another build or declines, the backend has score 0 or -1 and the loader's, the module's or the driver's
/// own words. Without the shared object `driver` it is not opened: what it would load for nothing is large.
Backend open_engine_module(const std::string& device, const std::string& driver,
                           const std::filesystem::path& directory);

/// The GPU engine's.
Backend open_cuda_module(const std::filesystem::path& directory = module_directory());

}  // namespace spot

/// A module's only symbol; defined by each module.
extern "C" const spot::EngineModule* spot_engine_module();
