#include "engine/cuda/card/product.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/alignment.h"
#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/product_layout.h"

namespace spot::cuda {
namespace {

using ProductHandle = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LayoutHandle = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using PreferenceHandle = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

constexpr std::uint64_t kMostWorkspace = 32 << 20;  // what cuBLAS recommends for Hopper

cudaDataType_t data_type(Element element) {
  return element == Element::kFloat32 ? CUDA_R_32F : CUDA_R_16BF;
}

/// Products of float32 are taken in float32 unless TF32 is asked for: cublasLt never chooses it by itself.
cublasComputeType_t compute_type(const ProductSpec& spec) {
  return spec.element == Element::kFloat32 && spec.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

ProductHandle make_product(const ProductSpec& spec, const ColumnMajorProduct& matrices) {
  cublasLtMatmulDesc_t handle = nullptr;
  check(cublasLtMatmulDescCreate(&handle, compute_type(spec), CUDA_R_32F), "cublasLtMatmulDescCreate");
  ProductHandle product(handle);
  const auto transpose = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLtMatmulDescSetAttribute(handle, attribute, &operation, sizeof operation),
          "cublasLtMatmulDescSetAttribute");
  };
  transpose(CUBLASLT_MATMUL_DESC_TRANSA, matrices.left.transposed);
  transpose(CUBLASLT_MATMUL_DESC_TRANSB, matrices.right.transposed);
  return product;
}

LayoutHandle make_layout(const ColumnMajor& matrix, Element element) {
  cublasLtMatrixLayout_t handle = nullptr;
  check(cublasLtMatrixLayoutCreate(&handle, data_type(element), static_cast<std::uint64_t>(matrix.rows),
                                   static_cast<std::uint64_t>(matrix.columns), matrix.rows),
        "cublasLtMatrixLayoutCreate");
  return LayoutHandle(handle);
}

PreferenceHandle make_preference() {
  cublasLtMatmulPreference_t handle = nullptr;
  check(cublasLtMatmulPreferenceCreate(&handle), "cublasLtMatmulPreferenceCreate");
  PreferenceHandle preference(handle);
  const auto set = [handle](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(handle, attribute, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  // A sum may be split, if its parts are added in float32 and in a step of its own: in order. In place they would be
  // added as they come.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(attribute, static_cast<std::uint32_t>(kAlignment));
  }
  return preference;
}

template <typename Value>
Value configured(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute) {
  Value value{};
  std::size_t written = 0;
  check(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof value, &written),
        "cublasLtMatmulAlgoConfigGetAttribute");
  return value;
}

std::string describe(const ProductSpec& spec) {
  return cat("a product of ", spec.m, " x ", spec.k, spec.transposed_a ? " (transposed)" : "", " and ", spec.k, " x ",
             spec.n, spec.transposed_b ? " (transposed)" : "", " in ",
             spec.element == Element::kBfloat16 ? "bf16" : (spec.tf32 ? "tf32" : "fp32"));
}

class ProductOperation final : public Operation {
 public:
  ProductOperation(Context& context, const ProductSpec& spec) : ProductOperation(context, spec, column_major(spec)) {}

  void run(const void* a, const void* b, void* result) override;
  [[nodiscard]] std::string description() const override;

 private:
  ProductOperation(Context& context, const ProductSpec& spec, const ColumnMajorProduct& matrices);
  void choose_algorithm();

  const Context& context_;
  ProductHandle product_;
  LayoutHandle left_, right_, result_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_size_ = 0;
  std::shared_ptr<void> workspace_;
};

ProductOperation::ProductOperation(Context& context, const ProductSpec& spec, const ColumnMajorProduct& matrices)
    : context_(context),
      product_(make_product(spec, matrices)),
      left_(make_layout(matrices.left, spec.element)),
      right_(make_layout(matrices.right, spec.element)),
      result_(make_layout(matrices.result, spec.result)) {
  choose_algorithm();
  workspace_ = context.workspace(workspace_size_);
}

void ProductOperation::choose_algorithm() {
  const PreferenceHandle preference = make_preference();
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  check(cublasLtMatmulAlgoGetHeuristic(context_.cublas(), product_.get(), left_.get(), right_.get(), result_.get(),
                                       result_.get(), preference.get(), 1, &best, &found),
        "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) fail(Status::kUnsupported, "cublasLt has no deterministic algorithm for it");
  check(best.state, "cublasLtMatmulAlgoGetHeuristic");
  algorithm_ = best.algo;
  workspace_size_ = best.workspaceSize;
}

void ProductOperation::run(const void* a, const void* b, void* result) {
  const OnDevice on_device(context_.device());
  check_aligned({a, b, result});
  constexpr float kOne = 1;
  constexpr float kZero = 0;
  check(cublasLtMatmul(context_.cublas(), product_.get(), &kOne, b, left_.get(), a, right_.get(), &kZero, result,
                       result_.get(), result, result_.get(), &algorithm_, workspace_.get(), workspace_size_,
                       context_.compute()),
        "cublasLtMatmul");
}

std::string ProductOperation::description() const {
  return cat("cublaslt algorithm ", configured<std::int32_t>(algorithm_, CUBLASLT_ALGO_CONFIG_ID), ", tile ",
             configured<std::uint32_t>(algorithm_, CUBLASLT_ALGO_CONFIG_TILE_ID), ", split ",
             configured<std::int32_t>(algorithm_, CUBLASLT_ALGO_CONFIG_SPLITK_NUM));
}

}  // namespace

std::unique_ptr<Operation> plan_product(Context& context, const ProductSpec& spec) {
  try {
    return std::make_unique<ProductOperation>(context, spec);
  } catch (const Error& error) {
    fail(error.status(), cat(describe(spec), ": ", error.what()));
  }
}

}  // namespace spot::cuda
