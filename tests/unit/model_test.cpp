#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/engine.h"

using namespace spot;

namespace {

constexpr Shape3 kDigits{1, 28, 28};

std::string refusal(const std::string& layers, const std::string& more = "") {
  try {
    parse_model("{" + more + R"("layers":[)" + layers + "]}", "my.json", kDigits, 10);
  } catch (const Error& error) {
    CHECK(error.status() == Status::kModel);
    return error.what();
  }
  return "accepted";
}

void check_refused(const std::string& layers, const std::vector<std::string>& words, const std::string& more = "") {
  const std::string message = refusal(layers, more);
  CAPTURE(message);
  CHECK(message.find("my.json") != std::string::npos);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(message.find(word) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("the presets have the published numbers of parameters") {
  const auto parameters = [](const std::string& name) {
    return make_layout(preset_model(name, kDigits, 10), OptimizerSpec{}).parameter_count();
  };
  CHECK(parameters("keras-cnn") == 1'199'882);
  CHECK(parameters("lenet-5") == 61'706);
  CHECK(parameters("light-cnn") == 108'874);
  CHECK(parameters("mlp") > 0);
  CHECK_THROWS_AS(preset_model("resnet", kDigits, 10), Error);
}

TEST_CASE("a model's JSON reads back to the same model") {
  for (const std::string name : {"keras-cnn", "light-cnn", "lenet-5", "mlp"}) {
    CAPTURE(name);
    const std::string json = model_to_json(preset_model(name, kDigits, 10));
    CHECK(model_to_json(parse_model(json, "round trip", kDigits, 10)) == json);
    CHECK(nlohmann::ordered_json::parse(json).dump(2) == json);
  }
}

TEST_CASE("a model may be given as JSON itself, and has at most 200 layers") {
  const std::string json = model_to_json(preset_model("mlp", kDigits, 10));
  CHECK(model_to_json(load_model(json, kDigits, 10)) == json);
  std::string layers;
  for (int i = 0; i < 20'000; ++i) layers += R"({"type":"max_pool","kernel":1,"padding":"same"},)";
  check_refused(layers + R"({"type":"flatten"})", {"20001 layers", "200"});
}

TEST_CASE("shapes are inferred: windows, padding and stride") {
  const ModelSpec model = parse_model(
      R"({"layers":[{"type":"conv2d","filters":8,"kernel":[5,3],"stride":[2,1],"padding":[1,0]},
                    {"type":"average_pool","kernel":3,"stride":2,"padding":"same"},
                    {"type":"flatten"},{"type":"dense","units":10}]})",
      "test", kDigits, 10);
  CHECK(model.layers[0].output == Shape3{8, (28 + 2 - 5) / 2 + 1, 26});
  CHECK(model.layers[1].output == Shape3{8, 7, 13});
  CHECK(model.layers[2].output == Shape3{8 * 7 * 13, 1, 1});
}

TEST_CASE("an impossible model is refused with the file, the layer and the reason") {
  const std::string head = R"({"type":"flatten"},{"type":"dense","units":10})";
  check_refused(R"({"type":"conv2d","filters":4,"kernel":29},)" + head, {"conv1", "kernel"});
  check_refused(R"({"type":"conv2d","name":"first","filters":0,"kernel":3},)" + head, {"first"});
  check_refused(R"({"type":"conv2d","filters":4,"kernel":9223372036854775807,"padding":"same"},)" + head,
                {"conv1", "65536"});
  check_refused(R"({"type":"dense","units":10})", {"dense1", "flatten"});
  check_refused(R"({"type":"flatten"},{"type":"dense","units":9})", {"dense1", "10"});
  check_refused(R"({"type":"flatten"},{"type":"conv2d","filters":4,"kernel":3},{"type":"dense","units":10})",
                {"conv1"});
  check_refused(R"({"type":"dropout","rate":1.0},)" + head, {"dropout1", "rate"});
  check_refused(R"({"type":"lstm","units":10},)" + head, {"lstm"});
  check_refused(R"({"type":"flatten","name":"x"},{"type":"dense","name":"x","units":10})", {"x", "unique"});
  check_refused(R"({"type":"conv2d","filters":4,"kernel":3,"kernal":3},)" + head, {"kernal"});
  check_refused("", {"layer"});
  check_refused(head, {"input"}, R"("input":[3,32,32],)");
}

TEST_CASE("weights are drawn by seed and layer: Glorot's variance, biases zero") {
  const ModelSpec model = preset_model("keras-cnn", kDigits, 10);
  const StateLayout layout = make_layout(model, OptimizerSpec{});
  std::vector<float> state(layout.size()), again(layout.size()), other(layout.size());
  initialise_state(layout, Initializer::kGlorotUniform, 1, state);
  initialise_state(layout, Initializer::kGlorotUniform, 1, again);
  initialise_state(layout, Initializer::kGlorotUniform, 2, other);
  CHECK(state == again);
  CHECK(state != other);
  const TensorSpec& weight = *layout.find("dense1.weight");  // 9216 -> 128
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < weight.size; ++i) {
    const double value = state[weight.offset + i];
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
  const double variance = 2.0 / (9216 + 128);
  CHECK(squares / static_cast<double>(weight.size) == doctest::Approx(variance).epsilon(0.01));
  CHECK(largest <= std::sqrt(3 * variance) * 1.0001);
  const TensorSpec& bias = *layout.find("dense1.bias");
  for (std::size_t i = 0; i < bias.size; ++i) CHECK(state[bias.offset + i] == 0.0F);
}

TEST_CASE("no preset meets oneDNN's reference code, which is a hundred times slower") {
  for (const std::string name : {"keras-cnn", "light-cnn", "lenet-5", "mlp"}) {
    EngineSpec spec;
    spec.model = preset_model(name, kDigits, 10);
    spec.batch_size = 8;
    const auto engine = create_cpu_engine(spec, Log());
    const std::vector<std::uint8_t> images(8 * 784), labels(8);
    const std::vector<std::uint32_t> indices(8);
    for (const OperatorTime& time : engine->profile({images.data(), labels.data(), indices}, 1)) {
      CAPTURE(name);
      CAPTURE(time.layer);
      CAPTURE(time.pass);
      CHECK(time.implementation.find("ref") == std::string::npos);
    }
  }
}
