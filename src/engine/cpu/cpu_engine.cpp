#include "engine/cpu/cpu_engine.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <ctime>
#include <optional>

#include "base/processors.h"
#include "base/status.h"
#include "base/text.h"
#include "engine/cpu/batch_loader.h"
#include "engine/cpu/frozen_state.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/plan.h"
#include "engine/cpu/reduction.h"
#include "engine/cpu/updater.h"
#include "engine/cpu/worker_pool.h"

namespace spot {
namespace {

/// Time that this thread has had a processor: what others compute at the same time does not count.
std::int64_t thread_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// Thread time of each call of the training pass, and of the parameter tasks by layer.
struct Profile {
  std::vector<std::vector<std::atomic<std::int64_t>>> calls;
  std::vector<std::atomic<std::int64_t>> parameter_tasks;
  std::vector<std::atomic<std::int64_t>> packs;

  explicit Profile(const Plan& plan)
      : parameter_tasks(plan.parameter_tasks().size()), packs(plan.shared_packs().size()) {
    for (const Segment& segment : plan.training()) calls.emplace_back(segment.calls.size());
  }
};

template <typename Work>
void timed(std::atomic<std::int64_t>* total, const Work& work) {
  if (total == nullptr) return work();
  const std::int64_t start = thread_nanoseconds();
  work();
  total->fetch_add(thread_nanoseconds() - start, std::memory_order_relaxed);
}

int worker_count(const EngineSpec& spec) {
  return spec.threads > 0 ? spec.threads : available_processors().count;
}

class CpuEngine final : public Engine {
 public:
  explicit CpuEngine(const EngineSpec& spec);

  [[nodiscard]] std::string device() const override { return "cpu"; }
  [[nodiscard]] std::string instruction_set() const override { return instruction_set_name(); }
  [[nodiscard]] int threads() const override { return pool_.size(); }
  [[nodiscard]] const StateLayout& layout() const override { return layout_; }

  StepMetrics train_step(const BatchView& batch, std::uint64_t step, float learning_rate) override;
  EvaluationMetrics evaluate(const BatchView& batch) override;
  void predict(const BatchView& batch, std::span<float> probabilities) override;
  std::unique_ptr<StateReader> freeze_state() override;
  void reserve_frozen_states(int count) override;
  void read_state(std::span<float> state) const override;
  void read_tensor(const TensorSpec& tensor, std::span<float> values) const override;
  void write_state(std::span<const float> state) override;
  void read_gradients(std::span<float> gradients) const override;
  std::vector<OperatorTime> profile(const BatchView& batch, int steps) override;

 private:
  /// What the tasks of a segment run on: the step, and who runs them.
  struct Pass {
    const BatchView& batch;
    std::uint64_t step;
    float learning_rate;
    int worker;
  };
  /// What a segment's tasks begin with.
  enum class Load : std::uint8_t { kNothing, kImages, kTrainingImages };
  template <typename Calls>
  void share_segment(const Segment& segment, const Pass& pass, Load load, const Calls& calls);
  void train_on_worker(const Pass& pass);
  template <typename Head>
  void infer(const BatchView& batch, const Head& head);
  void find_stored_orders();

