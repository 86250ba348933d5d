#include "engine/cpu/sparse_convolution_layer.h"

#include <algorithm>

#include "base/simd.h"
#include "engine/cpu/kernels/unfold.h"
#include "engine/cpu/kernels/window_forward.h"
#include "engine/cpu/reduction.h"

namespace spot {
namespace {

/// Channels of an unfolded image with which its copy is still small.
constexpr std::int64_t kMostUnfolded = 128;

SPOT_SIMD void add_multiple(const float* values, float factor, std::size_t size, float* sums) {
  for (std::size_t i = 0; i < size; ++i) sums[i] += factor * values[i];
}

SPOT_SIMD void and_bytes(const std::uint8_t* values, std::size_t size, std::uint8_t* all) {
  for (std::size_t i = 0; i < size; ++i) all[i] &= values[i];
}

std::size_t whole_blocks(std::int64_t channels, std::int64_t block) {
  return static_cast<std::size_t>((channels + block - 1) / block * block);
}

bool is_pool_of_two(const LayerSpec& pool) {
  return pool.kernel[0] == 2 && pool.kernel[1] == 2 && pool.stride[0] == 2 && pool.stride[1] == 2 &&
         std::all_of(pool.padding, pool.padding + 4, [](std::int64_t p) { return p == 0; });
}

bool is_square_of_stride_one(const LayerSpec& convolution) {
  return convolution.kernel[0] == convolution.kernel[1] && convolution.stride[0] == 1 && convolution.stride[1] == 1;
}

bool has_kernel(const LayerSpec& convolution) {
  return kernels::has_window_kernel(static_cast<std::size_t>(convolution.kernel[0]));
}

}  // namespace

bool SparseConvolutionOperator::can_compute(const LayerSpec& convolution, const LayerSpec& pool, bool plain_input) {
  const std::int64_t kernel = convolution.kernel[0];
  const bool has_code =
      plain_input ? convolution.input.channels * kernel * kernel <= kMostUnfolded : has_kernel(convolution);
  return is_square_of_stride_one(convolution) && has_code && is_pool_of_two(pool);
}

bool SparseConvolutionOperator::can_compute(const LayerSpec& convolution) {
  // Windows that reach over the edge are computed whole.
  constexpr std::int64_t kSmallestOutput = 4;
  return is_square_of_stride_one(convolution) && has_kernel(convolution) &&
         std::min(convolution.output.height, convolution.output.width) >= kSmallestOutput;
}

SparseConvolutionOperator::SparseConvolutionOperator(const OperatorContext& context, const LayerSpec& convolution,
                                                     Edge& input, Edge& output, bool pools)
    : Operator(convolution.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(convolution.name + ".weight")),
      bias_(*context.layout->find(convolution.name + ".bias")),
      unfolds_(input.block() == 1),
      convolution_kernel_(static_cast<std::size_t>(convolution.kernel[0])),
      top_(static_cast<std::size_t>(convolution.padding[0])),
      left_(static_cast<std::size_t>(convolution.padding[1])),
      frame_(convolution, input, context.workers, pools ? 0 : static_cast<std::size_t>(convolution.output.height % 2),
             pools ? 0 : static_cast<std::size_t>(convolution.output.width % 2)) {
  make_shape(convolution, pools);
  const std::size_t weights = shape_.output_channels * shape_.taps() * shape_.input_channels;
  const auto shards = static_cast<std::size_t>(context.shards);
  forward_weights_ = AlignedBuffer<float>(weights + shape_.output_channels * shape_.taps());
  if (input.has_difference()) backward_weights_ = AlignedBuffer<float>(weights);
  bias_values_ = AlignedBuffer<float>(shape_.output_channels);
  if (pools)
    winners_ = AlignedBuffer<std::uint8_t>(shards * context.shard_size * shape_.windows() * shape_.output_channels);
  gradient_size_ = weights + shape_.output_channels;
  gradients_ = AlignedBuffer<float>(shards * gradient_size_);
  gradient_sum_ = AlignedBuffer<float>(gradient_size_);
  if (pools && context.mode == Mode::kFast && WinogradConvolution::can_compute(convolution, input)) {
    winograd_.emplace(convolution, shape_, input, output, context.workers);
  }
  make_scratch();
}

void SparseConvolutionOperator::make_shape(const LayerSpec& convolution, bool pools) {
  shape_.block = static_cast<std::size_t>(output_.block());
  shape_.kernel = unfolds_ ? 1 : convolution_kernel_;
  shape_.input_channels =
      unfolds_
          ? whole_blocks(convolution.input.channels * convolution.kernel[0] * convolution.kernel[1], output_.block())
          : whole_blocks(convolution.input.channels, input_.block());
  shape_.rows = unfolds_ ? static_cast<std::size_t>(convolution.output.height) : frame_.rows();
  shape_.columns = unfolds_ ? static_cast<std::size_t>(convolution.output.width) : frame_.columns();
  shape_.output_channels = whole_blocks(convolution.outputs, output_.block());
  shape_.pools = pools;
  shape_.output_rows = static_cast<std::size_t>(output_.shape().height);
  shape_.output_columns = static_cast<std::size_t>(output_.shape().width);
  shape_.windows_down = pools ? shape_.output_rows : (shape_.output_rows + 1) / 2;
  shape_.windows_across = pools ? shape_.output_columns : (shape_.output_columns + 1) / 2;
}

void SparseConvolutionOperator::make_scratch() {
  const std::size_t listed = (shape_.pixels() + 1) * shape_.input_channels;
  const std::size_t lists = kernels::bands(shape_) * shape_.output_channels;
  for (int worker = 0; worker < context_.workers; ++worker) {
    Scratch& scratch = scratch_.emplace_back();
    if (unfolds_) scratch.unfolded = AlignedBuffer<float>(shape_.pixels() * shape_.input_channels);
    scratch.values = AlignedBuffer<float>(listed);
    scratch.offsets = AlignedBuffer<std::uint32_t>(listed);
    scratch.counts = AlignedBuffer<std::uint32_t>(shape_.pixels());
    if (input_.has_background()) {
      scratch.background = AlignedBuffer<std::uint8_t>(shape_.windows());
      scratch.columns = AlignedBuffer<std::uint8_t>(static_cast<std::size_t>(input_.shape().width));
    }
    if (winograd_) scratch.windows = AlignedBuffer<std::uint8_t>(shape_.windows());
    if (winograd_) scratch.needed = AlignedBuffer<std::uint8_t>(shape_.pixels());
    if (input_.has_difference() && frame_.needed()) scratch.differences = AlignedBuffer<float>(frame_.size());
    scratch.entry_values = AlignedBuffer<float>(shape_.windows() * shape_.results() * shape_.output_channels);
    scratch.winners = AlignedBuffer<std::uint64_t>(shape_.windows() * kernels::channel_groups(shape_) * 4);
    scratch.entries = AlignedBuffer<kernels::SparseEntry>(lists * kernels::entries_of_band(shape_));
    scratch.entry_counts = AlignedBuffer<std::uint32_t>(lists);
  }
}

std::string SparseConvolutionOperator::implementation(std::string_view pass) const {
  const std::string unfolded = unfolds_ ? ", unfolded image" : "";
  if (pass == "forward" && winograd_) return "Winograd F(4x4,3x3), ReLU and pool in one";
  if (pass == "forward" && !shape_.pools) return "convolution and ReLU in one, skips zeros";
  if (pass == "forward") return "convolution, ReLU and pool in one, skips zeros" + unfolded;
  const std::string list = shape_.pools ? "list of winners" : "list of differences";
  if (pass == "backward_weights") return list + unfolded;
  return input_.has_difference() ? list : "";
}

/// Image i of the task as the kernels want it.
const float* SparseConvolutionOperator::image(const ShardTask& task, std::size_t i) {
  const float* framed = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
  if (!unfolds_) return framed;
  float* unfolded = scratch_[static_cast<std::size_t>(task.worker)].unfolded.data();
  kernels::unfold({.channels = static_cast<std::size_t>(input_.shape().channels),
                   .rows = frame_.rows(),
                   .columns = frame_.columns(),
                   .kernel = convolution_kernel_,
                   .block = shape_.block},
                  framed, unfolded);
  return unfolded;
}

/// Windows of which every input pixel is background and none is padding; null where no such thing is known.
const std::uint8_t* SparseConvolutionOperator::background_windows(const ShardTask& task, std::size_t i,
                                                                  Scratch& scratch) {
  if (!input_.has_background()) return nullptr;
  const std::uint8_t* pixels = input_.background(task) + i * input_.pixels();
  const auto rows = static_cast<std::size_t>(input_.shape().height);
  const auto columns = static_cast<std::size_t>(input_.shape().width);
  const std::size_t field = shape_.kernel + 1;
  std::uint8_t* window = scratch.background.data();
  std::uint8_t* column = scratch.columns.data();  // whether a column's pixels under the windows are all background
  for (std::size_t down = 0; down < shape_.windows_down; ++down) {
    // The field's first pixel without the frame; what lies in the frame wraps round to a large number.
    const std::size_t top = 2 * down - top_;
    const bool is_inside = top < rows && top + field <= rows;
    std::fill_n(column, columns, is_inside ? std::uint8_t{1} : std::uint8_t{0});
    for (std::size_t y = top; is_inside && y < top + field; ++y) and_bytes(pixels + y * columns, columns, column);
    for (std::size_t across = 0; across < shape_.windows_across; ++across, ++window) {
      const std::size_t left = 2 * across - left_;
      *window = left < columns && left + field <= columns ? 1 : 0;
      for (std::size_t x = left; *window != 0 && x < left + field; ++x) *window = column[x];
    }
  }
  return scratch.background.data();
}

const std::uint8_t* SparseConvolutionOperator::background_pixels(const ShardTask& task, std::size_t i) {
  if (!input_.has_background() || frame_.needed()) return nullptr;
  return input_.background(task) + i * input_.pixels();
}

/// What is known of each window; null: nothing of any.
const std::uint8_t* SparseConvolutionOperator::known_windows(const ShardTask& task, std::size_t i, Scratch& scratch) {
  const std::uint8_t* background = background_windows(task, i, scratch);
  if (!winograd_) return background;
  const std::uint8_t* done = winograd_->done(task, i);
  for (std::size_t window = 0; window < shape_.windows(); ++window) {
    const std::uint8_t otherwise = background == nullptr ? kernels::kUnknownWindow : background[window];
    scratch.windows[window] = done[window] != 0 ? kernels::kDoneWindow : otherwise;
  }
  return scratch.windows.data();
}

/// The pixels under the windows that are still to be computed; null: all.
const std::uint8_t* SparseConvolutionOperator::needed_pixels(const std::uint8_t* windows, Scratch& scratch) const {
  if (!winograd_) return nullptr;
  std::uint8_t* needed = scratch.needed.data();
  std::fill_n(needed, shape_.pixels(), std::uint8_t{0});
  const std::size_t field = shape_.kernel + 1;
  for (std::size_t window = 0; window < shape_.windows(); ++window) {
    if (windows[window] == kernels::kDoneWindow) continue;
    const std::size_t y = 2 * (window / shape_.windows_across), x = 2 * (window % shape_.windows_across);
    for (std::size_t row = y; row < y + field; ++row) {
      std::fill_n(needed + row * shape_.columns + x, field, std::uint8_t{1});
    }
  }
  return needed;
}

void SparseConvolutionOperator::forward(const ShardTask& task, bool training) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(task.worker)];
  const kernels::ActiveList active = {scratch.values.data(), scratch.offsets.data(), scratch.counts.data(),
                                      shape_.input_channels};
  const std::size_t weights_of_channel = shape_.taps() * kernels::window_forward_chunk(shape_);
  if (winograd_) winograd_->forward(task, bias_values_.data(), training ? winners(task, 0) : nullptr);
  for (std::size_t i = 0; i < task.count; ++i) {
    if (winograd_ && winograd_->is_done(task, i)) continue;
    const std::uint8_t* windows = known_windows(task, i, scratch);
    kernels::list_active(image(task, i), background_pixels(task, i), needed_pixels(windows, scratch), shape_.pixels(),
                         shape_.block, weights_of_channel, active);
    kernels::window_forward(shape_, {.active = active,
                                     .weights = forward_weights_.data(),
                                     .bias = bias_values_.data(),
                                     .windows = windows,
                                     .output = output_.value(task) + i * output_.sample_size(),
                                     .winners = training && shape_.pools ? winners(task, i) : nullptr});
  }
}

