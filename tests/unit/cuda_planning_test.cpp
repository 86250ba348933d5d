#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/convolution_plan.h"
#include "engine/cuda/card/convolution_shape.h"

// Which engines cuDNN has for cards that are not here: it plans for given properties, too. What it plans it cannot run.

using namespace spot;
using namespace spot::cuda;

namespace {

struct CardProperties {
  std::string_view name;
  int capability, multiprocessors, shared_memory, threads_per_multiprocessor;
  bool has_bfloat16;
};

constexpr CardProperties kH100 = {"NVIDIA H100 80GB HBM3", 900, 132, 232448, 2048, true};
constexpr CardProperties kA10G = {"NVIDIA A10G", 860, 80, 101376, 1536, true};
constexpr CardProperties kT4 = {"Tesla T4", 750, 40, 65536, 1024, false};

Descriptor describe_card(const CardProperties& card) {
  const std::string json =
      cat(R"({"deviceName": ")", card.name, R"(", "deviceVer": )", card.capability, R"(, "multiProcessorCount": )",
          card.multiprocessors, R"(, "maxSharedMemoryPerBlockOptin": )", card.shared_memory, R"(, "maxThreadsPerSM": )",
          card.threads_per_multiprocessor,
          R"(, "driverVer": 13000, "cudaDeviceId": 0, "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1,
      "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
      "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "reservedSharedMemoryPerBlock": 1024,
      "maxRegistersPerSM": 65536, "maxCtasPerSM": 16, "maxThreadsPerBlock": 1024, "totalGlobalMem": 16000000000,
      "smClockRateKHz": 1590000, "memClockRateKHz": 5001000, "l2CacheSize": 4194304})");
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::string_view(json));
  properties.finalize();
  return properties;
}

ConvolutionSpec convolution(std::int64_t images, std::int64_t channels, std::int64_t size, std::int64_t filters,
                            std::int64_t kernel, std::int64_t stride, std::array<std::int64_t, 2> padding) {
  ConvolutionSpec spec;
  spec.images = images, spec.channels = channels, spec.rows = spec.columns = size, spec.filters = filters;
  spec.kernel[0] = spec.kernel[1] = kernel;
  spec.stride[0] = spec.stride[1] = stride;
  spec.padding[0] = spec.padding[1] = padding[0];
  spec.padding[2] = spec.padding[3] = padding[1];
  spec.output_rows = spec.output_columns = (size + padding[0] + padding[1] - kernel) / stride + 1;
  return symmetric(spec).spec;
}

const std::vector<ConvolutionSpec>& convolutions() {
  static const std::vector<ConvolutionSpec> kSpecs = {
      convolution(128, 1, 28, 32, 3, 1, {0, 0}),   // keras-cnn's first, the image as it is
      convolution(128, 8, 28, 32, 3, 1, {0, 0}),   // and with whole channels
      convolution(128, 32, 26, 64, 3, 1, {0, 0}),  // keras-cnn's second
      convolution(128, 8, 28, 8, 5, 1, {2, 2}),    // lenet-5
      convolution(128, 8, 14, 16, 5, 1, {0, 0}),   convolution(128, 8, 28, 16, 5, 1, {0, 0}),  // light-cnn
      convolution(128, 16, 12, 32, 3, 1, {0, 0}),  convolution(1, 32, 13, 64, 3, 1, {1, 1}),   // one image
      convolution(100, 16, 28, 24, 2, 1, {0, 1}),  // "same" of an even kernel: grown
      convolution(256, 64, 14, 128, 1, 2, {0, 0}), convolution(128, 24, 27, 40, 3, 2, {0, 1}),
  };
  return kSpecs;
}

template <typename Visit>
void for_each_pass(bool bfloat16, bool tf32, Visit visit) {
  for (ConvolutionSpec spec : convolutions()) {
    for (const auto pass : {ConvolutionSpec::Pass::kForward, ConvolutionSpec::Pass::kInputGradient,
                            ConvolutionSpec::Pass::kFilterGradient}) {
      spec.pass = pass;
      spec.element = bfloat16 ? Element::kBfloat16 : Element::kFloat32;
      spec.tf32 = tf32;
      visit(spec);
    }
  }
}

}  // namespace

TEST_CASE("cuDNN has an engine for every pass and precision that the card has") {
  for (const CardProperties& card : {kH100, kA10G, kT4}) {
    CAPTURE(card.name);
    const Descriptor properties = describe_card(card);
    const PlanningTarget target = {.properties = &properties};
    const auto plan = [&](const ConvolutionSpec& spec) {
      CAPTURE(describe(spec));
      ConvolutionPlan planned = plan_engine(target, spec);
      CHECK(planned.description.starts_with("cudnn engine "));
      CHECK(planned.rounded ==
            (spec.pass == ConvolutionSpec::Pass::kFilterGradient && spec.element == Element::kBfloat16));
    };
    for_each_pass(false, false, plan);
    for_each_pass(false, true, plan);
    if (card.has_bfloat16) for_each_pass(true, false, plan);
  }
}

TEST_CASE("the choice is the same every time") {
  const Descriptor properties = describe_card(kH100);
  const PlanningTarget target = {.properties = &properties};
  for_each_pass(false, false, [&](const ConvolutionSpec& spec) {
    CHECK(plan_engine(target, spec).description == plan_engine(target, spec).description);
  });
}

TEST_CASE("a card without bfloat16 is told so") {
  const Descriptor properties = describe_card(kT4);
  ConvolutionSpec spec = convolutions().front();
  spec.element = Element::kBfloat16;
  try {
    static_cast<void>(plan_engine({.properties = &properties}, spec));
    FAIL("a Tesla T4 computes in bfloat16");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kUnsupported);
    CHECK(std::string(error.what()).find("choose another precision") != std::string::npos);
  }
}
