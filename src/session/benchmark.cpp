#include "session/benchmark.h"

#include <algorithm>
#include <numeric>

#include "base/status.h"

namespace spot {
namespace {

constexpr int kWarmUpSteps = 3;
constexpr int kProfiledSteps = 10;
constexpr const char* kWhat = "measuring";

double multiply_adds(const LayerSpec& layer) {
  switch (layer.kind) {
    case LayerKind::kConv2d:
      return static_cast<double>(layer.output.size()) *
             static_cast<double>(layer.input.channels * layer.kernel[0] * layer.kernel[1]);
    case LayerKind::kDense: return static_cast<double>(layer.output.size()) * static_cast<double>(layer.input.size());
    default: return 0;
  }
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void measure_training(Session& session, double seconds, const StopCheck& stop, Benchmark& result) {
  Trainer& trainer = session.trainer();
  const Clock& clock = session.clock();
  for (int i = 0; i < kWarmUpSteps; ++i) {
    check_stop(stop, kWhat);
    trainer.train_step();
  }
  // The last batch of an epoch may be smaller; its time would not be a step's.
  const auto whole = std::min<std::int64_t>(result.batch_size, session.dataset().train.count);
  std::vector<double> whole_steps;
  std::int64_t samples = 0;
  const std::int64_t start = clock.monotonic_ns();
  std::int64_t before = start;
  while (whole_steps.empty() || to_seconds(before - start) < seconds) {
    check_stop(stop, kWhat);
    // The whole ones that are left of the epoch, or the smaller one at its end.
    const auto at = static_cast<std::int64_t>(trainer.step() % trainer.steps_per_epoch());
    const std::int64_t left = session.dataset().train.count / whole - at;
    const auto records = trainer.train_some(static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1)));
    trainer.report_steps();
    const std::int64_t now = clock.monotonic_ns();
    const double seconds_each = to_seconds(now - before) / static_cast<double>(records.size());
    if (left > 0) whole_steps.insert(whole_steps.end(), records.size(), seconds_each);
    for (const StepRecord& record : records) samples += record.samples;
    before = now;
  }
  result.train_samples_per_second = static_cast<double>(samples) / to_seconds(before - start);
  result.step_seconds = median(std::move(whole_steps));
  result.step_operations = dense_operations(session.spec().model) * static_cast<double>(whole);
}

void measure_evaluation(Session& session, double seconds, const StopCheck& stop, Benchmark& result) {
  const Clock& clock = session.clock();
  // A sample takes as long whatever set it is of.
  const Split split = session.dataset().test.count > 0 ? Split::kTest : Split::kTrain;
  const std::int64_t start = clock.monotonic_ns();
  std::int64_t now = start;
  std::uint64_t samples = 0;
  while (samples == 0 || to_seconds(now - start) < seconds) {
    const auto evaluation = session.trainer().evaluate(split, stop);
    check_stop(stop, kWhat);
    samples += evaluation->samples;
    now = clock.monotonic_ns();
  }
  result.test_samples_per_second = static_cast<double>(samples) / to_seconds(now - start);
}

std::vector<OperatorTime> profile(Session& session) {
  const ImageSet& train = session.dataset().train;
  std::vector<std::uint32_t> indices(
      std::min<std::size_t>(static_cast<std::size_t>(session.spec().batch_size), train.count));
  std::iota(indices.begin(), indices.end(), 0U);
  return session.engine().profile(batch_of(train, indices), kProfiledSteps);
}

}  // namespace

double dense_operations(const ModelSpec& model) {
  double forward = 0;
  double first = 0;
  for (const LayerSpec& layer : model.layers) {
    const double operations = 2 * multiply_adds(layer);
    if (first == 0) first = operations;
    forward += operations;
  }
  return 3 * forward - first;
}

Benchmark benchmark(Session& session, double seconds, const StopCheck& stop) {
  Benchmark result;
  result.model = session.spec().model.name;
  result.device = session.engine().device();
  result.batch_size = session.spec().batch_size;
  result.threads = session.spec().threads;
  measure_training(session, seconds, stop, result);
  measure_evaluation(session, seconds, stop, result);
  check_stop(stop, kWhat);
  result.layers = profile(session);
  return result;
}

}  // namespace spot