kernels::SparseDifference SparseConvolutionOperator::differences_of(Scratch& scratch) const {
  return {scratch.entry_values.data(), scratch.winners.data(), scratch.entries.data(), scratch.entry_counts.data()};
}

/// Both gradients, because both go through one image's list.
void SparseConvolutionOperator::backward_weights(const ShardTask& task) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(task.worker)];
  const kernels::SparseDifference list = differences_of(scratch);
  float* gradient = gradients_.data() + static_cast<std::size_t>(task.shard) * gradient_size_;
  if (task.row == 0) std::fill_n(gradient, gradient_size_, 0.0F);
  for (std::size_t i = 0; i < task.count; ++i) {
    kernels::list_differences(shape_,
                              {.differences = output_.difference(task) + i * output_.sample_size(),
                               .winners = shape_.pools ? winners(task, i) : nullptr,
                               .outputs = output_.value(task) + i * output_.sample_size()},
                              background_windows(task, i, scratch), list,
                              gradient + gradient_size_ - shape_.output_channels);
    kernels::sparse_weight_gradient(shape_, image(task, i), list, gradient);
    if (!input_.has_difference()) continue;
    float* difference = input_.difference(task) + i * input_.sample_size();
    float* framed = frame_.needed() ? scratch.differences.data() : difference;
    kernels::sparse_input_difference(shape_, list, backward_weights_.data(), framed);
    if (frame_.needed()) frame_.inside(framed, difference);
  }
}

