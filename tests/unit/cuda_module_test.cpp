#include <dlfcn.h>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "engine/module.h"

// The GPU engine's module as it was built, on a machine with a card or without.

using namespace spot;

namespace {

const std::filesystem::path kModule = SPOT_TEST_CUDA_MODULE;

}  // namespace

TEST_CASE("the module loads, is of this build, and offers an engine or says why it has none") {
  void* library = dlopen(kModule.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) FAIL(dlerror());
  const auto entry = reinterpret_cast<decltype(&spot_engine_module)>(dlsym(library, "spot_engine_module"));
  REQUIRE((entry != nullptr));
  CHECK(std::string(entry()->interface) == engine_interface());
  const Backend backend = entry()->backend();
  MESSAGE(backend.detail);
  CHECK(backend.name == "cuda");
  CHECK(backend.detail.find('\n') == std::string::npos);
  if (std::filesystem::exists("/dev/nvidiactl")) {
    CHECK_FALSE(backend.detail.empty());
    CHECK((backend.score > 1) == (backend.create != nullptr));
  } else {
    CHECK(backend.score <= 0);
    CHECK(backend.detail.starts_with("cudaGetDeviceCount: "));
    CHECK(backend.detail.find("install one for CUDA ") != std::string::npos);
  }
}

TEST_CASE("the library offers what the module does, and without a driver does not open it") {
  const Backend backend = open_cuda_module(kModule.parent_path());
  MESSAGE(backend.detail);
  CHECK(backend.name == "cuda");
  CHECK(backend.detail.find('\n') == std::string::npos);
  if (void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); driver != nullptr) {
    CHECK((backend.score > 1) == (backend.create != nullptr));
  } else {
    CHECK(backend.score <= 0);
    CHECK(backend.detail.find("libcuda.so.1") != std::string::npos);
    CHECK(backend.detail.find("install the device's driver") != std::string::npos);
  }
}
