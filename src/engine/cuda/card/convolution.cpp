#include "engine/cuda/card/convolution.h"

#include <array>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/alignment.h"
#include "engine/cuda/card/convolution_plan.h"
#include "engine/cuda/card/convolution_shape.h"
#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/grown_filters.h"
#include "engine/cuda/card/launch.h"

namespace spot::cuda {
namespace {

using Pass = ConvolutionSpec::Pass;

std::size_t filter_size(const ConvolutionSpec& spec) {
  return static_cast<std::size_t>(spec.filters * spec.kernel[0] * spec.kernel[1] * spec.channels);
}

class ConvolutionOperation final : public Operation {
 public:
  ConvolutionOperation(const Context& context, const ConvolutionSpec& spec)
      : ConvolutionOperation(context, spec, symmetric(spec)) {}

  void run(const void* a, const void* b, void* result) override;
  [[nodiscard]] std::string description() const override;

 private:
  ConvolutionOperation(const Context& context, const ConvolutionSpec& spec, const SymmetricConvolution& planned);
  void execute(const void* image, const void* filters, const void* output) const;
  void run_filter_gradient(const void* image, const void* output, float* result) const;

  const Context& context_;
  Pass pass_;
  std::size_t filter_size_;  ///< elements of the planned filters
  ConvolutionPlan plan_;
  CardMemory workspace_;
  CardMemory rounded_;                 ///< the filter gradient in bfloat16, where the plan leaves that
  std::optional<GrownFilters> grown_;  ///< where the paddings differ
};

ConvolutionOperation::ConvolutionOperation(const Context& context, const ConvolutionSpec& spec,
                                           const SymmetricConvolution& planned)
    : context_(context),
      pass_(spec.pass),
      filter_size_(filter_size(planned.spec)),
      plan_(plan_engine({.handle = context.cudnn()}, planned.spec)),
      workspace_(allocate_zeroed(static_cast<std::size_t>(plan_.workspace))),
      rounded_(allocate_zeroed(plan_.rounded ? filter_size_ * sizeof(std::uint16_t) : 0)) {
  const Element filter_element = pass_ == Pass::kFilterGradient ? Element::kFloat32 : spec.element;
  if (filter_size_ != filter_size(spec)) grown_.emplace(spec, planned, filter_element);
}

std::string ConvolutionOperation::description() const {
  return cat(plan_.description, rounded_ ? ", rounded to bfloat16" : "", grown_ ? ", filters grown" : "");
}

void ConvolutionOperation::execute(const void* image, const void* filters, const void* output) const {
  // cuDNN takes all pointers alike, and writes through one of them.
  const std::array<void*, 3> pointers = {const_cast<void*>(image), const_cast<void*>(filters),
                                         const_cast<void*>(output)};
  const std::array<void*, 1> workspace = {workspace_.get()};
  Descriptor variant(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  variant.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ConvolutionPlan::kTensors);
  variant.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers);
  variant.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  variant.finalize();
  check(cudnnBackendExecute(context_.cudnn(), plan_.execution.get(), variant.get()), "cudnnBackendExecute");
}

void ConvolutionOperation::run(const void* a, const void* b, void* result) {
  const OnDevice on_device(context_.device());
  check_aligned({a, b, result});
  if (pass_ == Pass::kFilterGradient) return run_filter_gradient(a, b, static_cast<float*>(result));
  if (grown_) grown_->take(b, context_.compute());
  const void* filters = grown_ ? grown_->data() : b;
  if (pass_ == Pass::kForward) {
    execute(a, filters, result);
  } else {
    execute(result, filters, a);
  }
}

void ConvolutionOperation::run_filter_gradient(const void* image, const void* output, float* result) const {
  float* whole = grown_ ? static_cast<float*>(grown_->data()) : result;
  execute(image, rounded_ ? rounded_.get() : whole, output);
  if (rounded_) launch_widen(rounded_.get(), whole, filter_size_, context_.compute());
  if (grown_) grown_->give(result, context_.compute());
}

}  // namespace

std::unique_ptr<Operation> plan_convolution(const Context& context, const ConvolutionSpec& spec) {
  try {
    return std::make_unique<ConvolutionOperation>(context, spec);
  } catch (const Error& error) {
    fail(error.status(), cat(describe(spec), ": ", error.what()));
  }
}

}  // namespace spot::cuda
