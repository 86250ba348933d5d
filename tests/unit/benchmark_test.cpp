#include "session/benchmark.h"

#include <doctest/doctest.h>

#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

TEST_CASE("the dense operations of a training step leave out the first layer's input gradient") {
  // conv 3x3x32, conv 3x3x64, dense 128, dense 10 on 28 x 28 images: multiply-adds of each,
  // forward.
  const double conv1 = 26.0 * 26 * 32 * 9;
  const double conv2 = 24.0 * 24 * 64 * 32 * 9;
  const double dense = 9216.0 * 128 + 128.0 * 10;
  CHECK(dense_operations(preset_model("keras-cnn", {1, 28, 28}, 10)) == 2 * (2 * conv1 + 3 * conv2 + 3 * dense));
}

TEST_CASE("a benchmark measures training and evaluation") {
  const Place place;
  const auto session = open(place.config("v"));
  const Benchmark result = benchmark(*session, 0.01);
  CHECK(result.train_samples_per_second > 0);
  CHECK(result.test_samples_per_second > 0);
  CHECK(result.step_seconds > 0);
  CHECK(result.layers.size() == 1);
}
