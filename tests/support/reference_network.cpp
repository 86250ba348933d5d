#include "support/reference_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/philox.h"

namespace reference {
namespace {

using spot::LayerKind;
using spot::LayerSpec;
using spot::Shape3;

/// Activations, [sample][channel][row][column].
struct Tensor {
  std::size_t samples;
  Shape3 shape;
  std::vector<double> values;

  Tensor(std::size_t count, Shape3 s) : samples(count), shape(s), values(count * static_cast<std::size_t>(s.size())) {}
  double& at(std::size_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    return values[static_cast<std::size_t>(
        ((static_cast<std::int64_t>(n) * shape.channels + c) * shape.height + y) * shape.width + x)];
  }
};

class Network {
 public:
  Network(const spot::StateLayout& layout, std::span<const double> state) : layout_(layout), state_(state) {}

  Tensor apply(const LayerSpec& layer, std::uint32_t index, Tensor& in, std::uint64_t seed, std::uint64_t step) const {
    switch (layer.kind) {
      case LayerKind::kConv2d: return convolution(layer, in);
      case LayerKind::kMaxPool:
      case LayerKind::kAveragePool: return pool(layer, in);
      case LayerKind::kRelu: return relu(in);
      case LayerKind::kDropout: return dropout(layer, index, in, seed, step);
      case LayerKind::kFlatten: {
        Tensor out(in.samples, layer.output);
        out.values = in.values;
        return out;
      }
      case LayerKind::kDense: return dense(layer, in);
      case LayerKind::kBatchNorm: return batch_norm(layer, in);
    }
    return in;
  }

 private:
  [[nodiscard]] const double* parameter(const std::string& name) const {
    return state_.data() + layout_.find(name)->offset;
  }

  [[nodiscard]] Tensor convolution(const LayerSpec& layer, Tensor& in) const {
    const double* weight = parameter(layer.name + ".weight");
    const double* bias = parameter(layer.name + ".bias");
    Tensor out(in.samples, layer.output);
    for (std::size_t n = 0; n < in.samples; ++n)
      for (std::int64_t o = 0; o < out.shape.channels; ++o)
        for (std::int64_t y = 0; y < out.shape.height; ++y)
          for (std::int64_t x = 0; x < out.shape.width; ++x) {
            double sum = bias[o];
            for (std::int64_t c = 0; c < in.shape.channels; ++c)
              for (std::int64_t r = 0; r < layer.kernel[0]; ++r)
                for (std::int64_t s = 0; s < layer.kernel[1]; ++s) {
                  const std::int64_t iy = y * layer.stride[0] + r - layer.padding[0];
                  const std::int64_t ix = x * layer.stride[1] + s - layer.padding[1];
                  if (iy < 0 || ix < 0 || iy >= in.shape.height || ix >= in.shape.width) continue;
                  const std::int64_t w = ((o * in.shape.channels + c) * layer.kernel[0] + r) * layer.kernel[1] + s;
                  sum += weight[w] * in.at(n, c, iy, ix);
                }
            out.at(n, o, y, x) = sum;
          }
    return out;
  }

  [[nodiscard]] static Tensor pool(const LayerSpec& layer, Tensor& in) {
    const bool is_max = layer.kind == LayerKind::kMaxPool;
    Tensor out(in.samples, layer.output);
    for (std::size_t n = 0; n < in.samples; ++n)
      for (std::int64_t c = 0; c < out.shape.channels; ++c)
        for (std::int64_t y = 0; y < out.shape.height; ++y)
          for (std::int64_t x = 0; x < out.shape.width; ++x) {
            double largest = -std::numeric_limits<double>::infinity(), sum = 0;
            int cells = 0;
            for (std::int64_t r = 0; r < layer.kernel[0]; ++r)
              for (std::int64_t s = 0; s < layer.kernel[1]; ++s) {
                const std::int64_t iy = y * layer.stride[0] + r - layer.padding[0];
                const std::int64_t ix = x * layer.stride[1] + s - layer.padding[1];
                if (iy < 0 || ix < 0 || iy >= in.shape.height || ix >= in.shape.width) continue;
                largest = std::max(largest, in.at(n, c, iy, ix));
                sum += in.at(n, c, iy, ix);
                ++cells;
              }
            out.at(n, c, y, x) = is_max ? largest : sum / cells;
          }
    return out;
  }

