#include <dlfcn.h>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "engine/module.h"

// The GPU engine's module as it was built, on whatever machine: that it loads, fits, and is usable or says why not.

using namespace spot;

namespace {

const std::filesystem::path kModule = SPOT_CUDA_MODULE;

}  // namespace

TEST_CASE("the module loads without a driver, is of this build, and has a card or says why it has none") {
  void* library = dlopen(kModule.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) FAIL(dlerror());
  const auto entry = reinterpret_cast<decltype(&spot_engine_module)>(dlsym(library, "spot_engine_module"));
  REQUIRE((entry != nullptr));
  CHECK(std::string(entry()->interface) == engine_interface());
  const Backend backend = entry()->backend();
  MESSAGE(backend.detail);
  CHECK(backend.name == "cuda");
  CHECK(backend.detail.size() > 10);
  CHECK(backend.detail.find('\n') == std::string::npos);
  if (backend.score > 0) CHECK((backend.create != nullptr));

  const Backend opened = open_cuda_module(kModule.parent_path());
  CHECK(opened.score == backend.score);
  CHECK((opened.create == backend.create));
}
