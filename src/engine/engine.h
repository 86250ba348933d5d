#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/pixel_type.h"
#include "engine/augmentation.h"
#include "engine/model_spec.h"

namespace spot {

/// Samples of a set of images. Sample k of the batch is image indices[k] of the set, each [row][column][channel] values
/// of `type`, one image behind the other. They may lie at any address.
struct BatchView {
  const std::uint8_t* images = nullptr;
  const std::uint8_t* labels = nullptr;  ///< may be null for prediction
  std::span<const std::uint32_t> indices;
  /// Images in the set, where that is known: every index is below it; else 0. A set that has labels, too, is known
  /// again by its addresses: it must stay as it is while there is an engine that saw it.
  std::size_t image_count = 0;
  PixelType type = PixelType::kUint8;
};

/// One of several training steps that follow each other, on images of one type.
struct TrainingStep {
  BatchView batch;
  float learning_rate = 0;
};

struct StepMetrics {
  double loss = 0;           ///< mean cross-entropy of the batch, before the update
  std::int64_t correct = 0;  ///< samples whose largest logit is their label's, with dropout in force
  std::int64_t samples = 0;
  double gradient_norm = 0;  ///< Euclidean norm of all gradients
};

struct EvaluationMetrics {
  double loss_sum = 0;  ///< sum of the samples' cross-entropies
  std::int64_t correct = 0;
  std::int64_t samples = 0;
};

/// Where one step's time goes: one entry an operator of the engine's plan.
struct OperatorTime {
  std::string layer;           ///< the layer's name, or "softmax"
  std::string pass;            ///< forward, backward_data, backward_weights, update, repack
  std::string implementation;  ///< e.g. "onednn brgconv:avx512_core"
  double milliseconds = 0;     ///< thread time a training step, all shards together
};

/// Which operators compute. `kAuto` takes fused ones, which skip zeros, wherever a pattern of layers has one;
/// `kGeneral` takes one for each layer, whatever its shape.
enum class Kernels : std::uint8_t { kAuto, kGeneral };

/// How the fused operators compute. `kExact` leaves out nothing but products with an exact zero; `kFast` permits
/// algorithms that compute the same with fewer operations and somewhat larger rounding errors.
enum class Mode : std::uint8_t { kExact, kFast };

/// What products are computed in: float32; float32 rounded to TensorFloat-32's 10 bits; or bfloat16, parameters and
/// their updates in float32 all the same. Sums are always float32; what an engine writes of them in bf16, activations,
/// their differences and gradients of filters, may be rounded to bfloat16.
enum class Precision : std::uint8_t { kFloat32, kTf32, kBfloat16 };

/// "fp32", "tf32", "bf16": as the configuration names them.
std::string precision_name(Precision precision);

struct EngineSpec {
  ModelSpec model;
  OptimizerSpec optimizer;
  Initializer initializer = Initializer::kGlorotUniform;
  std::int64_t batch_size = 128;
  int shards = 8;
  int threads = 0;  ///< 0: one for each processor
  Kernels kernels = Kernels::kAuto;
  AugmentationSpec augmentation;  ///< of what train_step() is given
  Mode mode = Mode::kExact;
  Precision precision = Precision::kFloat32;
  std::uint64_t seed = 1;
};

/// Computes training steps. The state after a step is a function of the specification, the state before, the
/// batch, the step number and the learning rate alone; the number of threads never shows. Not thread-safe:
/// one call at a time, from any thread.
class Engine {
 public:
  virtual ~Engine() = default;

  /// "cpu" or "cuda".
  [[nodiscard]] virtual std::string device() const = 0;
  /// What the bits of a result depend on beside the specification, e.g. "x86-64-avx512" or
  /// "sm_90x132-cudnn-9.19.0-cublas-13.1.0".
  [[nodiscard]] virtual std::string instruction_set() const = 0;
  /// Worker threads in use.
  [[nodiscard]] virtual int threads() const = 0;
  [[nodiscard]] virtual const StateLayout& layout() const = 0;

  /// One optimizer step on a batch of 1 to batch_size samples. `step` counts the steps done before.
  virtual StepMetrics train_step(const BatchView& batch, std::uint64_t step, float learning_rate) = 0;
  /// steps[0] as step `first`, steps[1] as the next and so on; metrics[i] are those of steps[i]. The results are those
  /// of train_step() called for each, and an engine that is handed several may have less to wait for.
  virtual void train_steps(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics);
  /// How many steps at once are worth handing to train_steps().
  [[nodiscard]] virtual int steps_at_once() const { return 1; }
  /// Loss and hits of up to batch_size samples, without dropout.
  virtual EvaluationMetrics evaluate(const BatchView& batch) = 0;
  /// Class probabilities, [samples][classes], of up to batch_size samples.
  virtual void predict(const BatchView& batch, std::span<float> probabilities) = 0;

  /// The present state, which stays as it is until the reader is destroyed, whatever steps follow. Nothing waits but
  /// the reader. May be read and destroyed on another thread, during steps too, but not after the engine.
  virtual std::unique_ptr<StateReader> freeze_state() = 0;
  /// Makes room for `count` states that are frozen at the same time, so that no step has to.
  virtual void reserve_frozen_states(int count) = 0;
  /// Copies the canonical state out or in; the span has layout().size() elements.
  virtual void read_state(std::span<float> state) const = 0;
  /// Copies one tensor of layout() out; the span has its size.
  virtual void read_tensor(const TensorSpec& tensor, std::span<float> values) const;
  virtual void write_state(std::span<const float> state) = 0;
  /// Gradients of the last train_step() of the parameters, in the order and with the offsets of layout();
  /// the span has layout().parameter_count() elements.
  virtual void read_gradients(std::span<float> gradients) const = 0;

  /// Runs `steps` training steps on the batch with clocks on, and restores the state.
  virtual std::vector<OperatorTime> profile(const BatchView& batch, int steps) = 0;
};

/// A way to compute: the CPU, or a module found at run time.
struct Backend {
  std::string name;    ///< the device: "cpu", "cuda"
  int score = 0;       ///< the highest is "auto"; 0: cannot be used here; -1: nor here, though its driver is there
  std::string detail;  ///< what it is, or why it cannot be used
  std::unique_ptr<Engine> (*create)(const EngineSpec& spec, const Log& log) = nullptr;
};

/// Chooses by `device` ("auto" or a backend's name) and creates; logs what was chosen and, for "auto", why others could
/// not be. Throws kUnsupported with the backend's own reason when it cannot be used.
std::unique_ptr<Engine> create_engine(std::span<const Backend> backends, const std::string& device,
                                      const EngineSpec& spec, const Log& log);

}  // namespace spot