  [[nodiscard]] static Tensor relu(const Tensor& in) {
    Tensor out = in;
    for (double& value : out.values) value = std::max(value, 0.0);
    return out;
  }

  [[nodiscard]] static Tensor dropout(const LayerSpec& layer, std::uint32_t index, Tensor& in, std::uint64_t seed,
                                      std::uint64_t step) {
    Tensor out = in;
    const auto threshold = static_cast<std::uint64_t>(std::llround(layer.rate * 4294967296.0));
    const Shape3& s = in.shape;
    for (std::size_t n = 0; n < in.samples; ++n)
      for (std::int64_t c = 0; c < s.channels; ++c)
        for (std::int64_t y = 0; y < s.height; ++y)
          for (std::int64_t x = 0; x < s.width; ++x) {
            const std::uint64_t g = n * static_cast<std::uint64_t>(s.size()) +
                                    static_cast<std::uint64_t>((y * s.width + x) * s.channels + c);
            const auto block = spot::Philox::block(
                seed, {static_cast<std::uint32_t>(g / 4), static_cast<std::uint32_t>(g / 4 >> 32) | index << 16,
                       static_cast<std::uint32_t>(step), 3U | static_cast<std::uint32_t>(step >> 32) << 8});
            out.at(n, c, y, x) = block[g % 4] < threshold ? 0.0 : in.at(n, c, y, x) / (1 - layer.rate);
          }
    return out;
  }

  [[nodiscard]] Tensor dense(const LayerSpec& layer, const Tensor& in) const {
    const double* weight = parameter(layer.name + ".weight");
    const double* bias = parameter(layer.name + ".bias");
    Tensor out(in.samples, layer.output);
    const auto inputs = static_cast<std::size_t>(in.shape.size());
    const auto outputs = static_cast<std::size_t>(layer.outputs);
    for (std::size_t n = 0; n < in.samples; ++n)
      for (std::size_t o = 0; o < outputs; ++o) {
        double sum = bias[o];
        for (std::size_t i = 0; i < inputs; ++i) sum += weight[o * inputs + i] * in.values[n * inputs + i];
        out.values[n * outputs + o] = sum;
      }
    return out;
  }

  [[nodiscard]] Tensor batch_norm(const LayerSpec& layer, Tensor& in) const {
    const double* scale = parameter(layer.name + ".scale");
    const double* shift = parameter(layer.name + ".shift");
    Tensor out(in.samples, layer.output);
    const double count = static_cast<double>(in.samples) * static_cast<double>(in.shape.height * in.shape.width);
    for (std::int64_t c = 0; c < in.shape.channels; ++c) {
      const auto each = [&](auto visit) {
        for (std::size_t n = 0; n < in.samples; ++n)
          for (std::int64_t y = 0; y < in.shape.height; ++y)
            for (std::int64_t x = 0; x < in.shape.width; ++x) visit(n, y, x);
      };
      double mean = 0, variance = 0;
      each([&](auto n, auto y, auto x) { mean += in.at(n, c, y, x) / count; });
      each([&](auto n, auto y, auto x) { variance += std::pow(in.at(n, c, y, x) - mean, 2) / count; });
      each([&](auto n, auto y, auto x) {
        out.at(n, c, y, x) = (in.at(n, c, y, x) - mean) / std::sqrt(variance + layer.epsilon) * scale[c] + shift[c];
      });
    }
    return out;
  }

