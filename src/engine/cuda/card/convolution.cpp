#include "engine/cuda/card/convolution.h"

#include <array>
#include <string>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/alignment.h"
#include "engine/cuda/card/convolution_plan.h"
#include "engine/cuda/card/convolution_shape.h"
#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/launch.h"

namespace spot::cuda {
namespace {

using Pass = ConvolutionSpec::Pass;

class ConvolutionOperation final : public Operation {
 public:
  ConvolutionOperation(Context& context, const ConvolutionSpec& spec)
      : ConvolutionOperation(context, spec, symmetric(spec)) {}

  void run(const void* a, const void* b, void* result) override;
  [[nodiscard]] std::string description() const override;

 private:
  ConvolutionOperation(Context& context, const ConvolutionSpec& spec, const SymmetricConvolution& planned);
  void execute(const void* image, const void* filters, const void* output) const;
  /// The filters as the plan takes them.
  [[nodiscard]] const void* planned_filters(const void* filters) const;
  void run_filter_gradient(const void* image, const void* output, float* result) const;

  const Context& context_;
  Pass pass_;
  Element element_;
  FilterWindow window_;  ///< of the filters in the planned ones
  ConvolutionPlan plan_;
  std::shared_ptr<void> workspace_;
  CardMemory rounded_;  ///< the filter gradient in bfloat16, where the plan leaves that
  CardMemory grown_;    ///< the planned filters or their gradient, where they are larger than the given ones
};

ConvolutionOperation::ConvolutionOperation(Context& context, const ConvolutionSpec& spec,
                                           const SymmetricConvolution& planned)
    : context_(context),
      pass_(spec.pass),
      element_(spec.element),
      window_(filter_window(spec, planned)),
      plan_(plan_engine({.handle = context.cudnn()}, planned.spec)),
      workspace_(context.workspace(static_cast<std::size_t>(plan_.workspace))) {
  if (plan_.rounded) rounded_ = allocate_zeroed(window_.grown_size() * sizeof(std::uint16_t));
  if (window_.grown_size() != window_.size()) grown_ = allocate_zeroed(window_.grown_size() * sizeof(float));
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
  switch (pass_) {
    case Pass::kForward: return execute(a, planned_filters(b), result);
    case Pass::kInputGradient: return execute(result, planned_filters(b), a);
    case Pass::kFilterGradient: return run_filter_gradient(a, b, static_cast<float*>(result));
  }
}

const void* ConvolutionOperation::planned_filters(const void* filters) const {
  if (!grown_) return filters;
  if (element_ == Element::kFloat32) {
    launch(Grow<float>{window_, static_cast<const float*>(filters), static_cast<float*>(grown_.get())},
           context_.compute());
  } else {
    launch(Grow<std::uint16_t>{window_, static_cast<const std::uint16_t*>(filters),
                               static_cast<std::uint16_t*>(grown_.get())},
           context_.compute());
  }
  return grown_.get();
}

void ConvolutionOperation::run_filter_gradient(const void* image, const void* output, float* result) const {
  float* whole = grown_ ? static_cast<float*>(grown_.get()) : result;
  execute(image, rounded_ ? rounded_.get() : whole, output);
  if (rounded_) {
    launch(Widen{static_cast<const std::uint16_t*>(rounded_.get()), whole, window_.grown_size()}, context_.compute());
  }
  if (grown_) launch(Crop{window_, whole, result}, context_.compute());
}

}  // namespace

std::unique_ptr<Operation> plan_convolution(Context& context, const ConvolutionSpec& spec) {
  try {
    return std::make_unique<ConvolutionOperation>(context, spec);
  } catch (const Error& error) {
    fail(error.status(), cat(describe(spec), ": ", error.what()));
  }
}

}  // namespace spot::cuda
