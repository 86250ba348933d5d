#include "session/model_export.h"

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

TEST_CASE("an exported model is a safetensors file of parameters and statistics") {
  const TemporaryDirectory directory;
  StateLayout layout;
  layout.add("a.weight", {2, 3}, TensorRole::kParameter);
  layout.add("a.mean", {2}, TensorRole::kStatistic);
  layout.add("a.weight/momentum", {2, 3}, TensorRole::kAccumulator);
  std::vector<float> values(layout.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const ExportedModel model =
      export_model(directory / "m.v1", "{\"x\":1}", {&layout, values}, {{"format", "spot-trainer"}});

  CHECK(model.architecture == directory / "m.v1.json");
  CHECK(read(model.architecture) == "{\"x\":1}");
  const std::string file = read(model.weights);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), 8);
  CHECK((8 + header_size) % 8 == 0);
  const auto header = nlohmann::json::parse(file.substr(8, header_size));
  CHECK(header.size() == 3);
  CHECK(header["__metadata__"]["format"] == "spot-trainer");
  CHECK(header["a.weight"]["dtype"] == "F32");
  CHECK(header["a.weight"]["shape"] == std::vector<int>{2, 3});
  CHECK(header["a.weight"]["data_offsets"] == std::vector<int>{0, 24});
  CHECK(header["a.mean"]["data_offsets"] == std::vector<int>{24, 32});
  REQUIRE(file.size() == 8 + header_size + 32);
  CHECK(std::memcmp(file.data() + 8 + header_size, values.data(), 32) == 0);
}
