#include "engine/cpu/cpu_engine.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <ctime>
#include <optional>

#include "base/simd.h"
#include "base/status.h"
#include "base/text.h"
#include "base/thread.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/plan.h"
#include "engine/cpu/reduction.h"
#include "engine/cpu/updater.h"
#include "engine/cpu/worker_pool.h"

namespace spot {
namespace {

SPOT_SIMD void scale_pixels(const std::uint8_t* pixels, std::size_t size, float* values) {
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(pixels[i]) / 255.0F;
}

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
  void read_state(std::span<float> state) const override;
  void write_state(std::span<const float> state) override;
  void read_gradients(std::span<float> gradients) const override;
  std::vector<OperatorTime> profile(const BatchView& batch, int steps) override;

 private:
  void check_batch(const BatchView& batch) const;
  void load_images(const BatchView& batch, const ShardTask& task);
  /// What the tasks of a segment run on: the step, and who runs them.
  struct Pass {
    const BatchView& batch;
    std::uint64_t step;
    float learning_rate;
    int worker;
  };
  template <typename Calls>
  void share_segment(const Segment& segment, const Pass& pass, bool loads_images, const Calls& calls);
  void train_on_worker(const Pass& pass);
  template <typename Head>
  void infer(const BatchView& batch, const Head& head);
  template <typename Copy>
  void for_each_stored(bool with_accumulators, const Copy& copy) const;

  EngineSpec spec_;
  StateLayout layout_;
  AlignedBuffer<float> state_;
  AlignedBuffer<float> gradients_;
  Updater updater_;
  std::vector<std::uint8_t> labels_;      // [sample of the batch]
  std::vector<double> gradient_squares_;  // [parameter task]
  Profile* profile_ = nullptr;
  // Behind what they refer to, before what runs them.
  std::optional<Plan> plan_;
  WorkerPool pool_;
};

CpuEngine::CpuEngine(const EngineSpec& spec)
    : spec_(spec),
      layout_(make_layout(spec.model, spec.optimizer)),
      state_(layout_.size()),
      gradients_(layout_.parameter_count()),
      updater_(spec.optimizer, layout_, state_.data(), gradients_.data()),
      labels_(static_cast<std::size_t>(spec.batch_size)),
      pool_(spec.threads > 0 ? spec.threads : available_processors()) {
  const OperatorContext context = {
      .engine = dnnl::engine(dnnl::engine::kind::cpu, 0),
      .shards = spec.shards,
      .workers = pool_.size(),
      .seed = spec.seed,
      .mode = spec.mode,
      .layout = &layout_,
      .state = state_.data(),
      .gradients = gradients_.data(),
      .update =
          [this](std::size_t offset, std::size_t size, float learning_rate) {
            updater_.update(offset, size, learning_rate);
            return sum_of_squares(gradients_.data() + offset, size);
          },
  };
  pool_.run_alone(
      [&] { plan_.emplace(spec_.model, context, static_cast<std::size_t>(spec_.batch_size), spec_.kernels); });
  gradient_squares_.resize(plan_->parameter_tasks().size());
  std::vector<float> initial(layout_.size());
  initialise_state(layout_, spec.initializer, spec.seed, initial);
  write_state(initial);
}
void CpuEngine::check_batch(const BatchView& batch) const {
  if (batch.indices.empty() || batch.indices.size() > labels_.size()) {
    fail(Status::kInternal,
         cat("a batch of ", batch.indices.size(), " samples; 1 to ", labels_.size(), " are possible"));
  }
}

void CpuEngine::load_images(const BatchView& batch, const ShardTask& task) {
  Edge& input = plan_->input();
  const std::size_t size = input.sample_size();
  float* values = input.value(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    const std::size_t sample = task.first + i;
    const std::size_t index = batch.indices[sample];
    scale_pixels(batch.images + index * size, size, values + i * size);
    if (batch.labels != nullptr) labels_[sample] = batch.labels[index];
  }
  if (task.whole) std::fill(values + task.count * size, values + plan_->shard_size() * size, 0.0F);
}

/// Calls calls(task) for each task of the segment, spread over the workers.
template <typename Calls>
void CpuEngine::share_segment(const Segment& segment, const Pass& pass, bool loads_images, const Calls& calls) {
  const std::size_t samples = pass.batch.indices.size();
  switch (segment.over) {
    case Segment::Over::kShards:
      return pool_.share(plan_->shards_of(samples), [&](int shard) {
        plan_->for_each_part(segment, plan_->task(shard, pass.worker, samples, pass.step), [&](const ShardTask& task) {
          if (loads_images) load_images(pass.batch, task);
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
    share_segment(segments[s], pass, s == 0, [&](const ShardTask& task) {
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
  check_batch(batch);
  updater_.begin_step(step);
  plan_->set_labels(labels_.data());
  pool_.run([&](int worker) { train_on_worker({batch, step, learning_rate, worker}); });

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
  check_batch(batch);
  const std::size_t samples = batch.indices.size();
  pool_.run([&](int worker) {
    bool is_first = true;
    for (const Segment& segment : plan_->inference()) {
      share_segment(segment, {batch, 0, 0.0F, worker}, is_first, [&](const ShardTask& task) {
        for (const PlanCall& call : segment.calls) call.run(task);
      });
      is_first = false;
    }
    pool_.share(plan_->shards_of(samples), [&](int shard) { head(plan_->task(shard, worker, samples, 0)); });
  });
}

EvaluationMetrics CpuEngine::evaluate(const BatchView& batch) {
  infer(batch, [&](const ShardTask& task) { plan_->head().evaluate(task, labels_.data(), false); });
  const std::size_t samples = batch.indices.size();
  return {.loss_sum = plan_->head().loss_sum(samples),
          .correct = plan_->head().correct(samples),
          .samples = static_cast<std::int64_t>(samples)};
}

void CpuEngine::predict(const BatchView& batch, std::span<float> probabilities) {
  infer(batch, [&](const ShardTask& task) { plan_->head().predict(task, probabilities.data()); });
}

/// Calls copy(order, offset of the tensor) for each tensor whose stored order is an operator's own.
template <typename Copy>
void CpuEngine::for_each_stored(bool with_accumulators, const Copy& copy) const {
  for (const StoredOrder& order : plan_->stored_orders()) {
    copy(order, order.parameter->offset);
    if (!with_accumulators) continue;
    for (const TensorSpec& tensor : layout_.tensors()) {
      if (tensor.name.starts_with(order.parameter->name + "/")) copy(order, tensor.offset);
    }
  }
}

void CpuEngine::read_state(std::span<float> state) const {
  std::memcpy(state.data(), state_.data(), layout_.size() * sizeof(float));
  for_each_stored(true, [&](const StoredOrder& order, std::size_t offset) {
    order.load(state_.data() + offset, state.data() + offset);
  });
}

void CpuEngine::write_state(std::span<const float> state) {
  std::memcpy(state_.data(), state.data(), layout_.size() * sizeof(float));
  for_each_stored(true, [&](const StoredOrder& order, std::size_t offset) {
    order.store(state.data() + offset, state_.data() + offset);
  });
  pool_.run_alone([&] { plan_->repack(); });
}

void CpuEngine::read_gradients(std::span<float> gradients) const {
  std::memcpy(gradients.data(), gradients_.data(), gradients_.size() * sizeof(float));
  for_each_stored(false, [&](const StoredOrder& order, std::size_t offset) {
    order.load(gradients_.data() + offset, gradients.data() + offset);
  });
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