  EngineSpec spec_;
  StateLayout layout_;
  StateArenas state_;
  AlignedBuffer<float> gradients_;
  Updater updater_;
  BatchLoader loader_;
  std::vector<double> gradient_squares_;  // [parameter task]
  Profile* profile_ = nullptr;
  // Behind what they refer to, before what runs them.
  std::optional<Plan> plan_;
  StoredOrders stored_orders_;
  WorkerPool pool_;
};

CpuEngine::CpuEngine(const EngineSpec& spec)
    : spec_(spec),
      layout_(make_layout(spec.model, spec.optimizer)),
      state_(layout_.size()),
      gradients_(layout_.parameter_count()),
      updater_(spec.optimizer, layout_, state_, gradients_.data()),
      loader_(spec.model.input, spec.augmentation, spec.seed, static_cast<std::size_t>(spec.batch_size),
              worker_count(spec)),
      pool_(worker_count(spec)) {
  const OperatorContext context = {
      .engine = onednn::processor(),
      .shards = spec.shards,
      .workers = pool_.size(),
      .seed = spec.seed,
      .mode = spec.mode,
      .layout = &layout_,
      .state = &state_,
      .gradients = gradients_.data(),
      .update =
          [this](std::size_t offset, std::size_t size, float learning_rate) {
            updater_.update(offset, size, learning_rate);
            return sum_of_squares(gradients_.data() + offset, size);
          },
  };
  pool_.run_alone(
      [&] { plan_.emplace(spec_.model, context, static_cast<std::size_t>(spec_.batch_size), spec_.kernels); });
  find_stored_orders();
  gradient_squares_.resize(plan_->parameter_tasks().size());
  std::vector<float> initial(layout_.size());
  initialise_state(layout_, spec.initializer, spec.seed, initial);
  write_state(initial);
}

/// Calls calls(task) for each task of the segment, spread over the workers.
template <typename Calls>
void CpuEngine::share_segment(const Segment& segment, const Pass& pass, Load load, const Calls& calls) {
  const std::size_t samples = pass.batch.indices.size();
  switch (segment.over) {
    case Segment::Over::kShards:
      return pool_.share(plan_->shards_of(samples), [&](int shard) {
        plan_->for_each_part(segment, plan_->task(shard, pass.worker, samples, pass.step), [&](const ShardTask& task) {
          if (load != Load::kNothing) {
            loader_.load(pass.batch, task, load == Load::kTrainingImages, plan_->input());
          }
          calls(task);
        });
      });
    case Segment::Over::kParts:
      return pool_.share(pool_.size(),
                         [&](int part) { calls(plan_->part(part, pool_.size(), pass.worker, samples, pass.step)); });
    case Segment::Over::kTiles:
      return pool_.share(segment.tiles, [&](int tile) {
        calls(ShardTask{.shard = tile,
                        .worker = pass.worker,
                        .batch = samples,
                        .step = pass.step,
                        .learning_rate = pass.learning_rate});
      });
  }
}

void CpuEngine::train_on_worker(const Pass& pass) {
  const auto& segments = plan_->training();
  for (std::size_t s = 0; s < segments.size(); ++s) {
    share_segment(segments[s], pass, s == 0 ? Load::kTrainingImages : Load::kNothing, [&](const ShardTask& task) {
      for (std::size_t c = 0; c < segments[s].calls.size(); ++c) {
        timed(profile_ ? &profile_->calls[s][c] : nullptr, [&] { segments[s].calls[c].run(task); });
      }
    });
  }
  const std::size_t samples = pass.batch.indices.size();
  const int shards = plan_->shards_of(samples);
  const auto& tasks = plan_->parameter_tasks();
  pool_.share(static_cast<int>(tasks.size()), [&](int i) {
    const auto t = static_cast<std::size_t>(i);
    timed(profile_ ? &profile_->parameter_tasks[t] : nullptr,
          [&] { gradient_squares_[t] = tasks[t].run(shards, samples, pass.learning_rate); });
  });
  const auto& packs = plan_->shared_packs();
  pool_.share(static_cast<int>(packs.size()), [&](int i) {
    const auto p = static_cast<std::size_t>(i);
    timed(profile_ ? &profile_->packs[p] : nullptr, [&] { packs[p]->repack_shared(); });
  });
}

StepMetrics CpuEngine::train_step(const BatchView& batch, std::uint64_t step, float learning_rate) {
  loader_.check(batch);
  state_.begin_step();
  updater_.begin_step(step);
  plan_->set_labels(loader_.labels());
  try {
    pool_.run([&](int worker) { train_on_worker({batch, step, learning_rate, worker}); });
  } catch (...) {
    // Whatever operators packed of a state that is not to be.
    state_.abandon_step();
    pool_.run_alone([&] { plan_->repack(); });
    throw;
  }
  state_.end_step();

  const std::size_t samples = batch.indices.size();
  double squares = 0;
  for (const double part : gradient_squares_) squares += part;
  return {.loss = plan_->head().loss_sum(samples) / static_cast<double>(samples),
          .correct = plan_->head().correct(samples),
          .samples = static_cast<std::int64_t>(samples),
          .gradient_norm = std::sqrt(squares)};
}

/// Runs the inference pass and then, for each shard, head(task).
template <typename Head>
void CpuEngine::infer(const BatchView& batch, const Head& head) {
  loader_.check(batch);
  const std::size_t samples = batch.indices.size();
  pool_.run([&](int worker) {
    Load load = Load::kImages;
    for (const Segment& segment : plan_->inference()) {
      share_segment(segment, {batch, 0, 0.0F, worker}, load, [&](const ShardTask& task) {
        for (const PlanCall& call : segment.calls) call.run(task);
      });
      load = Load::kNothing;
    }
    pool_.share(plan_->shards_of(samples), [&](int shard) { head(plan_->task(shard, worker, samples, 0)); });
  });
}

EvaluationMetrics CpuEngine::evaluate(const BatchView& batch) {
  infer(batch, [&](const ShardTask& task) { plan_->head().evaluate(task, loader_.labels(), false); });
  const std::size_t samples = batch.indices.size();
  return {.loss_sum = plan_->head().loss_sum(samples),
          .correct = plan_->head().correct(samples),
          .samples = static_cast<std::int64_t>(samples)};
}

void CpuEngine::predict(const BatchView& batch, std::span<float> probabilities) {
  infer(batch, [&](const ShardTask& task) { plan_->head().predict(task, probabilities.data()); });
}

/// A parameter's accumulators have its order.
void CpuEngine::find_stored_orders() {
  for (const StoredOrder& order : plan_->stored_orders()) {
    for (const TensorSpec& tensor : layout_.tensors()) {
      const bool is_its_own = tensor.name == order.parameter->name;
      if (is_its_own || tensor.name.starts_with(order.parameter->name + "/")) stored_orders_[tensor.offset] = &order;
    }
  }
}

std::unique_ptr<StateReader> CpuEngine::freeze_state() {
  return std::make_unique<FrozenState>(layout_, stored_orders_, state_.freeze());
}

void CpuEngine::reserve_frozen_states(int count) {
  state_.reserve(static_cast<std::size_t>(count));
}

void CpuEngine::read_state(std::span<float> state) const {
  std::memcpy(state.data(), state_.now(), layout_.size() * sizeof(float));
  for (const auto& [offset, order] : stored_orders_) order->load(state_.now() + offset, state.data() + offset);
}

void CpuEngine::read_tensor(const TensorSpec& tensor, std::span<float> values) const {
  const float* stored = state_.now() + tensor.offset;
  if (const auto order = stored_orders_.find(tensor.offset); order != stored_orders_.end()) {
    order->second->load(stored, values.data());
  } else {
    std::memcpy(values.data(), stored, tensor.size * sizeof(float));
  }
}

void CpuEngine::write_state(std::span<const float> state) {
  state_.begin_step();
  std::memcpy(state_.next(), state.data(), layout_.size() * sizeof(float));
  for (const auto& [offset, order] : stored_orders_) order->store(state.data() + offset, state_.next() + offset);
  state_.end_step();
  pool_.run_alone([&] { plan_->repack(); });
}

void CpuEngine::read_gradients(std::span<float> gradients) const {
  std::memcpy(gradients.data(), gradients_.data(), gradients_.size() * sizeof(float));
  for (const StoredOrder& order : plan_->stored_orders()) {
    order.load(gradients_.data() + order.parameter->offset, gradients.data() + order.parameter->offset);
  }
}

std::vector<OperatorTime> CpuEngine::profile(const BatchView& batch, int steps) {
  std::vector<float> before(layout_.size());
  read_state(before);
  Profile profile(*plan_);
  profile_ = &profile;
  for (int step = 0; step < steps; ++step) train_step(batch, static_cast<std::uint64_t>(step), 0.0F);
  profile_ = nullptr;
  write_state(before);

  std::vector<OperatorTime> times;
  const auto add = [&](const std::string& layer, const std::string& pass, const std::string& implementation,
                       std::int64_t total) {
    const double milliseconds = static_cast<double>(total) * 1e-6 / steps;
    for (OperatorTime& time : times) {
      if (time.layer == layer && time.pass == pass) {
        time.milliseconds += milliseconds;
        return;
      }
    }
    if (!implementation.empty()) times.push_back({layer, pass, implementation, milliseconds});
  };
  for (std::size_t s = 0; s < profile.calls.size(); ++s) {
    for (std::size_t c = 0; c < profile.calls[s].size(); ++c) {
      const PlanCall& call = plan_->training()[s].calls[c];
      add(call.layer, call.pass, call.implementation, profile.calls[s][c]);
    }
  }
  for (std::size_t t = 0; t < profile.parameter_tasks.size(); ++t) {
    add(plan_->parameter_tasks()[t].layer, "update", "gradient sums and optimizer", profile.parameter_tasks[t]);
  }
  for (std::size_t p = 0; p < profile.packs.size(); ++p) {
    add(plan_->shared_packs()[p]->layer(), "repack", "weights into the forward layout", profile.packs[p]);
  }
  return times;
}

}  // namespace

std::unique_ptr<Engine> create_cpu_engine(const EngineSpec& spec, const Log& log) {
  if (spec.precision != Precision::kFloat32) {
    fail(Status::kUnsupported, cat("the CPU engine does not compute with precision '", precision_name(spec.precision),
                                   "': set precision to fp32, or device to one that does"));
  }
  try {
    auto engine = std::make_unique<CpuEngine>(spec);
    log.debug(cat("cpu engine: ", engine->instruction_set(), ", ", engine->threads(), " threads, oneDNN ",
                  onednn::version()));
    return engine;
  } catch (const dnnl::error& error) {
    fail(error.status == dnnl_out_of_memory ? Status::kNoMemory : Status::kModel,
         cat("model '", spec.model.name, "' cannot be computed on this processor: oneDNN says: ", error.what()));
  }
}

Backend cpu_backend() {
  return {.name = "cpu",
          .score = 1,
          .detail = cat("oneDNN ", onednn::version(), ", ", instruction_set_name()),
          .create = create_cpu_engine};
}

std::string cpu_library_version() {
  return onednn::version();
}

}  // namespace spot
