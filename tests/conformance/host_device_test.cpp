#include "support/host_device.h"

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "conformance/conformance.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cuda/cuda_engine.h"

// The GPU engine on a card that the host plays.

using namespace spot;
using namespace spot::conformance;

TEST_CASE("the GPU engine conforms, as far as a card does what the host does in its place") {
  const Subject oracle = {.name = "oracle", .create = [](EngineSpec spec) {
                            spec.kernels = Kernels::kGeneral;
                            return create_cpu_engine(spec, Log());
                          }};
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    CAPTURE(precision_name(precision));
    const Subject subject = {.name = "cuda on the host",
                             .create =
                                 [](const EngineSpec& spec) {
                                   return cuda::create_cuda_engine(
                                       host_device::make(std::make_shared<host_device::Record>()), spec, Log());
                                 },
                             .precision = precision,
                             .preset_batch = 6};
    const bool good = conforms(subject, oracle, [](const Finding& finding) {
      CAPTURE(finding.property);
      CAPTURE(finding.object);
      CAPTURE(finding.error);
      CAPTURE(finding.measured);
      CAPTURE(finding.allowed);
      CHECK(finding.holds());
    });
    CHECK(good);
  }
}
