#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "engine/model_spec.h"

// A model that is accepted must survive the way through its own description, and have a state of a size that can be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const spot::Shape3 input{1, 28, 28};
  try {
    const spot::ModelSpec model = spot::parse_model(text, "fuzz", input, 10);
    const std::string json = spot::model_to_json(model);
    if (spot::model_to_json(spot::parse_model(json, "fuzz", input, 10)) != json) __builtin_trap();
    const spot::StateLayout layout = spot::make_layout(model, {.kind = spot::OptimizerKind::kAdam});
    for (const spot::TensorSpec& tensor : layout.tensors()) {
      if (tensor.size == 0 || tensor.offset + tensor.size > layout.size()) __builtin_trap();
    }
  } catch (const spot::Error&) {
  }
  return 0;
}