  const spot::StateLayout& layout_;
  std::span<const double> state_;
};

}  // namespace

double training_loss(const spot::ModelSpec& model, const spot::StateLayout& layout, std::span<const double> state,
                     const Batch& batch, std::uint64_t seed, std::uint64_t step) {
  Tensor values(batch.labels.size(), model.input);
  auto pixel = batch.pixels.begin();
  for (std::size_t n = 0; n < values.samples; ++n)
    for (std::int64_t y = 0; y < model.input.height; ++y)
      for (std::int64_t x = 0; x < model.input.width; ++x)
        for (std::int64_t c = 0; c < model.input.channels; ++c) values.at(n, c, y, x) = *pixel++;
  const Network network(layout, state);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    values = network.apply(model.layers[i], static_cast<std::uint32_t>(i), values, seed, step);
  }
  const auto classes = static_cast<std::size_t>(model.classes);
  double loss = 0;
  for (std::size_t n = 0; n < batch.labels.size(); ++n) {
    const double* logits = values.values.data() + n * classes;
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(logits[c]);
    loss += std::log(sum) - logits[batch.labels[n]];
  }
  return loss / static_cast<double>(batch.labels.size());
}

double difference_quotient(const spot::ModelSpec& model, const spot::StateLayout& layout, std::vector<double> state,
                           std::size_t i, const Batch& batch, std::uint64_t seed, std::uint64_t step) {
  constexpr double kStep = 1e-6;
  const double value = state[i];
  const auto loss = [&](double shift) {
    state[i] = value + shift;
    return training_loss(model, layout, state, batch, seed, step);
  };
  const double middle = loss(0), right = (loss(kStep) - middle) / kStep, left = (middle - loss(-kStep)) / kStep;
  if (std::abs(right - left) > 1e-4 * (std::abs(right) + std::abs(left)) + 1e-5) return std::nan("");
  return (right + left) / 2;
}

void update(const spot::OptimizerSpec& o, const spot::StateLayout& layout, std::span<double> state,
            std::span<const double> gradients, std::uint64_t step, double learning_rate) {
  using spot::OptimizerKind;
  const double t = static_cast<double>(step + 1);
  for (const spot::TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != spot::TensorRole::kParameter) continue;
    const auto accumulator = [&](const char* kind) -> double* {
      const spot::TensorSpec* found = layout.find(tensor.name + "/" + kind);
      return found == nullptr ? nullptr : state.data() + found->offset;
    };
    double* velocity = accumulator("velocity");
    double* first = accumulator("first_moment");
    double* second = accumulator("second_moment");
    double* square = accumulator("square_average");
    double* delta_square = accumulator("delta_average");
    for (std::size_t i = 0; i < tensor.size; ++i) {
      double& p = state[tensor.offset + i];
      double g = gradients[tensor.offset + i];
      if (o.kind == OptimizerKind::kAdamW) {
        p -= learning_rate * o.weight_decay * p;
      } else {
        g += o.weight_decay * p;
      }
      switch (o.kind) {
        case OptimizerKind::kSgd:
          if (velocity != nullptr) {
            velocity[i] = o.momentum * velocity[i] + g;
            g = o.nesterov ? g + o.momentum * velocity[i] : velocity[i];
          }
          p -= learning_rate * g;
          break;
        case OptimizerKind::kAdam:
        case OptimizerKind::kAdamW:
          first[i] = o.beta1 * first[i] + (1 - o.beta1) * g;
          second[i] = o.beta2 * second[i] + (1 - o.beta2) * g * g;
          p -= learning_rate * (first[i] / (1 - std::pow(o.beta1, t))) /
               (std::sqrt(second[i] / (1 - std::pow(o.beta2, t))) + o.epsilon);
          break;
        case OptimizerKind::kAdadelta: {
          square[i] = o.rho * square[i] + (1 - o.rho) * g * g;
          const double delta = std::sqrt(delta_square[i] + o.epsilon) / std::sqrt(square[i] + o.epsilon) * g;
          delta_square[i] = o.rho * delta_square[i] + (1 - o.rho) * delta * delta;
          p -= learning_rate * delta;
          break;
        }
        case OptimizerKind::kRmsprop:
          square[i] = o.rho * square[i] + (1 - o.rho) * g * g;
          p -= learning_rate * g / (std::sqrt(square[i]) + o.epsilon);
          break;
      }
    }
  }
}

}  // namespace reference
