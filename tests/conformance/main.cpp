#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "conformance/conformance.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/module.h"

// conformance: holds every engine of this machine against the CPU engine's general path. Exit code 0: all that was
// asked for and can be used here conforms; 1: something does not; 77: the one that was asked for cannot be used here.

using namespace spot;
using namespace spot::conformance;

namespace {

constexpr int kConforms = 0, kDiffers = 1, kSkipped = 77;

Subject oracle() {
  return {.name = "oracle", .create = [](EngineSpec spec) {
            spec.kernels = Kernels::kGeneral;
            return create_cpu_engine(spec, Log());
          }};
}

void print(const Finding& finding) {
  std::printf("  %-9s%-50s %-48s %9.3g of %.3g\n", finding.holds() ? "ok" : "DIFFERS", finding.property.c_str(),
              finding.object.c_str(), finding.measured, finding.allowed);
  if (!finding.error.empty()) std::printf("           %s\n", finding.error.c_str());
}

bool examine(const Backend& backend, Precision precision, bool failures_only) {
  const std::string name = backend.name + " " + precision_name(precision);
  std::printf("%s (%s): property, of what, measured difference of what is allowed\n", name.c_str(),
              backend.detail.c_str());
  const Subject subject = {.name = name,
                           .create = [&](const EngineSpec& spec) { return backend.create(spec, Log()); },
                           .precision = precision};
  int found = 0, differing = 0;
  const bool good = conforms(subject, oracle(), [&](const Finding& finding) {
    ++found;
    if (!finding.holds()) ++differing;
    if (!failures_only || !finding.holds()) print(finding);
    std::fflush(stdout);
  });
  std::printf("%s: %s, %d findings, %d differing\n", name.c_str(), good ? "conforms" : "DOES NOT CONFORM", found,
              differing);
  return good;
}

std::vector<Precision> precisions_of(const std::string& device, const std::string& name) {
  std::vector<Precision> chosen;
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    const bool is_default = name.empty() && (device != "cpu" || precision == Precision::kFloat32);
    if (is_default || precision_name(precision) == name) chosen.push_back(precision);
  }
  return chosen;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Whether the engines of this machine compute what they must.", "conformance");
  std::string device, precision, modules = SPOT_MODULE_DIRECTORY;
  bool failures_only = false;
  program.add_option("--device", device, "The one to examine; default: each that can be used")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  program.add_option("--precision", precision, "Default: each that the device has")
      ->check(CLI::IsMember({"fp32", "tf32", "bf16"}));
  program.add_option("--modules", modules, "Folder of the engine modules")->capture_default_str();
  program.add_flag("--failures-only", failures_only, "Leave out what holds");
  CLI11_PARSE(program, argc, argv);

  bool good = true, examined = false;
  for (const Backend& backend : {cpu_backend(), open_cuda_module(modules)}) {
    if (!device.empty() && backend.name != device) continue;
    if (backend.score == 0) {
      std::printf("%s: SKIPPED: %s\n", backend.name.c_str(), backend.detail.c_str());
      continue;
    }
    examined = true;
    for (const Precision each : precisions_of(backend.name, precision)) {
      good = examine(backend, each, failures_only) && good;
    }
  }
  if (!examined) return kSkipped;
  return good ? kConforms : kDiffers;
}
