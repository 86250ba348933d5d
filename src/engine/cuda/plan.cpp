#include "engine/cuda/plan.h"

#include <algorithm>
#include <cfloat>
#include <type_traits>

#include "base/status.h"
#include "base/text.h"

namespace spot::cuda {
namespace {

std::uint32_t narrow(std::int64_t value) {
  return static_cast<std::uint32_t>(value);
}

/// Values between two layers, of the whole batch.
template <typename T>
struct Edge {
  Extent extent;
  T* values = nullptr;
  T* differences = nullptr;  ///< null: nothing before has parameters
};

/// The bias of a convolution or dense layer that the next pass over its outputs will add.
struct PendingBias {
  std::string layer;
  const float* values = nullptr;
  float* gradient = nullptr;
};

/// How many rows one thread sums: so many take about as long as another stage would.
std::uint32_t chunk_of(std::uint32_t rows) {
  return std::min<std::uint32_t>(rows, 128);
}

bool is_activation(LayerKind kind) {
  return kind == LayerKind::kRelu || kind == LayerKind::kMaxPool || kind == LayerKind::kAveragePool ||
         kind == LayerKind::kDropout || kind == LayerKind::kFlatten;
}

void take_pool(const LayerSpec& pool, ActivationBlock& block) {
  block.pooling = pool.kind == LayerKind::kMaxPool ? Pooling::kMaximum : Pooling::kAverage;
  if (block.pooling == Pooling::kMaximum && pool.kernel[0] * pool.kernel[1] > UINT16_MAX + 1) {
    fail(Status::kModel,
         cat("layer '", pool.name,
             "': the GPU engine takes windows of up to 65536 cells: use a smaller kernel or device=cpu"));
  }
  for (const int d : {0, 1}) {
    block.kernel[d] = narrow(pool.kernel[d]);
    block.stride[d] = narrow(pool.stride[d]);
    block.padding[d] = narrow(pool.padding[d]);
  }
}

OptimizerTerms terms_of(const OptimizerSpec& optimizer) {
  return {.kind = optimizer.kind,
          .nesterov = optimizer.nesterov,
          .has_velocity = optimizer.momentum != 0,
          .momentum = static_cast<float>(optimizer.momentum),
          .weight_decay = static_cast<float>(optimizer.weight_decay),
          .rho = static_cast<float>(optimizer.rho),
          .beta1 = static_cast<float>(optimizer.beta1),
          .beta2 = static_cast<float>(optimizer.beta2),
          // Never zero: where there is neither gradient nor accumulator, as in what fills channels up, nothing moves.
          .epsilon = std::max(static_cast<float>(optimizer.epsilon), FLT_MIN)};
}

}  // namespace

void Call::enqueue(Device& device) const {
  if (const auto* kernel = std::get_if<Kernel>(&work)) return device.launch(*kernel);
  const auto& operate = std::get<Operate>(work);
  operate.operation->run(operate.a, operate.b, operate.result);
}

std::string Call::implementation() const {
  const auto* operate = std::get_if<Operate>(&work);
  return operate != nullptr ? operate->operation->description() : "own kernel";
}

/// Builds a plan whose activations are of type T. It walks through the layers once; each adds its calls forward and,
/// to a stack, those of the way back.
template <typename T>
class Plan::Builder {
 public:
  Builder(Plan& plan, Device& device, const EngineSpec& spec, const StoredLayout& layout,
          const std::vector<Extent>& extents, const PlanMemory& memory)
      : plan_(plan), device_(device), spec_(spec), layout_(layout), extents_(extents), memory_(memory) {}

  void build();

 private:
  using Calls = std::vector<Call>;

  void gather_images();
  std::size_t add_activations(std::size_t first);
  std::size_t collect(std::size_t first, ActivationBlock& block) const;
  [[nodiscard]] DropoutMask mask_of(std::size_t index) const;
  void add_layer(std::size_t index);
  void add_batch_norm(std::size_t index);
  void add_head();
  void add_update();

  Call convolution(std::size_t index, ConvolutionSpec::Pass pass, const void* a, const void* b, void* result);
  Call product(std::size_t index, const std::string& pass, ProductSpec spec, const void* a, const void* b,
               void* result);
  void add_forward(std::size_t index, void* result);
  void add_gradients(std::size_t index, const Edge<T>& input, const T* differences, Calls& back);
  void add_sums(const std::string& layer, const std::string& pass, const double* values, std::uint32_t rows,
                std::uint32_t columns, double* sums, Calls& calls);
  void add_bias_gradients();
  void forward_both(Call call);

  template <typename Value>
  Value* allocate(std::int64_t size);
  Edge<T> make_edge(const Extent& extent);

