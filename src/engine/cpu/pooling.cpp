#include "engine/cpu/pooling.h"

namespace spot {

PoolingOperator::PoolingOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output)
    : Operator(layer.name), input_(input), output_(output) {
  const bool is_max = layer.kind == LayerKind::kMaxPool;
  const auto algorithm = is_max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  const onednn::Dims kernel = {layer.kernel[0], layer.kernel[1]};
  const onednn::Window window = {
      {layer.stride[0], layer.stride[1]}, {layer.padding[0], layer.padding[1]}, {layer.padding[2], layer.padding[3]}};
  const auto describe = [&](dnnl::prop_kind kind) {
    return onednn::pooling_forward(context.engine, kind, algorithm, input.image_desc(), output.image_desc(), kernel,
                                   window);
  };
  const auto infer = describe(dnnl::prop_kind::forward_inference);
  infer_ = Primitive(dnnl::pooling_forward(infer), infer, context.engine, context.slots,
                     {{DNNL_ARG_SRC, infer.src_desc()}, {DNNL_ARG_DST, infer.dst_desc()}});
  if (!input.has_difference()) return;

  const auto train = describe(dnnl::prop_kind::forward_training);
  const auto backward = onednn::pooling_backward(context.engine, algorithm, input.image_desc(), output.image_desc(),
                                                 kernel, window, train);
  const onednn::Desc workspace = train.workspace_desc();
  for (int slot = 0; slot < context.slots; ++slot) workspaces_.emplace_back(workspace.get_size());
  train_ =
      Primitive(dnnl::pooling_forward(train), train, context.engine, context.slots,
                {{DNNL_ARG_SRC, train.src_desc()}, {DNNL_ARG_DST, train.dst_desc()}, {DNNL_ARG_WORKSPACE, workspace}});
  backward_ = Primitive(dnnl::pooling_backward(backward), backward, context.engine, context.slots,
                        {{DNNL_ARG_DIFF_SRC, backward.diff_src_desc()},
                         {DNNL_ARG_DIFF_DST, backward.diff_dst_desc()},
                         {DNNL_ARG_WORKSPACE, workspace}});
}

std::string PoolingOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return infer_.implementation();
  return pass == "backward_data" && backward_ ? backward_.implementation() : "";
}

void PoolingOperator::forward(const ShardTask& task, bool training) {
  if (!training || !train_) {
    infer_.run(task.slot, {{DNNL_ARG_SRC, input_.value(task)}, {DNNL_ARG_DST, output_.value(task)}});
    return;
  }
  train_.run(task.slot, {{DNNL_ARG_SRC, input_.value(task)},
                         {DNNL_ARG_DST, output_.value(task)},
                         {DNNL_ARG_WORKSPACE, workspaces_[static_cast<std::size_t>(task.slot)].data()}});
}

void PoolingOperator::backward_data(const ShardTask& task) {
  if (!backward_) return;
  backward_.run(task.slot, {{DNNL_ARG_DIFF_SRC, input_.difference(task)},
                            {DNNL_ARG_DIFF_DST, output_.difference(task)},
                            {DNNL_ARG_WORKSPACE, workspaces_[static_cast<std::size_t>(task.slot)].data()}});
}

}  // namespace spot
