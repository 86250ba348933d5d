#include "session/resume_check.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/config.h"
#include "session/state_fit.h"
#include "support/session_place.h"
#include "support/striped_images.h"

using namespace spot;
using namespace spot::test;

namespace {

/// A checkpoint and a present run that agree, to be made to differ.
class Resumption {
 public:
  Resumption() : engine_(spec()) {
    config.set_integer("batch_size", 8);
    checkpoint.meta.run_id = "r1";
    checkpoint.meta.model_json = model_to_json(spec().model);
    checkpoint.meta.config = config.values();
    checkpoint.meta.dataset_name = "test images";
    checkpoint.meta.dataset_fingerprint = "0123";
    checkpoint.meta.library_version = "1.0";
    checkpoint.meta.code_version = "abc";
    checkpoint.meta.device = "cpu";
    checkpoint.meta.instruction_set = "plain";
    checkpoint.layout = engine_.layout();
  }

  std::vector<std::string> check() {
    return check_resume(checkpoint, {config, model, images.dataset, engine_, "abc", "1.0"});
  }
  std::string refusal() {
    return message_of(Status::kMismatch, [this] { check(); });
  }

  Images images;
  Config config;
  Checkpoint checkpoint;
  ModelSpec model = spec().model;

 private:
  static EngineSpec spec() {
    EngineSpec result = softmax_spec();
    result.model = preset_model("mlp", {1, kSide, kSide}, 3);
    return result;
  }
  SoftmaxEngine engine_;
};

}  // namespace

TEST_CASE("a checkpoint of the same run resumes without a word") {
  Resumption resumption;
  CHECK(resumption.check().empty());
  resumption.config.set_text("epochs", "99");
  resumption.config.set_text("threads", "3");
  resumption.config.set_text("run_id", "r1");
  CHECK(resumption.check().empty());
}

TEST_CASE("each key that determines the results is refused by name, with both values and a remedy") {
  for (const ConfigKey& key : config_keys()) {
    if (key.resume != ResumeRule::kExact) continue;
    CAPTURE(key.name);
    Resumption resumption;
    // What uses the key.
    if (key.name == "momentum" || key.name == "nesterov") resumption.config.set_text("optimizer", "sgd");
    if (key.name.starts_with("beta")) resumption.config.set_text("optimizer", "adam");
    if (key.name.starts_with("schedule_")) resumption.config.set_text("schedule", "step");
    resumption.checkpoint.meta.config = resumption.config.values();
    resumption.checkpoint.meta.config[std::string(key.name)] = "other";
    CHECK(contains(resumption.refusal(), cat(key.name, " other -> ")));
    CHECK(contains(resumption.refusal(), "allow_config_change"));
    resumption.config.set_text("allow_config_change", "true");
    const auto reported = resumption.check();
    REQUIRE(reported.size() == 1);
    CHECK(contains(reported[0], cat(key.name, " other -> ")));
  }
}

TEST_CASE("values of the same effect are the same") {
  const auto resumes = [](std::initializer_list<std::pair<const char*, const char*>> then,
                          std::initializer_list<std::pair<const char*, const char*>> now) {
    Resumption resumption;
    for (const auto& [key, value] : then) resumption.config.set_text(key, value);
    resumption.checkpoint.meta.config = resumption.config.values();
    resumption.config = Config();
    for (const auto& [key, value] : now) resumption.config.set_text(key, value);
    resumption.config.set_text("batch_size", "8");
    resumption.checkpoint.meta.config["batch_size"] = "8";
    return resumption.check().empty();
  };
  CHECK(resumes({}, {{"learning_rate", "1"}}));
  CHECK(resumes({{"learning_rate", "1.0"}}, {{"learning_rate", "1e0"}}));
  CHECK(resumes({}, {{"rho", "0.95"}, {"epsilon", "1e-7"}}));
  CHECK(resumes({}, {{"momentum", "0.9"}, {"beta1", "0.5"}, {"schedule_gamma", "0.5"}}));
  CHECK(resumes({{"optimizer", "rmsprop"}}, {{"optimizer", "rmsprop"}, {"rho", "0.90"}, {"learning_rate", "1e-3"}}));
  CHECK(resumes({{"optimizer", "sgd"}}, {{"optimizer", "sgd"}, {"learning_rate", "0.010"}, {"epsilon", "0.5"}}));
  CHECK(resumes({}, {{"weight_decay", "-0"}}));
  CHECK(resumes({{"kernels", "general"}}, {{"kernels", "general"}, {"mode", "fast"}}));
  CHECK_THROWS(resumes({}, {{"learning_rate", "0.5"}}));
  CHECK_THROWS(resumes({{"optimizer", "sgd"}}, {{"optimizer", "sgd"}, {"momentum", "0.9"}}));
  CHECK_THROWS(resumes({}, {{"mode", "fast"}}));
}