void SparseConvolutionOperator::backward_data(const ShardTask& task) {
  if (!input_.has_difference() || !task.whole) return;
  // Operators that take whole shards only look at the rows behind the batch's end, too.
  float* differences = input_.difference(task);
  std::fill(differences + task.count * input_.sample_size(), differences + input_.shard_size() * input_.sample_size(),
            0.0F);
}

template <typename Visit>
void SparseConvolutionOperator::for_each_weight(Visit visit) const {
  const auto outputs = static_cast<std::size_t>(weight_.shape[0]), inputs = static_cast<std::size_t>(weight_.shape[1]);
  const std::size_t taps = convolution_kernel_ * convolution_kernel_;
  std::size_t place = 0;
  for (std::size_t output = 0; output < outputs; ++output) {
    for (std::size_t input = 0; input < inputs; ++input) {
      for (std::size_t tap = 0; tap < taps; ++tap, ++place) {
        if (unfolds_) {
          visit(output, std::size_t{0}, input * taps + tap, place);
        } else {
          visit(output, tap, input, place);
        }
      }
    }
  }
}

double SparseConvolutionOperator::update(int shards, float learning_rate) {
  sum_parts(gradients_.data(), gradient_size_, shards, gradient_size_, gradient_sum_.data());
  float* gradient = context_.gradients + weight_.offset;
  for_each_weight([&](std::size_t output, std::size_t tap, std::size_t channel, std::size_t place) {
    gradient[place] = gradient_sum_[(output * shape_.taps() + tap) * shape_.input_channels + channel];
  });
  std::copy_n(gradient_sum_.data() + gradient_size_ - shape_.output_channels, bias_.size,
              context_.gradients + bias_.offset);
  const double squares = context_.update(weight_.offset, weight_.size, learning_rate) +
                         context_.update(bias_.offset, bias_.size, learning_rate);
  pack();
  return squares;
}

