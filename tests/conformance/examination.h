#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "conformance/conformance.h"
#include "support/small_problem.h"

namespace spot::conformance {

/// What rounding may do, by precision.
struct Tolerances {
  double forward;     ///< of probabilities (absolute) and losses (relative)
  double gradients;   ///< of a gradient tensor in the Euclidean norm, where all layers are smooth
  double decided;     ///< likewise behind a ReLU or a maximum, which a rounding error may turn to the other side
  double five_steps;  ///< of what five steps of a preset model change, all parameters together
};

/// One examination under way.
class Examination {
 public:
  Examination(const Subject& subject, const Subject& oracle, const Report& report)
      : subject_(subject), oracle_(oracle), report_(report) {}

  [[nodiscard]] std::unique_ptr<Engine> subject(EngineSpec spec) const;
  [[nodiscard]] std::unique_ptr<Engine> oracle(const EngineSpec& spec) const { return oracle_.create(spec); }
  [[nodiscard]] const Tolerances& tolerances() const;
  [[nodiscard]] std::uint32_t preset_batch() const { return subject_.preset_batch; }

  void expect(const std::string& property, const std::string& object, double measured, double allowed);
  /// Bit for bit.
  void expect_same(const std::string& property, const std::string& object, std::span<const float> a,
                   std::span<const float> b);
  /// Does `work`; what it throws is a finding.
  void attempt(const std::string& property, const std::string& object, const std::function<void()>& work);

  [[nodiscard]] bool conforms() const { return conforms_; }

 private:
  void add(const Finding& finding);

  const Subject& subject_;
  const Subject& oracle_;
  const Report& report_;
  bool conforms_ = true;
};

// Its parts, by subject.
void examine_layers(Examination& examination);
void examine_dropout_masks(Examination& examination);
void examine_optimizers(Examination& examination);
void examine_preset_models(Examination& examination);
void examine_continuity(Examination& examination);

/// The first `samples` of a problem's batch; the size of the set is told.
BatchView part_of(const small_problem::Problem& problem, std::size_t samples);

/// Makes most of every image background, as digits are.
void blank_background(small_problem::Problem& problem);

std::vector<float> gradients_of(const Engine& engine);
std::vector<float> predict(Engine& engine, const BatchView& batch, std::int64_t classes);

/// The largest difference of a tensor of that role, relative to its Euclidean norm, or to `floor` times that of all
/// of the role where it is larger: a tensor may be zero by design. `values` may end behind the parameters.
double distance(const StateLayout& layout, TensorRole role, std::span<const float> values,
                std::span<const float> expected, double floor = 0);

/// How far `value` is from `expected`, relative to it.
double relative(double value, double expected);

}  // namespace spot::conformance