TEST_CASE("a length that is the same by other keys is the same") {
  Resumption resumption;
  resumption.checkpoint.meta.steps_per_epoch = 10;
  resumption.config.set_text("schedule", "cosine");
  resumption.checkpoint.meta.config = resumption.config.values();
  resumption.config.set_text("steps", "120");
  CHECK(resumption.check().empty());
  resumption.config.set_text("epochs", "99");
  CHECK(resumption.check().empty());
  resumption.config.set_text("steps", "121");
  CHECK(contains(resumption.refusal(), "steps 0 -> 121"));
}

TEST_CASE("a model's name, the names of layers without tensors and the layout of its JSON do not matter") {
  Resumption resumption;
  resumption.model.name = "another";
  resumption.model.layers[2].name = "squash";
  CHECK(resumption.check().empty());
  resumption.model.layers[1].name = "another";
  CHECK(contains(resumption.refusal(), "another model"));
}

TEST_CASE("another optimizer's accumulators start at zero when changes are allowed") {
  const auto layout = [](const char* accumulator) {
    StateLayout result;
    result.add("dense.weight", {2}, TensorRole::kParameter);
    result.add(cat("dense.weight/", accumulator), {2}, TensorRole::kAccumulator);
    result.add("dense.weight/kept", {2}, TensorRole::kAccumulator);
    return result;
  };
  Checkpoint checkpoint;
  checkpoint.layout = layout("first_moment");
  checkpoint.values = {1, 2, 3, 4, 5, 6};
  CHECK(holds_model(checkpoint.layout, layout("velocity")));
  CHECK((fit_state(checkpoint, layout("velocity")) == std::vector<float>{1, 2, 0, 0, 5, 6}));

  StateLayout wider;
  wider.add("dense.weight", {3}, TensorRole::kParameter);
  CHECK_FALSE(holds_model(checkpoint.layout, wider));
  CHECK(contains(message_of(Status::kMismatch, [&] { fit_state(checkpoint, wider); }), "dense.weight"));
}

TEST_CASE("the length of a run may change unless its schedule depends on it") {
  for (const std::string schedule : {"cosine", "one-cycle"}) {
    Resumption resumption;
    resumption.config.set_text("schedule", schedule);
    resumption.checkpoint.meta.config = resumption.config.values();
    resumption.config.set_text("epochs", "24");
    CHECK(contains(resumption.refusal(), "epochs 12 -> 24"));
  }
  Resumption resumption;
  resumption.config.set_text("schedule", "step");
  resumption.checkpoint.meta.config = resumption.config.values();
  resumption.config.set_text("epochs", "24");
  CHECK(resumption.check().empty());
}

TEST_CASE("another dataset or run_id is refused unless allowed") {
  Resumption resumption;
  resumption.checkpoint.meta.dataset_fingerprint = "4567";
  resumption.config.set_text("run_id", "r2");
  const std::string refusal = resumption.refusal();
  CHECK(contains(refusal, "dataset test images 4567 -> test images 0123"));
  CHECK(contains(refusal, "run_id r1 -> r2"));
  resumption.config.set_text("allow_config_change", "true");
  CHECK(resumption.check().size() == 2);
}

TEST_CASE("another model or other tensors are refused even when changes are allowed") {
  Resumption resumption;
  resumption.config.set_text("allow_config_change", "true");
  resumption.checkpoint.meta.model_json = model_to_json(preset_model("mlp", {1, kSide, kSide}, 4));
  CHECK(contains(resumption.refusal(), "another model"));
  resumption.checkpoint.meta.model_json = "no JSON";
  CHECK(contains(resumption.refusal(), "another model"));

  Resumption other_tensors;
  other_tensors.config.set_text("allow_config_change", "true");
  other_tensors.checkpoint.layout = {};
  other_tensors.checkpoint.layout.add("softmax.weight", {3, 17}, TensorRole::kParameter);
  CHECK(contains(other_tensors.refusal(), "tensor 0 was 'softmax.weight'"));
}

TEST_CASE("what computed the checkpoint is reported when it changed, never refused") {
  Resumption resumption;
  resumption.checkpoint.meta.code_version = "xyz";
  resumption.checkpoint.meta.library_version = "0.9";
  resumption.checkpoint.meta.device = "cuda";
  resumption.checkpoint.meta.instruction_set = "sm_90";
  const auto reported = resumption.check();
  REQUIRE(reported.size() == 4);
  CHECK(contains(reported[0], "code_version xyz -> abc"));
  CHECK(contains(reported[1], "library_version 0.9 -> 1.0"));
  CHECK(contains(reported[2], "device cuda -> cpu"));
  CHECK(contains(reported[3], "instruction_set sm_90 -> plain"));
}
