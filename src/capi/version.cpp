#include "session/version.h"

#include <spot_trainer.h>
#include <string>

#include <nlohmann/json.hpp>

#include "base/processors.h"
#include "capi/backends.h"
#include "checkpoint/decoder.h"
#include "data/gzip.h"
#include "engine/cpu/cpu_engine.h"
#include "net/http.h"

namespace {

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
                                        {"abi_version", SPOT_ABI_VERSION},
                                        {"compiler", SPOT_COMPILER},
                                        {"build_type", SPOT_BUILD_TYPE},
                                        {"libraries",
                                         {{"onednn", spot::cpu_library_version()},
                                          {"flatbuffers", spot::checkpoint_library_version()},
                                          {"curl", spot::http_library_version()},
                                          {"zlib", spot::gzip_library_version()}}},
                                        {"backends", std::move(backends)},
                                        {"processors", {{"count", processors.count}, {"reason", processors.reason}}}};
  return build.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

uint32_t spot_abi_version(void) {
  return SPOT_ABI_VERSION;
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
