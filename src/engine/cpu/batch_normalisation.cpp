#include "engine/cpu/batch_normalisation.h"

#include <algorithm>
#include <cmath>

namespace spot {
namespace {

/// Calls visit(channel, index, output index) for every value of the first `count` samples, indices counting from the
/// shard's first float in `input` and `output`. They have the same blocks, unless `input` is the network's image, which
/// has blocks of one channel. For one channel the order is by sample, then row, then column.
template <typename Visit>
void for_each_value(const Edge& input, const Edge& output, std::size_t count, const Visit& visit) {
  const auto channels = static_cast<std::size_t>(input.shape().channels);
  const std::size_t pixels = input.pixels();
  const auto block = static_cast<std::size_t>(input.block()), output_block = static_cast<std::size_t>(output.block());
  for (std::size_t sample = 0; sample < count; ++sample) {
    for (std::size_t channel = 0; channel < channels; channel += block) {
      const std::size_t width = std::min(block, channels - channel);
      const std::size_t start = sample * input.sample_size() + channel * pixels;
      const std::size_t within = channel % output_block;
      const std::size_t output_start = sample * output.sample_size() + (channel - within) * pixels + within;
      for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
        for (std::size_t i = 0; i < width; ++i) {
          visit(channel + i, start + pixel * block + i, output_start + pixel * output_block + i);
        }
      }
    }
  }
}

}  // namespace

BatchNormalisationOperator::BatchNormalisationOperator(const OperatorContext& context, const LayerSpec& layer,
                                                       Edge& input, Edge& output)
    : Operator(layer.name),
      context_(context),
      input_(input),
      output_(output),
      channels_(static_cast<std::size_t>(layer.input.channels)),
      momentum_(layer.momentum),
      epsilon_(layer.epsilon),
      scale_(*context.layout->find(layer.name + ".scale")),
      shift_(*context.layout->find(layer.name + ".shift")),
      running_mean_(*context.layout->find(layer.name + ".running_mean")),
      running_variance_(*context.layout->find(layer.name + ".running_variance")),
      forward_sums_(static_cast<std::size_t>(context.shards) * channels_),
      backward_sums_(forward_sums_.size()),
      totals_(static_cast<std::size_t>(context.slots), std::vector<Sums>(channels_)),
      moments_(static_cast<std::size_t>(context.slots), std::vector<Moments>(channels_)) {}

std::string BatchNormalisationOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "two passes over the batch";
  return input_.has_difference() || pass == "backward_weights" ? "two passes over the batch" : "";
}

double BatchNormalisationOperator::values_per_channel(std::size_t batch) const {
  return static_cast<double>(batch) * static_cast<double>(input_.shape().height * input_.shape().width);
}

int BatchNormalisationOperator::shards_of(std::size_t batch) const {
  return static_cast<int>((batch + context_.shard_size - 1) / context_.shard_size);
}

const std::vector<BatchNormalisationOperator::Sums>& BatchNormalisationOperator::total(const std::vector<Sums>& sums,
                                                                                       int shards, int slot) {
  std::vector<Sums>& total = totals_[static_cast<std::size_t>(slot)];
  std::fill(total.begin(), total.end(), Sums{});
  for (std::size_t shard = 0; shard < static_cast<std::size_t>(shards); ++shard) {
    for (std::size_t channel = 0; channel < channels_; ++channel) {
      total[channel].first += sums[shard * channels_ + channel].first;
      total[channel].second += sums[shard * channels_ + channel].second;
    }
  }
  return total;
}

void BatchNormalisationOperator::gather_forward(const ShardTask& task) {
  Sums* sums = &forward_sums_[static_cast<std::size_t>(task.shard) * channels_];
  std::fill_n(sums, channels_, Sums{});
  const float* values = input_.value(task);
  for_each_value(input_, input_, task.count, [=](std::size_t channel, std::size_t i, std::size_t) {
    const double value = values[i];
    sums[channel].first += value;
    sums[channel].second += value * value;
  });
}

