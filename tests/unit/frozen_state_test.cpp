#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/small_problem.h"

// A state that is frozen is the state of that moment for as long as somebody holds it, and training does not notice.

using namespace spot;
using small_problem::Problem, small_problem::spec_of, small_problem::state_of;

namespace {

const char* const kNetworks[] = {
    R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":16,"kernel":3},
       {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},{"type":"flatten"},
       {"type":"dense","units":32},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":5})",
    R"({"type":"conv2d","filters":12,"kernel":3,"stride":2},{"type":"batch_norm"},{"type":"relu"},
       {"type":"average_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":24},{"type":"batch_norm"},
       {"type":"relu"},{"type":"dense","units":5})",
};

const OptimizerSpec kOptimizers[] = {{.kind = OptimizerKind::kSgd},
                                     {.kind = OptimizerKind::kSgd, .momentum = 0.9},
                                     {.kind = OptimizerKind::kSgd, .momentum = 0.9, .nesterov = true},
                                     {.kind = OptimizerKind::kAdam, .weight_decay = 1e-3},
                                     {.kind = OptimizerKind::kAdamW, .weight_decay = 1e-3},
                                     {.kind = OptimizerKind::kAdadelta},
                                     {.kind = OptimizerKind::kRmsprop}};

std::vector<float> values_of(const StateReader& reader) {
  std::vector<float> values(reader.layout().size());
  for (const TensorSpec& tensor : reader.layout().tensors()) {
    const std::span<float> room = std::span(values).subspan(tensor.offset, tensor.size);
    const std::span<const float> read = reader.read(tensor, room);
    REQUIRE(read.size() == tensor.size);
    if (read.data() != room.data()) std::copy(read.begin(), read.end(), room.begin());
  }
  return values;
}

struct Frozen {
  std::unique_ptr<StateReader> reader;
  std::vector<float> expected;
};

}  // namespace

TEST_CASE("training goes on to the same bits whatever is frozen meanwhile, and what is frozen stays") {
  for (const Kernels kernels : {Kernels::kAuto, Kernels::kGeneral}) {
    for (const char* network : kNetworks) {
      for (const OptimizerSpec& optimizer : kOptimizers) {
        CAPTURE(std::string(network));
        CAPTURE(static_cast<int>(optimizer.kind));
        const Problem problem(network, {1, 18, 18}, 24);
        EngineSpec spec = spec_of(problem, optimizer);
        spec.kernels = kernels;
        const auto undisturbed = create_cpu_engine(spec, Log());
        const auto engine = create_cpu_engine(spec, Log());
        std::deque<Frozen> held;
        for (std::uint64_t step = 0; step < 12; ++step) {
          // Held for no step, for one, for several, and twice the same.
          if (step % 4 != 3) held.push_back({engine->freeze_state(), state_of(*engine)});
          if (step % 5 == 0) held.push_back({engine->freeze_state(), state_of(*engine)});
          undisturbed->train_step(problem.view(), step, 1e-2F);
          engine->train_step(problem.view(), step, 1e-2F);
          CHECK(state_of(*engine) == state_of(*undisturbed));
          for (const Frozen& frozen : held) CHECK(values_of(*frozen.reader) == frozen.expected);
          while (held.size() > step % 3) held.pop_front();
        }
      }
    }
  }
}

TEST_CASE("a state that is written from outside leaves the frozen one alone") {
  const Problem problem(kNetworks[0], {1, 18, 18}, 24);
  const auto engine = create_cpu_engine(spec_of(problem, {.kind = OptimizerKind::kAdam}), Log());
  engine->train_step(problem.view(), 0, 1e-2F);
  const std::vector<float> before = state_of(*engine);
  const auto frozen = engine->freeze_state();
  const std::vector<float> other(before.size(), 0.25F);
  engine->write_state(other);
  CHECK(state_of(*engine) == other);
  CHECK(values_of(*frozen) == before);
}

TEST_CASE("a frozen state is read and let go of on another thread while steps go on") {
  const Problem problem(kNetworks[0], {1, 18, 18}, 24);
  const EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam});
  const auto engine = create_cpu_engine(spec, Log());
  engine->reserve_frozen_states(2);
  for (std::uint64_t step = 0; step < 30; ++step) {
    std::vector<float> expected = state_of(*engine), seen;
    std::thread reader([&seen, frozen = engine->freeze_state()]() mutable {
      seen = values_of(*frozen);
      frozen.reset();
    });
    engine->train_step(problem.view(), step, 1e-2F);
    engine->train_step(problem.view(), step, 1e-2F);
    reader.join();
    CHECK(seen == expected);
  }
}
