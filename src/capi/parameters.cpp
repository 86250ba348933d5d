#include <algorithm>
#include <cmath>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "train/statistics.h"

using spot::Call;
using spot::guard;
using spot::required;
using spot::Status;

namespace {

using spot::TensorRole;
static_assert(static_cast<int32_t>(TensorRole::kParameter) == SPOT_TENSOR_PARAMETER);
static_assert(static_cast<int32_t>(TensorRole::kAccumulator) == SPOT_TENSOR_ACCUMULATOR);
static_assert(static_cast<int32_t>(TensorRole::kStatistic) == SPOT_TENSOR_STATISTIC);

spot_tensor_info to_struct(const spot::TensorSpec& tensor) {
  spot_tensor_info info{};
  info.role = static_cast<int32_t>(tensor.role);
  info.size = tensor.size;
  const std::size_t rank = std::min(tensor.shape.size(), std::size(info.shape));
  info.rank = static_cast<uint32_t>(rank);
  std::copy_n(tensor.shape.begin(), rank, info.shape);
  spot::write_text(info.name, tensor.name);
  return info;
}

const spot::TensorSpec& find_tensor(spot::Session& session, const char* name) {
  const spot::TensorSpec* tensor = session.engine().layout().find(&required(name, "name"));
  if (tensor != nullptr) return *tensor;
  spot::fail(Status::kNotFound, spot::cat("there is no tensor '", spot::printable(name), "'"));
}

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

spot_status spot_trainer_parameter_info(spot_trainer* trainer, uint64_t index, spot_tensor_info* out,
                                        spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    spot::check_struct(out, "out");
    const auto& tensors = trainer->session.engine().layout().tensors();
    if (index >= tensors.size()) {
      spot::fail(Status::kInvalidArgument, spot::cat("'index' is ", index, ": there are ", tensors.size(), " tensors"));
    }
    spot::write_struct(out, to_struct(tensors[index]));
  });
}

spot_status spot_trainer_parameter_read(spot_trainer* trainer, const char* name, float* values, size_t length,
                                        spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const spot::TensorSpec& tensor = find_tensor(trainer->session, name);
    required(values, "values");
    spot::check_length("values", length, tensor.size);
    const std::vector<float> state = trainer->session.read_state();
    std::copy_n(state.data() + tensor.offset, length, values);
  });
}

spot_status spot_trainer_parameter_write(spot_trainer* trainer, const char* name, const float* values, size_t length,
                                         spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const spot::TensorSpec& tensor = find_tensor(trainer->session, name);
    required(values, "values");
    spot::check_length("values", length, tensor.size);
    std::vector<float> state = trainer->session.read_state();
    std::copy_n(values, length, state.data() + tensor.offset);
    trainer->session.engine().write_state(state);
  });
}

spot_status spot_trainer_statistics(spot_trainer* trainer, char** json, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(json, "json");
    auto tensors = nlohmann::ordered_json::array();
    spot::Session& session = trainer->session;
    for (const spot::TensorStatistics& tensor :
         spot::parameter_statistics(session.engine(), session.trainer().has_gradients())) {
      tensors.push_back(to_json(tensor));
    }
    *json = spot::copy_text(tensors.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  });
}