void BatchNormalisationOperator::use_batch_moments(const ShardTask& task) {
  const double count = values_per_channel(task.batch);
  const std::vector<Sums>& sums = total(forward_sums_, shards_of(task.batch), task.slot);
  auto& moments = moments_[static_cast<std::size_t>(task.slot)];
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    const double mean = sums[channel].first / count;
    const double variance = std::max(0.0, sums[channel].second / count - mean * mean);
    moments[channel] = {static_cast<float>(mean), static_cast<float>(1.0 / std::sqrt(variance + epsilon_))};
    if (task.shard != 0) continue;
    // One shard speaks for all; nobody reads the running statistics during training.
    const auto move = [&](const TensorSpec& statistic, double value) {
      const std::size_t place = statistic.offset + channel;
      context_.state->next()[place] =
          static_cast<float>(momentum_ * context_.state->now()[place] + (1 - momentum_) * value);
    };
    move(running_mean_, mean);
    move(running_variance_, variance);
  }
}

void BatchNormalisationOperator::use_running_moments(const ShardTask& task) {
  auto& moments = moments_[static_cast<std::size_t>(task.slot)];
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    const double variance = context_.state->now()[running_variance_.offset + channel];
    moments[channel] = {context_.state->now()[running_mean_.offset + channel],
                        static_cast<float>(1.0 / std::sqrt(variance + epsilon_))};
  }
}

void BatchNormalisationOperator::forward(const ShardTask& task, bool training) {
  if (training) {
    use_batch_moments(task);
  } else {
    use_running_moments(task);
  }
  const auto& moments = moments_[static_cast<std::size_t>(task.slot)];
  const float* scale = context_.state->now() + scale_.offset;
  const float* shift = context_.state->now() + shift_.offset;
  const float* values = input_.value(task);
  float* outputs = output_.value(task);
  for_each_value(input_, output_, task.count, [&](std::size_t channel, std::size_t i, std::size_t o) {
    const Moments& m = moments[channel];
    outputs[o] = (values[i] - m.mean) * m.inverse_deviation * scale[channel] + shift[channel];
  });
}

void BatchNormalisationOperator::gather_backward(const ShardTask& task) {
  Sums* sums = &backward_sums_[static_cast<std::size_t>(task.shard) * channels_];
  std::fill_n(sums, channels_, Sums{});
  const auto& moments = moments_[static_cast<std::size_t>(task.slot)];
  const float* values = input_.value(task);
  const float* differences = output_.difference(task);
  for_each_value(input_, output_, task.count, [&](std::size_t channel, std::size_t i, std::size_t o) {
    const Moments& m = moments[channel];
    const double difference = differences[o];
    sums[channel].first += difference;
    sums[channel].second += difference * ((values[i] - m.mean) * m.inverse_deviation);
  });
}

void BatchNormalisationOperator::backward_data(const ShardTask& task) {
  if (!input_.has_difference()) return;
  const auto count = static_cast<float>(values_per_channel(task.batch));
  const std::vector<Sums>& sums = total(backward_sums_, shards_of(task.batch), task.slot);
  const auto& moments = moments_[static_cast<std::size_t>(task.slot)];
  const float* scale = context_.state->now() + scale_.offset;
  const float* values = input_.value(task);
  const float* differences = output_.difference(task);
  float* inputs = input_.difference(task);
  for_each_value(input_, output_, task.count, [&](std::size_t channel, std::size_t i, std::size_t o) {
    const Moments& m = moments[channel];
    const float normalised = (values[i] - m.mean) * m.inverse_deviation;
    const float mean_difference = static_cast<float>(sums[channel].first) / count;
    const float mean_product = static_cast<float>(sums[channel].second) / count;
    inputs[i] = scale[channel] * m.inverse_deviation * (differences[o] - mean_difference - normalised * mean_product);
  });
  const std::size_t used = task.count * input_.sample_size();
  std::fill(inputs + used, inputs + input_.shard_size() * input_.sample_size(), 0.0F);
}

double BatchNormalisationOperator::update(int shards, float learning_rate) {
  const std::vector<Sums>& sums = total(backward_sums_, shards, 0);
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    context_.gradients[shift_.offset + channel] = static_cast<float>(sums[channel].first);
    context_.gradients[scale_.offset + channel] = static_cast<float>(sums[channel].second);
  }
  return context_.update(scale_.offset, scale_.size, learning_rate) +
         context_.update(shift_.offset, shift_.size, learning_rate);
}

void BatchNormalisationOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     return update(shards, learning_rate);
                   }});
}

}  // namespace spot
