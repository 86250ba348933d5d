#include "engine/module.h"

#include "base/status.h"
#include "support/softmax_engine.h"

// One module of module_test; which one is said by the definition MODULE_….

using namespace spot;

namespace {

[[maybe_unused]] std::unique_ptr<Engine> create(const EngineSpec& spec, const Log& log) {
  if (spec.precision != Precision::kFloat32) fail(Status::kNoMemory, "the card is full", {.os_errno = 12});
  log.info("made by a module");
  return std::make_unique<test::SoftmaxEngine>(spec);
}

[[maybe_unused]] Backend backend() {
#if defined(MODULE_declining)
  return {.name = "declining", .score = 0, .detail = "no such card here"};
#elif defined(MODULE_throwing)
  fail(Status::kInternal, "the driver is broken");
#else
  return {.name = "usable", .score = 7, .detail = "softmax regression", .create = create};
#endif
}

}  // namespace

#ifndef MODULE_empty
extern "C" __attribute__((visibility("default"))) const EngineModule* spot_engine_module() {
#ifdef MODULE_foreign
  static const EngineModule kModule = {"spot-trainer 0.0.1", backend};
#else
  static const EngineModule kModule = {engine_interface(), backend};
#endif
  return &kModule;
}
#endif
