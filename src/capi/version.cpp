#include "session/version.h"

#include <dlfcn.h>
#include <filesystem>
#include <spot_trainer.h>
#include <string>

#include <nlohmann/json.hpp>

#include "base/processors.h"
#include "capi/backends.h"
#include "capi/guard.h"
#include "checkpoint/decoder.h"
#include "data/gzip.h"
#include "engine/cpu/cpu_engine.h"
#include "net/http.h"
#include "session/json_text.h"

namespace {

/// "1.0"
std::string abi_text(uint32_t version) {
  return spot::cat(version >> 16, ".", version & 0xffffU);
}

/// Of the file that this code was loaded from; empty where the system does not say.
std::string library_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&spot_abi_version), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return std::filesystem::absolute(info.dli_fname, ignored).string();
}

std::string describe_build() {
  auto backends = nlohmann::ordered_json::array();
  for (const spot::Backend& backend : spot::backends()) {
    backends.push_back({{"name", backend.name},
                        {"usable", backend.score > 0},
                        {"present", backend.score != 0},
                        {"detail", backend.detail}});
  }
  const spot::Processors processors = spot::available_processors();
  const nlohmann::ordered_json build = {{"version", spot::library_version()},
                                        {"abi_version", abi_text(SPOT_ABI_VERSION)},
                                        {"library", library_path()},
                                        {"compiler", SPOT_COMPILER},
                                        {"build_type", SPOT_BUILD_TYPE},
                                        {"libraries",
                                         {{"onednn", spot::cpu_library_version()},
                                          {"flatbuffers", spot::checkpoint_library_version()},
                                          {"curl", spot::http_library_version()},
                                          {"zlib", spot::gzip_library_version()}}},
                                        {"backends", std::move(backends)},
                                        {"processors", {{"count", processors.count}, {"detail", processors.reason}}}};
  return spot::json_text(build);
}

}  // namespace

uint32_t spot_abi_version(void) {
  return SPOT_ABI_VERSION;
}

spot_status spot_abi_check(uint32_t wanted, spot_error** error) {
  return spot::guard(error, [&] {
    if (wanted >> 16 == SPOT_ABI_MAJOR && (wanted & 0xffffU) <= SPOT_ABI_MINOR) return;
    spot::fail(spot::Status::kUnsupported,
               spot::cat("the program was built for ABI ", abi_text(wanted), " of spot-trainer and has loaded ABI ",
                         abi_text(SPOT_ABI_VERSION), " from '", library_path(), "': install a library that has ABI ",
                         abi_text(wanted), ", or build the program anew"));
  });
}

const char* spot_version(void) {
  return spot::library_version();
}

const char* spot_build_info(void) {
  try {
    static const std::string kInfo = describe_build();
    return kInfo.c_str();
  } catch (...) {
    return "{}";  // out of memory; the next call tries again
  }
}
