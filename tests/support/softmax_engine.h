#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.h"
#include "engine/engine.h"
#include "support/kept_state.h"

namespace spot::test {

/// The smallest real engine: softmax regression trained by gradient descent with momentum, in plain
/// loops. Ignores the model that it is given, so that tests of what surrounds an engine need no
/// other.
class SoftmaxEngine : public Engine {
 public:
  explicit SoftmaxEngine(const EngineSpec& spec)
      : pixels_(static_cast<std::size_t>(spec.model.input.size())),
        classes_(static_cast<std::size_t>(spec.model.classes)) {
    const auto inputs = static_cast<std::int64_t>(pixels_);
    const auto outputs = static_cast<std::int64_t>(classes_);
    layout_.add("softmax.weight", {outputs, inputs}, TensorRole::kParameter);
    layout_.add("softmax.bias", {outputs}, TensorRole::kParameter);
    layout_.add("softmax.weight/momentum", {outputs, inputs}, TensorRole::kAccumulator);
    layout_.add("softmax.bias/momentum", {outputs}, TensorRole::kAccumulator);
    state_.assign(layout_.size(), 0.0F);
    gradients_.assign(layout_.parameter_count(), 0.0F);
    RandomStream random(spec.seed, RandomPurpose::kInitialisation);
    for (std::size_t i = 0; i < pixels_ * classes_; ++i) {
      state_[i] = 0.02F * (random.next_uniform() - 0.5F);
    }
  }

  [[nodiscard]] std::string device() const override { return "cpu"; }
  [[nodiscard]] std::string instruction_set() const override { return "plain"; }
  [[nodiscard]] int threads() const override { return 1; }
  [[nodiscard]] const StateLayout& layout() const override { return layout_; }

  /// How many steps it says to want at once, and how many it was handed each time.
  int wanted = 1;
  std::vector<std::size_t> handed;

  [[nodiscard]] int steps_at_once() const override { return wanted; }
  void train_steps(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics) override {
    handed.push_back(steps.size());
    Engine::train_steps(steps, first, metrics);
  }

  StepMetrics train_step(const BatchView& batch, std::uint64_t /*step*/, float rate) override {
    std::fill(gradients_.begin(), gradients_.end(), 0.0F);
    StepMetrics metrics;
    metrics.samples = static_cast<std::int64_t>(batch.indices.size());
    for (const std::uint32_t index : batch.indices) {
      std::vector<float> difference = probabilities(batch, index);
      add_sample(difference, batch.labels[index], metrics.loss, metrics.correct);
      difference[batch.labels[index]] -= 1.0F;
      add_gradient(batch, index, difference);
    }
    metrics.loss /= static_cast<double>(metrics.samples);
    for (std::size_t i = 0; i < gradients_.size(); ++i) {
      gradients_[i] /= static_cast<float>(metrics.samples);
      metrics.gradient_norm += double{gradients_[i]} * double{gradients_[i]};
      float& momentum = state_[gradients_.size() + i];
      momentum = 0.9F * momentum + gradients_[i];
      state_[i] -= rate * momentum;
    }
    metrics.gradient_norm = std::sqrt(metrics.gradient_norm);
    return metrics;
  }

  EvaluationMetrics evaluate(const BatchView& batch) override {
    EvaluationMetrics metrics;
    metrics.samples = static_cast<std::int64_t>(batch.indices.size());
    for (const std::uint32_t index : batch.indices) {
      add_sample(probabilities(batch, index), batch.labels[index], metrics.loss_sum, metrics.correct);
    }
    return metrics;
  }

  void predict(const BatchView& batch, std::span<float> result) override {
    auto next = result.begin();
    for (const std::uint32_t index : batch.indices) {
      const std::vector<float> row = probabilities(batch, index);
      next = std::copy(row.begin(), row.end(), next);
    }
  }

  std::unique_ptr<StateReader> freeze_state() override { return std::make_unique<KeptState>(layout_, state_); }
  void reserve_frozen_states(int /*count*/) override {}
  void read_state(std::span<float> state) const override { std::copy(state_.begin(), state_.end(), state.begin()); }
  void write_state(std::span<const float> state) override { std::copy(state.begin(), state.end(), state_.begin()); }
  void read_gradients(std::span<float> gradients) const override {
    std::copy(gradients_.begin(), gradients_.end(), gradients.begin());
  }
  std::vector<OperatorTime> profile(const BatchView& /*batch*/, int /*steps*/) override {
    return {{"softmax", "forward", "plain loops", 0.0}};
  }

 private:
  float pixel(const BatchView& batch, std::uint32_t index, std::size_t p) const {
    const std::size_t at = index * pixels_ + p;
    if (batch.type == PixelType::kUint8) return static_cast<float>(batch.images[at]) / 255.0F;
    float value;
    std::memcpy(&value, batch.images + at * sizeof value, sizeof value);
    return value;
  }

  std::vector<float> probabilities(const BatchView& batch, std::uint32_t index) const {
    std::vector<float> result(classes_);
    for (std::size_t c = 0; c < classes_; ++c) {
      float logit = state_[pixels_ * classes_ + c];
      for (std::size_t p = 0; p < pixels_; ++p) {
        logit += state_[c * pixels_ + p] * pixel(batch, index, p);
      }
      result[c] = logit;
    }
    const float largest = *std::max_element(result.begin(), result.end());
    float sum = 0;
    for (float& value : result) sum += value = std::exp(value - largest);
    for (float& value : result) value /= sum;
    return result;
  }

  static void add_sample(const std::vector<float>& probabilities, std::uint8_t label, double& loss,
                         std::int64_t& correct) {
    loss -= std::log(std::max(double{probabilities[label]}, 1e-12));
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    correct += best - probabilities.begin() == label ? 1 : 0;
  }

  void add_gradient(const BatchView& batch, std::uint32_t index, const std::vector<float>& difference) {
    for (std::size_t c = 0; c < classes_; ++c) {
      gradients_[pixels_ * classes_ + c] += difference[c];
      for (std::size_t p = 0; p < pixels_; ++p) {
        gradients_[c * pixels_ + p] += difference[c] * pixel(batch, index, p);
      }
    }
  }

  std::size_t pixels_, classes_;
  StateLayout layout_;
  std::vector<float> state_;
  std::vector<float> gradients_;
};

inline Backend softmax_backend() {
  return {.name = "cpu",
          .score = 1,
          .detail = "softmax regression",
          .create = [](const EngineSpec& spec, const Log&) -> std::unique_ptr<Engine> {
            return std::make_unique<SoftmaxEngine>(spec);
          }};
}

}  // namespace spot::test
