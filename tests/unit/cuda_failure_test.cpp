#include <memory>
#include <new>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "support/cuda_run.h"

// What the GPU engine does when its card fails, or has no room.

using namespace spot;
using cuda_run::make_engine, cuda_run::Run, cuda_run::values_of;
using small_problem::state_of;

TEST_CASE("a step that failed on the card is not gone on from, and an invalid batch changes nothing") {
  const Run run(2);
  const auto record = std::make_shared<host_device::Record>();
  const auto engine = make_engine(run.spec(), record);
  const std::vector<float> before = state_of(*engine);
  CHECK_THROWS_AS(engine->train_step({run.problem.images.data(), run.problem.labels.data(), {}}, 0, 0.1F), Error);
  CHECK_THROWS_AS(
      engine->train_step({run.problem.images.data(), run.problem.labels.data(), run.problem.indices}, 0, 0.1F), Error);
  record->failure = "no bytes reach the card";
  CHECK_THROWS_WITH_AS(engine->train_step(run.steps[0].batch, 0, 0.1F), "no bytes reach the card", Error);
  record->failure.clear();
  CHECK(state_of(*engine) == before);  // it was the set of images that did not get there

  engine->train_step(run.steps[0].batch, 0, 0.1F);
  record->failure = "the card fell off the bus";
  CHECK_THROWS_WITH_AS(engine->train_step(run.steps[0].batch, 0, 0.1F), "the card fell off the bus", Error);
  record->failure.clear();
  CHECK_THROWS_AS(engine->train_step(run.steps[0].batch, 0, 0.1F), Error);
  CHECK_THROWS_AS(engine->freeze_state(), Error);
  CHECK_THROWS_WITH_AS(
      state_of(*engine),
      "a step failed on the GPU and left no valid state; resume from the last checkpoint: the card fell "
      "off the bus",
      Error);
  engine->write_state(before);
  CHECK(state_of(*engine) == before);
  engine->train_step(run.steps[0].batch, 0, 0.1F);
}

TEST_CASE("whatever fails in the middle of a run, the state is lost, and what was under way is waited for") {
  const Run run(12);
  const auto record = std::make_shared<host_device::Record>();
  const auto engine = make_engine(run.spec(), record);
  std::vector<StepMetrics> metrics(12);
  engine->train_steps(run.steps, 0, metrics);
  std::size_t launches = 0;
  record->on_launch = [&] {
    if (++launches == 6) throw std::bad_alloc();
  };
  const std::size_t before = record->synchronisations;
  CHECK_THROWS_AS(engine->train_steps(run.steps, 12, metrics), std::bad_alloc);
  CHECK(record->synchronisations == before + 1);
  CHECK_THROWS_AS(state_of(*engine), Error);
}

TEST_CASE("a recording that fails does not stay open") {
  const Run run(1);
  const auto record = std::make_shared<host_device::Record>();
  record->on_launch = [&] {
    if (record->is_recording) fail(Status::kInternal, "no such kernel");
  };
  CHECK_THROWS_WITH_AS(make_engine(run.spec(), record), "no such kernel", Error);
  CHECK_FALSE(record->is_recording);
}

TEST_CASE("a frozen state that has arrived is read to its end, whatever becomes of the card") {
  const Run run(1);
  const auto record = std::make_shared<host_device::Record>();
  const auto engine = make_engine(run.spec(), record);
  const std::vector<float> expected = state_of(*engine);
  const auto frozen = engine->freeze_state();
  CHECK(values_of(*frozen) == expected);
  record->failure = "the card fell off the bus";
  CHECK(values_of(*frozen) == expected);
}

TEST_CASE("a set that the card has no room for is sent with the steps, and an idle one makes room for the next") {
  const Run run(4), next(4);  // each a set of 40 * 65 bytes; what is sent with a step takes 8 * 65
  const auto record = std::make_shared<host_device::Record>();
  const auto engine = make_engine(run.spec(), record), roomy = make_engine(run.spec());
  record->memory_left = 1000;
  for (std::size_t i = 0; i < 4; ++i) {
    const StepMetrics metrics = engine->train_step(run.steps[i].batch, i, 0.1F);
    CHECK(metrics.loss == roomy->train_step(run.steps[i].batch, i, 0.1F).loss);
  }
  CHECK(record->refusals == 1);  // asked for once
  CHECK(state_of(*engine) == state_of(*roomy));

  const auto narrow_record = std::make_shared<host_device::Record>();
  const auto narrow = make_engine(run.spec(), narrow_record);
  narrow_record->memory_left = 3000;
  narrow->train_step(run.steps[0].batch, 0, 0.1F);
  narrow->train_step(next.steps[0].batch, 1, 0.1F);
  CHECK(narrow_record->refusals == 1);
  const std::size_t transfers = narrow_record->transfers;
  narrow->train_step(next.steps[1].batch, 2, 0.1F);
  CHECK(narrow_record->transfers == transfers + 2);  // the record and the results: the set is on the card
}

TEST_CASE("a card without memory is told of at once") {
  const Run run(1);
  const auto record = std::make_shared<host_device::Record>();
  record->memory_left = 20'000;
  try {
    make_engine(run.spec(), record);
    FAIL("there is no memory");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kNoMemory);
  }
}