  [[nodiscard]] std::int64_t batch() const { return spec_.batch_size; }
  [[nodiscard]] const LayerSpec& layer(std::size_t index) const { return spec_.model.layers[index]; }
  [[nodiscard]] float* state(const std::string& name) const { return memory_.state + layout_.offset_of(name); }
  [[nodiscard]] float* gradient(const std::string& name) const { return memory_.gradients + layout_.offset_of(name); }
  /// What the operations read of a parameter.
  [[nodiscard]] const T* weights(const std::string& name) const {
    if constexpr (std::is_same_v<T, float>) {
      return state(name);
    } else {
      return memory_.rounded + layout_.offset_of(name);
    }
  }
  static constexpr Element kElement = std::is_same_v<T, float> ? Element::kFloat32 : Element::kBfloat16;

  Plan& plan_;
  Device& device_;
  const EngineSpec& spec_;
  const StoredLayout& layout_;
  const std::vector<Extent>& extents_;
  const PlanMemory& memory_;
  Edge<T> edge_;
  PendingBias bias_;
  std::vector<Calls> back_;                ///< the last pushed comes first
  std::vector<SumRows<float>> bias_sums_;  ///< that are still to be added up
};

template <typename T>
template <typename Value>
Value* Plan::Builder<T>::allocate(std::int64_t size) {
  plan_.buffers_.emplace_back(device_, static_cast<std::size_t>(size) * sizeof(Value));
  return reinterpret_cast<Value*>(plan_.buffers_.back().data());
}

template <typename T>
Edge<T> Plan::Builder<T>::make_edge(const Extent& extent) {
  const std::int64_t size = batch() * extent.size();
  return {extent, allocate<T>(size), allocate<T>(size)};
}

template <typename T>
void Plan::Builder<T>::forward_both(Call call) {
  plan_.inference_.push_back(call);
  plan_.training_.push_back(std::move(call));
}

template <typename T>
void Plan::Builder<T>::build() {
  const std::size_t last = spec_.model.layers.size() - 1;
  gather_images();
  for (std::size_t i = 0; i < last;) {
    const std::size_t behind = add_activations(i);
    if (behind == i) add_layer(i);
    i = std::max(behind, i + 1);
  }
  if (bias_.values != nullptr) add_activations(last);
  add_head();
  for (; !back_.empty(); back_.pop_back()) {
    std::move(back_.back().begin(), back_.back().end(), std::back_inserter(plan_.training_));
  }
  add_bias_gradients();
  add_update();
}

template <typename T>
void Plan::Builder<T>::gather_images() {
  edge_ = {extents_.front(), allocate<T>(batch() * extents_.front().size()), nullptr};
  const Shape3& image = edge_.extent.image;
  forward_both({"input", "forward",
                Gather<T>{memory_.table, narrow(image.channels), narrow(image.height), narrow(image.width),
                          narrow(edge_.extent.pitch), edge_.values}});
}

/// Takes as many layers from `first` on into the block as it holds; returns the first that is not in it.
template <typename T>
std::size_t Plan::Builder<T>::collect(std::size_t first, ActivationBlock& block) const {
  std::size_t i = first;
  bool has_dropout = false;
  for (; is_activation(layer(i).kind); ++i) {
    const LayerSpec& next = layer(i);
    if (next.kind == LayerKind::kFlatten) continue;
    if (has_dropout) break;
    if (next.kind == LayerKind::kRelu) {
      (block.pooling == Pooling::kNone ? block.relu_before : block.relu_after) = true;
    } else if (next.kind == LayerKind::kDropout) {
      has_dropout = true;
      block.dropout = mask_of(i);
    } else {
      if (block.pooling != Pooling::kNone) break;
      take_pool(next, block);
    }
  }
  block.output_rows = narrow(extents_[i].image.height);
  block.output_columns = narrow(extents_[i].image.width);
  return i;
}

template <typename T>
DropoutMask Plan::Builder<T>::mask_of(std::size_t index) const {
  const Extent& extent = extents_[index];
  return {.seed = spec_.seed,
          .layer = static_cast<std::uint32_t>(index),
          .threshold = dropout_threshold(layer(index).rate),
          .scale = dropout_scale(layer(index).rate),
          .channels = narrow(extent.image.channels),
          .pixels = narrow(extent.places()),
          .flat = extent.flat};
}

/// One pass for the layers from `first` on that it can take, and for the bias that is pending; returns the first layer
/// that is not in it.
template <typename T>
std::size_t Plan::Builder<T>::add_activations(std::size_t first) {
  const Edge<T> input = edge_;
  const PendingBias bias = std::exchange(bias_, {});
  ActivationBlock block{.images = narrow(batch()),
                        .rows = narrow(input.extent.image.height),
                        .columns = narrow(input.extent.image.width),
                        .pitch = narrow(input.extent.pitch),
                        .output_rows = 0,
                        .output_columns = 0};
  const std::size_t behind = collect(first, block);
  if (block.pooling != Pooling::kNone) edge_ = make_edge(extents_[behind]);
  if (input.differences == nullptr) edge_.differences = nullptr;
  edge_.extent = extents_[behind];
  if (block.is_identity() && bias.values == nullptr) return behind;

  const std::string& name = bias.values != nullptr ? bias.layer : layer(first).name;
  const bool has_winners = block.pooling == Pooling::kMaximum && input.differences != nullptr;
  auto* winners = has_winners ? allocate<std::uint16_t>(batch() * edge_.extent.size()) : nullptr;
  ActivationForward<T> forward = {memory_.table, block, input.values, bias.values, edge_.values, winners};
  plan_.training_.push_back({name, "forward", forward});
  forward.block.dropout = {};
  forward.winners = nullptr;
  // A dropout alone changes nothing there.
  if (!forward.block.is_identity() || bias.values != nullptr) plan_.inference_.push_back({name, "forward", forward});

  if (input.differences == nullptr) return behind;
  ActivationBackward<T> backward = {memory_.table, block,   input.values,      bias.values,
                                    edge_.values,  winners, edge_.differences, input.differences,
                                    nullptr};
  if (bias.values != nullptr) {
    backward.sums = allocate<float>(std::int64_t{backward.chunks()} * block.pitch);
    bias_sums_.push_back({backward.sums, backward.chunks(), block.pitch, 0, bias.gradient});
  }
  back_.push_back({{name, "backward_data", backward}});
  return behind;
}

/// The sum of all rows, in as many stages as it takes for none to be long.
template <typename T>
void Plan::Builder<T>::add_sums(const std::string& layer, const std::string& pass, const double* values,
                                std::uint32_t rows, std::uint32_t columns, double* sums, Calls& calls) {
  SumRows<double> stage = {values, rows, columns, chunk_of(rows), sums};
  const bool is_last = stage.chunks() == 1;
  if (!is_last) stage.sums = allocate<double>(std::int64_t{stage.chunks()} * columns);
  calls.push_back({layer, pass, stage});
  if (!is_last) add_sums(layer, pass, stage.sums, stage.chunks(), columns, sums, calls);
}

/// The same for the biases of all layers, which nobody asks for before the update: a stage of all is one launch.
template <typename T>
void Plan::Builder<T>::add_bias_gradients() {
  while (!bias_sums_.empty()) {
    SumRowsOfSeveral stage{};
    std::vector<SumRows<float>> left;
    for (const SumRows<float>& sum : std::exchange(bias_sums_, {})) {
      if (stage.count == SumRowsOfSeveral::kMost) {
        bias_sums_.push_back(sum);
        continue;
      }
      SumRows<float> part = sum;
      part.chunk = chunk_of(sum.rows);
      if (part.chunks() > 1) {
        part.sums = allocate<float>(std::int64_t{part.chunks()} * sum.columns);
        left.push_back({part.sums, part.chunks(), sum.columns, 0, sum.sums});
      }
      stage.add(part);
    }
    bias_sums_.insert(bias_sums_.end(), left.begin(), left.end());
    plan_.training_.push_back({"parameters", "backward_weights", stage});
  }
}

template <typename T>
Call Plan::Builder<T>::convolution(std::size_t index, ConvolutionSpec::Pass pass, const void* a, const void* b,
                                   void* result) {
  const LayerSpec& spec = layer(index);
  const Extent &input = extents_[index], &output = extents_[index + 1];
  ConvolutionSpec convolution = {.pass = pass,
                                 .element = kElement,
                                 .tf32 = spec_.precision == Precision::kTf32,
                                 .images = batch(),
                                 .channels = input.pitch,
                                 .rows = input.image.height,
                                 .columns = input.image.width,
                                 .filters = output.pitch,
                                 .output_rows = output.image.height,
                                 .output_columns = output.image.width};
  std::copy_n(spec.kernel, 2, convolution.kernel);
  std::copy_n(spec.stride, 2, convolution.stride);
  std::copy_n(spec.padding, 4, convolution.padding);
  plan_.operations_.push_back(device_.plan(convolution));
  const char* name = pass == ConvolutionSpec::Pass::kForward         ? "forward"
                     : pass == ConvolutionSpec::Pass::kInputGradient ? "backward_data"
                                                                     : "backward_weights";
  return {spec.name, name, Call::Operate{plan_.operations_.back().get(), a, b, result}};
}

template <typename T>
Call Plan::Builder<T>::product(std::size_t index, const std::string& pass, ProductSpec spec, const void* a,
                               const void* b, void* result) {
  spec.element = kElement;
  spec.tf32 = spec_.precision == Precision::kTf32;
  plan_.operations_.push_back(device_.plan(spec));
  return {layer(index).name, pass, Call::Operate{plan_.operations_.back().get(), a, b, result}};
}

/// A convolution's or dense layer's outputs without their bias. Logits are float32 always.
template <typename T>
void Plan::Builder<T>::add_forward(std::size_t index, void* result) {
  const T* weight = weights(layer(index).name + ".weight");
  if (layer(index).kind == LayerKind::kConv2d) {
    return forward_both(convolution(index, ConvolutionSpec::Pass::kForward, edge_.values, weight, result));
  }
  const bool is_head = index + 1 == spec_.model.layers.size();
  const ProductSpec spec = {.result = is_head ? Element::kFloat32 : kElement,
                            .m = batch(),
                            .n = extents_[index + 1].pitch,
                            .k = edge_.extent.size(),
                            .transposed_b = true};
  forward_both(product(index, "forward", spec, edge_.values, weight, result));
}

/// The way back through the same: gradients of the weights, and the input's differences where they are wanted.
template <typename T>
void Plan::Builder<T>::add_gradients(std::size_t index, const Edge<T>& input, const T* differences, Calls& back) {
  const T* weight = weights(layer(index).name + ".weight");
  float* weight_gradient = gradient(layer(index).name + ".weight");
  if (layer(index).kind == LayerKind::kConv2d) {
    using Pass = ConvolutionSpec::Pass;
    back.push_back(convolution(index, Pass::kFilterGradient, input.values, differences, weight_gradient));
    if (input.differences != nullptr) {
      back.push_back(convolution(index, Pass::kInputGradient, differences, weight, input.differences));
    }
    return;
  }
  const std::int64_t units = extents_[index + 1].pitch, inputs = input.extent.size();
  back.push_back(product(index, "backward_weights", {.m = units, .n = inputs, .k = batch(), .transposed_a = true},
                         differences, input.values, weight_gradient));
  if (input.differences != nullptr) {
    back.push_back(product(index, "backward_data", {.result = kElement, .m = batch(), .n = inputs, .k = units},
                           differences, weight, input.differences));
  }
}

template <typename T>
void Plan::Builder<T>::add_layer(std::size_t index) {
  if (layer(index).kind == LayerKind::kBatchNorm) return add_batch_norm(index);
  const Edge<T> input = edge_, output = make_edge(extents_[index + 1]);
  add_forward(index, output.values);
  add_gradients(index, input, output.differences, back_.emplace_back());
  edge_ = output;
  const std::string& name = layer(index).name;
  bias_ = {name, state(name + ".bias"), gradient(name + ".bias")};
}

template <typename T>
void Plan::Builder<T>::add_batch_norm(std::size_t index) {
  const LayerSpec& spec = layer(index);
  const std::string& name = spec.name;
  const Edge<T> input = edge_, output = make_edge(extents_[index + 1]);
  const FeatureRows shape = {narrow(batch()), narrow(input.extent.feature_places()), narrow(input.extent.features())};
  const std::int64_t features = shape.features;
  const Moments moments = {allocate<float>(features), allocate<float>(features)};
  auto* chunks = allocate<double>(std::int64_t{shape.chunks()} * 2 * features);
  auto* sums = allocate<double>(2 * features);
  const float* scale = state(name + ".scale");
  float *mean = state(name + ".running_mean"), *variance = state(name + ".running_variance");

  Calls& training = plan_.training_;
  training.push_back({name, "forward", BatchNormSums<T>{memory_.table, shape, input.values, chunks}});
  add_sums(name, "forward", chunks, shape.chunks(), 2 * shape.features, sums, training);
  training.push_back(
      {name, "forward",
       BatchNormMoments{memory_.table, shape, sums, spec.momentum, spec.epsilon, moments, mean, variance}});
  plan_.inference_.push_back({name, "forward", RunningMoments{shape.features, spec.epsilon, moments, mean, variance}});
  forward_both({name, "forward",
                BatchNormForward<T>{shape, input.values, moments, scale, state(name + ".shift"), output.values}});

  Calls& back = back_.emplace_back();
  float *scale_gradient = gradient(name + ".scale"), *shift_gradient = gradient(name + ".shift");
  back.push_back(
      {name, "backward_weights", BatchNormGradientSums<T>{shape, input.values, output.differences, moments, chunks}});
  add_sums(name, "backward_weights", chunks, shape.chunks(), 2 * shape.features, sums, back);
  back.push_back({name, "backward_weights", BatchNormGradients{shape.features, sums, shift_gradient, scale_gradient}});
  if (input.differences != nullptr) {
    back.push_back({name, "backward_data",
                    BatchNormBackward<T>{memory_.table, shape, input.values, output.differences, moments, scale,
                                         shift_gradient, scale_gradient, input.differences}});
  }
  edge_ = output;
}

/// The last dense layer, whose bias the softmax adds.
template <typename T>
void Plan::Builder<T>::add_head() {
  const std::size_t index = spec_.model.layers.size() - 1;
  const std::string& name = layer(index).name;
  const std::uint32_t pitch = narrow(extents_.back().pitch), classes = narrow(spec_.model.classes);
  auto* logits = allocate<float>(batch() * pitch);
  auto* differences = allocate<T>(batch() * pitch);
  const float* bias = state(name + ".bias");
  const Edge<T> input = edge_;
  add_forward(index, logits);
  plan_.training_.push_back({"softmax", "forward",
                             SoftmaxTraining<T>{memory_.table, logits, bias, classes, pitch, differences,
                                                plan_.losses_.data(), plan_.hits_.data()}});
  plan_.inference_.push_back({"softmax", "forward",
                              SoftmaxInference{memory_.table, logits, bias, classes, pitch, plan_.probabilities_.data(),
                                               plan_.losses_.data(), plan_.hits_.data()}});
  Calls& back = back_.emplace_back();
  float* bias_gradient = gradient(name + ".bias");
  if constexpr (std::is_same_v<T, float>) {
    bias_sums_.push_back({differences, narrow(batch()), pitch, 0, bias_gradient});
  } else {
    SumRows<T> sums = {differences, narrow(batch()), pitch, chunk_of(narrow(batch())), nullptr};
    sums.sums = allocate<float>(std::int64_t{sums.chunks()} * pitch);
    back.push_back({name, "backward_weights", sums});
    bias_sums_.push_back({sums.sums, sums.chunks(), pitch, 0, bias_gradient});
  }
  add_gradients(index, input, differences, back);
}

template <typename T>
void Plan::Builder<T>::add_update() {
  const auto accumulator = [&](std::size_t kind) {
    return kind < layout_.accumulators() ? memory_.state + layout_.accumulator_offset(kind) : nullptr;
  };
  Update update = {memory_.table,  terms_of(spec_.optimizer), layout_.parameters_size() / kLanes,
                   memory_.state,  memory_.gradients,         accumulator(0),
                   accumulator(1), memory_.rounded,           nullptr};
  const auto threads = static_cast<std::uint32_t>(update.threads());
  update.squares = allocate<double>(threads);
  constexpr auto kRow = static_cast<std::uint32_t>(Update::kRow);
  const SumRows<double> rows = {update.squares, threads / kRow, kRow, threads / kRow, allocate<double>(kRow)};
  const SumStep parts = {kRow,
                         narrow(batch()),
                         rows.sums,
                         plan_.losses_.data(),
                         plan_.hits_.data(),
                         allocate<StepResult>(SumStep::kParts)};
  plan_.training_.push_back({"parameters", "update", update});
  plan_.training_.push_back({"parameters", "update", rows});
  plan_.training_.push_back({"parameters", "update", parts});
  plan_.training_.push_back({"parameters", "update", FinishStep{parts.parts, memory_.results, memory_.cursor}});
}

Plan::Plan(Device& device, const EngineSpec& spec, const StoredLayout& layout, const std::vector<Extent>& extents,
           const PlanMemory& memory) {
  const auto batch = static_cast<std::size_t>(spec.batch_size);
  for (const Extent& extent : extents) {
    // Our kernels count values in 32 bits.
    if (extent.size() > UINT32_MAX / spec.batch_size) {
      fail(Status::kModel, cat("model '", spec.model.name, "': a layer of ", extent.size(), " values a sample and a ",
                               "batch of ", batch, " are too many for the GPU engine: reduce batch_size"));
    }
  }
  losses_ = {device, batch};
  hits_ = {device, batch};
  probabilities_ = {device, batch * static_cast<std::size_t>(spec.model.classes)};
  if (spec.precision == Precision::kBfloat16) {
    Builder<Bfloat16>(*this, device, spec, layout, extents, memory).build();
  } else {
    Builder<float>(*this, device, spec, layout, extents, memory).build();
  }
}

}  // namespace spot::cuda
