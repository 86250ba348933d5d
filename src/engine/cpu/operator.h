#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cpu/edge.h"
#include "engine/cpu/state_arenas.h"
#include "engine/engine.h"

namespace spot {

/// A piece of work on parameters after all shards' backward passes: complete the gradient of a range of
/// parameters, in an order of sums that is fixed, and update the range.
struct ParameterTask {
  std::string layer;
  /// `shards` of the step have samples; `batch` samples in all. Returns the sum of the squares of the
  /// gradients.
  std::function<double(int shards, std::size_t batch, float learning_rate)> run;
};

/// A parameter that the engine keeps in an order of the operator's own, its gradient and its accumulators with it.
/// Both functions copy one such tensor.
struct StoredOrder {
  const TensorSpec* parameter = nullptr;
  std::function<void(const float* canonical, float* stored)> store;
  std::function<void(const float* stored, float* canonical)> load;
};

/// What operators know of their surroundings.
struct OperatorContext {
  dnnl::engine engine;
  std::size_t shard_size = 0;
  int shards = 0;
  int slots = 0;             ///< sets of value buffers
  int difference_slots = 0;  ///< sets of difference buffers
  int workers = 0;
  std::uint64_t seed = 0;
  Mode mode = Mode::kExact;
  const StateLayout* layout = nullptr;
  StateArenas* state = nullptr;  ///< canonical but for stored orders
  float* gradients = nullptr;    ///< of the parameters, same offsets and orders
  /// Computes the next values of parameters [offset, offset + size) from their gradients; returns the gradients' sum
  /// of squares.
  std::function<double(std::size_t offset, std::size_t size, float learning_rate)> update;
};

/// One operation of the plan. A pass calls it once a shard, from any worker, several shards at a time, so
/// whatever it writes belongs to the shard or to the slot.
class Operator {
 public:
  explicit Operator(std::string layer) : layer_(std::move(layer)) {}
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  [[nodiscard]] const std::string& layer() const { return layer_; }
  /// What computes the forward, backward_data or backward_weights pass; empty: there is none.
  [[nodiscard]] virtual std::string implementation(std::string_view pass) const = 0;

  virtual void forward(const ShardTask& task, bool training) = 0;
  virtual void backward_weights(const ShardTask& /*task*/) {}
  virtual void backward_data(const ShardTask& task) = 0;

  /// An operator whose results depend on other shards' values gathers what it needs in these; every shard's
  /// has returned before forward() or backward_weights() is called.
  [[nodiscard]] virtual bool synchronises() const { return false; }
  virtual void gather_forward(const ShardTask& /*task*/) {}
  virtual void gather_backward(const ShardTask& /*task*/) {}

  /// Whether a task may be some rows of a shard; else it is always the whole.
  [[nodiscard]] virtual bool takes_rows() const { return false; }

  /// An operator that goes over the whole batch at once: forward() takes any range of samples of the batch, a part
  /// for each worker, and instead of the two backward passes prepare_backward() is called once and then
  /// backward_tile() for each of `tiles()` tiles, whose number is the task's `shard`.
  [[nodiscard]] virtual int tiles() const { return 0; }
  virtual void prepare_backward(const ShardTask& /*task*/) {}
  virtual void backward_tile(const ShardTask& /*task*/) {}

  virtual void add_stored_orders(std::vector<StoredOrder>& /*orders*/) {}
  virtual void add_parameter_tasks(std::vector<ParameterTask>& /*tasks*/) {}
  /// Brings the operator's own copies of its parameters up to date when the state was written from outside.
  virtual void repack() {}
  /// The copies that a parameter task could not bring up to date itself, because several tasks share them.
  virtual void repack_shared() {}

 private:
  std::string layer_;
};

}  // namespace spot
