#include "engine/module.h"

#include "engine/cuda/card/card.h"
#include "engine/cuda/cuda_engine.h"

namespace spot::cuda {
namespace {

constexpr int kScore = 10;  // above the CPU's: where a card can be used, "auto" takes it

std::unique_ptr<Engine> create(const EngineSpec& spec, const Log& log) {
  return create_cuda_engine(open_card(), spec, log);
}

Backend backend() {
  const std::string reason = why_no_card();
  if (!reason.empty()) return {.name = "cuda", .score = 0, .detail = reason};
  return {.name = "cuda", .score = kScore, .detail = describe_card(), .create = create};
}

}  // namespace
}  // namespace spot::cuda

extern "C" __attribute__((visibility("default"))) const spot::EngineModule* spot_engine_module() {
  static const spot::EngineModule kModule = {.interface = spot::engine_interface(), .backend = spot::cuda::backend};
  return &kModule;
}
