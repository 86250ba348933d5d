#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "engine/module.h"

// The real module, on a machine with a card or without.

using namespace spot;

TEST_CASE("the module loads, and offers an engine or says why it has none") {
  const Backend backend = open_engine_module("cuda", SPOT_TEST_MODULE_DIRECTORY);
  MESSAGE(backend.detail);
  CHECK(backend.name == "cuda");
  CHECK(backend.detail.find('\n') == std::string::npos);
  if (std::filesystem::exists("/dev/nvidiactl")) {
    CHECK_FALSE(backend.detail.empty());
    CHECK((backend.score > 1) == (backend.create != nullptr));
  } else {
    CHECK(backend.score == 0);
    CHECK(backend.detail.starts_with("cudaGetDeviceCount: "));
    CHECK(backend.detail.find("install one for CUDA ") != std::string::npos);
  }
}
