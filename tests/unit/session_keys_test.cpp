#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "session/options.h"
#include "session/run_id.h"
#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

TEST_CASE("a run_id names files, so it is letters, digits, '-' and '_'") {
  FakeClock clock;
  clock.set_wall_ns(1795463735'000'000'000);
  CHECK(make_run_id(clock).starts_with("20261123-195535-"));
  CHECK(make_run_id(clock).size() == 20);
  check_run_id("run_7-b");
  for (const std::string bad : {"", "../x", "a.b", "a,b", "a b"}) {
    message_of(Status::kConfig, [&] { check_run_id(bad); });
  }
  message_of(Status::kConfig, [] { check_run_id(std::string(64, 'a')); });
}

TEST_CASE("a zero stands for the customary value of the optimizer") {
  const Place place;
  Config config = place.config("v");
  config.set_real("learning_rate", 0);
  const auto session = open(config);
  const auto rate = [&](const std::string& optimizer) {
    config.set_text("optimizer", optimizer);
    return training_plan(config, session->dataset()).schedule.base_rate;
  };
  CHECK(rate("sgd") == 0.01);
  CHECK(rate("adam") == 0.001);
  CHECK(rate("adadelta") == 1.0);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.95);
  CHECK(rate("rmsprop") == 0.001);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.9);
}

TEST_CASE("the engine is asked for the precision of the configuration") {
  const Place place;
  Config config = place.config("v");
  const auto session = open(config);
  CHECK(engine_spec(config, session->dataset()).precision == Precision::kFloat32);
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    config.set_text("precision", precision_name(precision));
    CHECK(engine_spec(config, session->dataset()).precision == precision);
  }
}
