#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "session/session.h"

namespace spot {

/// Speed of training and of evaluation on this machine.
struct Benchmark {
  std::string model;
  std::string device;
  std::int64_t batch_size = 0;
  int threads = 0;
  double train_samples_per_second = 0;
  double test_samples_per_second = 0;
  double step_seconds = 0;     ///< median over whole batches
  double step_operations = 0;  ///< floating-point operations of the dense multiply-adds of such a step
  std::vector<OperatorTime> layers;
};

/// Trains and then evaluates for about `seconds` each, and takes the time of each operator. Throws kCancelled when
/// `stop` said so.
Benchmark benchmark(Session& session, double seconds, const StopCheck& stop = {});

/// Floating-point operations of the dense multiply-adds of one sample's training step: two an
/// addition and multiplication; forward, gradient of the weights, and gradient of the input but for
/// the first layer that has weights, whose input needs none.
double dense_operations(const ModelSpec& model);

}  // namespace spot
