#include "conformance/conformance.h"

#include <set>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "engine/cpu/cpu_engine.h"

// The suite itself: it accepts what is right, and sees what is wrong.

using namespace spot;
using namespace spot::conformance;

namespace {

Subject cpu(std::function<void(EngineSpec&)> change) {
  return {.name = "cpu", .create = [change = std::move(change)](EngineSpec spec) {
            change(spec);
            return create_cpu_engine(spec, Log());
          }};
}

Subject oracle() {
  return cpu([](EngineSpec& spec) { spec.kernels = Kernels::kGeneral; });
}

/// The properties that an engine of a changed specification lacks.
std::set<std::string> lacks(const Subject& subject) {
  std::set<std::string> properties;
  const bool good = conforms(subject, oracle(), [&](const Finding& finding) {
    if (!finding.holds()) properties.insert(finding.property);
  });
  CHECK(good == properties.empty());
  return properties;
}

bool lacks(const std::string& property, std::function<void(EngineSpec&)> change) {
  return lacks(cpu(std::move(change))).contains(property);
}

}  // namespace

TEST_CASE("the CPU engine conforms, by its general path and in fast mode too") {
  CHECK(lacks(oracle()).empty());
  CHECK(lacks(cpu([](EngineSpec& spec) { spec.mode = Mode::kFast; })).empty());
}

TEST_CASE("an engine that computes something else does not conform") {
  CHECK(lacks("dropout mask", [](EngineSpec& spec) { ++spec.seed; }));
  CHECK(lacks("state of step 0", [](EngineSpec& spec) { spec.initializer = Initializer::kHeNormal; }));
  CHECK(lacks("backward", [](EngineSpec& spec) { spec.augmentation = {}; }));
  CHECK(lacks("forward", [](EngineSpec& spec) {
    for (LayerSpec& layer : spec.model.layers) layer.epsilon *= 1.01;
  }));
  CHECK(lacks("running statistics", [](EngineSpec& spec) {
    for (LayerSpec& layer : spec.model.layers) layer.momentum = 0.98;
  }));
  CHECK(lacks("five steps, in double", [](EngineSpec& spec) { spec.optimizer.weight_decay *= 1.2; }));
  CHECK(lacks("five steps, in double", [](EngineSpec& spec) { spec.optimizer.nesterov = !spec.optimizer.nesterov; }));
  CHECK(lacks("five steps, parameters", [](EngineSpec& spec) { spec.optimizer.momentum *= 0.9; }));
}

TEST_CASE("what an engine throws is a finding, not the end") {
  const Subject broken = {.name = "broken", .create = [](const EngineSpec&) -> std::unique_ptr<Engine> {
                            throw std::runtime_error("no such card");
                          }};
  int findings = 0;
  CHECK_FALSE(conforms(broken, oracle(), [&](const Finding& finding) {
    ++findings;
    CHECK_FALSE(finding.holds());
    CHECK(finding.error == "no such card");
  }));
  CHECK(findings > 50);
}
