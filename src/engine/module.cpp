#include "engine/module.h"

#include <dlfcn.h>
#include <exception>
#include <system_error>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// To be raised with every change of what crosses the border: engine.h and what it includes.
constexpr int kInterfaceVersion = 1;

std::string describe_interface() {
#ifdef __GLIBCXX__
  const std::string library = cat("libstdc++ ", __GLIBCXX__, " ABI ", _GLIBCXX_USE_CXX11_ABI);
#else
  const std::string library = cat("libc++ ", _LIBCPP_VERSION);
#endif
  return cat("spot-trainer " SPOT_VERSION ", engine interface ", kInterfaceVersion, ", compiler " __VERSION__ ", ",
             library);
}

std::string loader_words() {
  const char* words = dlerror();
  return words == nullptr ? "the loader does not say why" : words;
}

/// Opens a shared object for good. Throws the loader's words and `remedy`.
void* open_library(const std::string& name, const char* remedy) {
  void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) fail(Status::kUnsupported, cat(loader_words(), "; ", remedy));
  return library;
}

void* open_module(const std::filesystem::path& file, const std::string& driver) {
  open_library(driver, "install the device's driver");
  std::error_code unreadable;
  if (!std::filesystem::exists(file, unreadable)) {
    return open_library(file, "install the module; it is built with SPOT_BUILD_CUDA=ON");
  }
  return open_library(file, "install what it needs, or the module of this release again");
}

/// Throws what is wrong with the module.
Backend examine(void* library, const std::filesystem::path& file) {
  const auto entry = reinterpret_cast<decltype(&spot_engine_module)>(dlsym(library, "spot_engine_module"));
  if (entry == nullptr) {
    fail(Status::kUnsupported, cat(loader_words(), "; that is no module of ours: install the one of this release"));
  }
  const EngineModule& module = *entry();
  if (std::string_view(module.interface) != engine_interface()) {
    fail(Status::kUnsupported, cat("module '", file.string(), "' has interface '", printable(module.interface, 200),
                                   "', the library '", engine_interface(), "': install both from one build"));
  }
  return module.backend();
}

}  // namespace

const char* engine_interface() {
  static const std::string kInterface = describe_interface();
  return kInterface.c_str();
}

std::filesystem::path module_directory() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&engine_interface), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code vanished;  // the name stands then as it is
  const std::filesystem::path file = std::filesystem::weakly_canonical(info.dli_fname, vanished);
  return (vanished ? std::filesystem::path(info.dli_fname) : file).parent_path() / "spot_trainer";
}

Backend open_engine_module(const std::string& device, const std::string& driver,
                           const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / cat("libspot_trainer_", device, ".so");
  // Where its driver is there is such a device, or was meant to be.
  const bool has_driver = dlopen(driver.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) != nullptr;
  const int unusable = has_driver ? -1 : 0;
  try {
    Backend backend = examine(open_module(file, driver), file);
    backend.name = device;
    if (backend.score <= 0) backend.score = unusable;
    return backend;
  } catch (const std::exception& error) {
    return {.name = device, .score = unusable, .detail = error.what()};
  }
}

Backend open_cuda_module(const std::filesystem::path& directory) {
  return open_engine_module("cuda", "libcuda.so.1", directory);
}

}  // namespace spot