void SparseConvolutionOperator::repack() {
  pack();
  repack_shared();
}

void SparseConvolutionOperator::pack() {
  const float* weight = context_.state->next() + weight_.offset;
  const std::size_t chunk = kernels::window_forward_chunk(shape_), block = shape_.block, taps = shape_.taps();
  for_each_weight([&](std::size_t output, std::size_t tap, std::size_t channel, std::size_t place) {
    forward_weights_[((output / chunk * (shape_.input_channels + 1) + channel) * taps + tap) * chunk + output % chunk] =
        weight[place];
    if (backward_weights_.size() == 0) return;
    backward_weights_[((channel / block * shape_.output_channels + output) * taps + tap) * block + channel % block] =
        weight[place];
  });
  std::copy_n(context_.state->next() + bias_.offset, bias_.size, bias_values_.data());
  if (winograd_) winograd_->pack(forward_weights_.data());
}

/// The background's weights: they need the layer before to be up to date, too.
void SparseConvolutionOperator::repack_shared() {
  if (!input_.has_background()) return;
  const std::size_t chunk = kernels::window_forward_chunk(shape_), size = shape_.taps() * chunk;
  const float* value = input_.background_value();
  for (std::size_t first = 0; first < shape_.output_channels; first += chunk) {
    float* weights = forward_weights_.data() + first / chunk * (shape_.input_channels + 1) * size;
    float* sums = weights + shape_.input_channels * size;
    std::fill_n(sums, size, 0.0F);
    for (std::size_t channel = 0; channel < shape_.input_channels; ++channel) {
      if (value[channel] != 0) add_multiple(weights + channel * size, value[channel], size, sums);
    }
  }
  if (winograd_) winograd_->pack_background();
}

void SparseConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     return update(shards, learning_rate);
                   }});
}

}  // namespace spot
