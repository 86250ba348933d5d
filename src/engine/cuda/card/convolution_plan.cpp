#include "engine/cuda/card/convolution_plan.h"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/alignment.h"
#include "engine/cuda/card/convolution_shape.h"

namespace spot::cuda {
namespace {

using Pass = ConvolutionSpec::Pass;

constexpr std::int64_t kMostWorkspace = std::int64_t{1} << 30;

cudnnDataType_t data_type(Element element) {
  return element == Element::kFloat32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
}

Descriptor tensor(std::int64_t id, const TensorShape& shape, Element element) {
  Descriptor descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  descriptor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(element));
  descriptor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{kAlignment});
  descriptor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape.extents);
  descriptor.set(CUDNN_ATTR_TENSOR_STRIDES, shape.strides);
  descriptor.finalize();
  return descriptor;
}

Descriptor convolution(const ConvolutionSpec& spec) {
  constexpr std::array<std::int64_t, 2> kNoDilation = {1, 1};
  Descriptor descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
  descriptor.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span(spec.padding).first<2>());
  descriptor.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span(spec.padding).last<2>());
  descriptor.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, kNoDilation);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, spec.stride);
  descriptor.finalize();
  return descriptor;
}

/// One pass's operation and what its attributes are called.
struct OperationNames {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t convolution, image, filters, output, alpha, beta;
};

OperationNames names_of(Pass pass) {
  switch (pass) {
    case Pass::kForward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case Pass::kInputGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Pass::kFilterGradient: break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

/// The graph of the one operation.
Descriptor operation_graph(const PlanningTarget& target, const ConvolutionSpec& spec, Element filter_element) {
  const OperationNames names = names_of(spec.pass);
  const auto [image, filters, output] = ConvolutionPlan::kTensors;
  Descriptor operation(names.operation);
  operation.set(names.convolution, convolution(spec));
  operation.set(names.image, tensor(image, image_shape(spec), spec.element));
  operation.set(names.filters, tensor(filters, filter_shape(spec), filter_element));
  operation.set(names.output, tensor(output, output_shape(spec), spec.element));
  operation.set(names.alpha, 1.0F);
  operation.set(names.beta, 0.0F);
  operation.finalize();
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle != nullptr) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  graph.finalize();
  return graph;
}

/// What cuDNN suggests, best first; nothing where it has nothing for this graph.
std::vector<Descriptor> suggestions(const PlanningTarget& target, const Descriptor& graph,
                                    cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (target.properties != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
  if (!heuristics.finalizes()) return {};
  return heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                                heuristics.count(CUDNN_ATTR_ENGINEHEUR_RESULTS));
}

Descriptor engine_of(const Descriptor& configuration) {
  std::vector<Descriptor> engines =
      configuration.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  return std::move(engines.at(0));
}

std::string describe_choice(const Descriptor& configuration, const Descriptor& engine) {
  std::string text = cat("cudnn engine ", engine.integer(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
  const char* separator = ", knobs ";
  for (const Descriptor& knob : configuration.descriptors(
           CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    text += cat(separator, static_cast<int>(knob.knob_type()), "=", knob.integer(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
    separator = " ";
  }
  return text;
}

/// How many of the suggested engines were not taken, and why.
struct Refusals {
  int inexact = 0, unsupported = 0, large = 0;
};

std::optional<ConvolutionPlan> first_plan(const PlanningTarget& target, const ConvolutionSpec& spec,
                                          Element filter_element, Refusals& refusals) {
  const bool tensor_cores = spec.tf32 || spec.element == Element::kBfloat16;
  const Descriptor graph = operation_graph(target, spec, filter_element);
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& configuration : suggestions(target, graph, mode)) {
      const Descriptor engine = engine_of(configuration);
      if (!permits(engine.numerical_notes(), tensor_cores)) {
        ++refusals.inexact;
        continue;
      }
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      if (target.handle != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      if (!plan.finalizes()) {
        ++refusals.unsupported;
        continue;
      }
      const std::int64_t workspace = plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
      if (workspace > kMostWorkspace) {
        ++refusals.large;
        continue;
      }
      return ConvolutionPlan{std::move(plan), workspace, false, describe_choice(configuration, engine)};
    }
  }
  return std::nullopt;
}

}  // namespace

ConvolutionPlan plan_engine(const PlanningTarget& target, const ConvolutionSpec& spec) {
  const bool gradient = spec.pass == Pass::kFilterGradient;
  Refusals refusals;
  auto plan = first_plan(target, spec, gradient ? Element::kFloat32 : spec.element, refusals);
  if (!plan && gradient && spec.element == Element::kBfloat16) {
    plan = first_plan(target, spec, Element::kBfloat16, refusals);
    if (plan) plan->rounded = true;
  }
  if (!plan) {
    fail(Status::kUnsupported,
         cat("none of cuDNN's engines will do: ", refusals.inexact, " are not deterministic or less exact than asked, ",
             refusals.unsupported, " cannot compute this here, ", refusals.large,
             " want more than 1 GiB; choose another precision or shape of the layer, or device cpu"));
  }
  return std::move(*plan);
}

}  // namespace spot::cuda
