#include "capi/tensors.h"

#include <algorithm>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "session/json_text.h"
#include "train/statistics.h"

using spot::Call;
using spot::guard;
using spot::required;

namespace {

using spot::TensorRole;
static_assert(static_cast<int32_t>(TensorRole::kParameter) == SPOT_ROLE_PARAMETER);
static_assert(static_cast<int32_t>(TensorRole::kAccumulator) == SPOT_ROLE_ACCUMULATOR);
static_assert(static_cast<int32_t>(TensorRole::kStatistic) == SPOT_ROLE_STATISTIC);

nlohmann::ordered_json to_json(const spot::TensorStatistics& tensor) {
  // A NaN becomes null.
  return {{"name", tensor.name},
          {"size", tensor.size},
          {"mean", tensor.mean},
          {"std", tensor.standard_deviation},
          {"min", tensor.minimum},
          {"max", tensor.maximum},
          {"gradient_norm", tensor.gradient_norm}};
}

}  // namespace

namespace spot {

void write_tensor_info(const StateLayout& layout, std::uint64_t index, spot_tensor_info* out) {
  check_struct(out, "out");
  const std::vector<TensorSpec>& tensors = layout.tensors();
  if (index >= tensors.size()) {
    fail(Status::kInvalidArgument, cat("'index' is ", index, ": there are ", tensors.size(), " tensors"));
  }
  const TensorSpec& tensor = tensors[index];
  spot_tensor_info info{};
  info.role = static_cast<int32_t>(tensor.role);
  info.size = tensor.size;
  info.offset = tensor.offset;
  const std::size_t rank = std::min(tensor.shape.size(), std::size(info.shape));
  info.rank = static_cast<uint32_t>(rank);
  std::copy_n(tensor.shape.begin(), rank, info.shape);
  info.name = tensor.name.c_str();
  write_struct(out, info);
}

const TensorSpec& find_tensor(const StateLayout& layout, const char* name, const std::string& where) {
  if (const TensorSpec* tensor = layout.find(name); tensor != nullptr) return *tensor;
  fail(Status::kNotFound, cat(where, " has no tensor '", printable(name), "'"));
}

}  // namespace spot

spot_status spot_trainer_get_tensor_info(const spot_trainer* trainer, uint64_t index, spot_tensor_info* out,
                                         spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(trainer, "trainer").use.owner());
    spot::write_tensor_info(trainer->session.engine().layout(), index, out);
  });
}

spot_status spot_trainer_read_tensor(spot_trainer* trainer, const char* name, float* values, size_t length,
                                     spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const spot::Engine& engine = trainer->session.engine();
    spot::copy_tensor(engine, engine.layout(), name, values, length, "the trainer");
  });
}

spot_status spot_trainer_write_tensor(spot_trainer* trainer, const char* name, const float* values, size_t length,
                                      spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    spot::Engine& engine = trainer->session.engine();
    required(values, "values");
    if (name == nullptr) {
      spot::check_length("values", length, engine.layout().size());
      return engine.write_state({values, length});
    }
    const spot::TensorSpec& tensor = spot::find_tensor(engine.layout(), name, "the trainer");
    spot::check_length("values", length, tensor.size);
    std::vector<float> state = trainer->session.read_state();
    std::copy_n(values, length, state.data() + tensor.offset);
    engine.write_state(state);
  });
}

spot_status spot_trainer_describe_parameters(spot_trainer* trainer, char** json, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(json, "json");
    auto tensors = nlohmann::ordered_json::array();
    spot::Session& session = trainer->session;
    for (const spot::TensorStatistics& tensor :
         spot::parameter_statistics(session.engine(), session.trainer().has_gradients())) {
      tensors.push_back(to_json(tensor));
    }
    *json = spot::copy_text(spot::json_text(tensors));
  });
}
