// The CPU engine by operator and by size, beside what the machine can do:
//
//     peak/…                                    fused multiply-adds, and memory, at their best
//     operator/NETWORK/LAYERS/PASS/KERNELS      thread time of a group of layers a step, on one thread
//     step/NETWORK/batch:B/threads:T/KERNELS    a whole training step
//
// KERNELS is `auto` (fused operators), `general` (oneDNN's, one a layer), or `fast` (the mode).
// Images come from $SPOT_TEST_MNIST, a folder of IDX files; without it they are synthetic digits. Operators that skip
// zeros are as fast as the data has zeros, so each network is trained for a while first. operator_tables.py makes
// Markdown of the results.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/peak.h"

namespace {

using spot::LayerKind;

constexpr std::int64_t kBatch = 128;
constexpr float kLearningRate = 0.01F;

const spot::Dataset& dataset() {
  static const spot::Dataset images = [] {
    const char* folder = std::getenv("SPOT_TEST_MNIST");
    const auto cache = std::filesystem::temp_directory_path() / "spot-operator-bench";
    std::filesystem::create_directories(cache);
    spot::DatasetRequest request;
    request.name = folder != nullptr ? folder : "synthetic";
    request.cache_directory = cache;
    return spot::open_dataset(request, nullptr, spot::Log());
  }();
  return images;
}

struct Case {
  std::string network = "keras-cnn";
  std::string kernels = "auto";
  std::int64_t batch = kBatch;
  int threads = 1;
  bool operator==(const Case&) const = default;
};

/// keras-cnn with so many times its filters and units.
std::string widened(double width) {
  const auto layer = [&](const char* type, const char* count, int times) {
    return std::string(R"({"type":")") + type + R"(",")" + count +
           "\":" + std::to_string(static_cast<int>(times * width));
  };
  return R"({"layers":[)" + layer("conv2d", "filters", 32) + R"(,"kernel":3},{"type":"relu"},)" +
         layer("conv2d", "filters", 64) + R"(,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},)" +
         R"({"type":"dropout","rate":0.25},{"type":"flatten"},)" + layer("dense", "units", 128) +
         R"(},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":10}]})";
}

/// No pattern of a fused operator occurs in it.
constexpr const char* kStrided = R"({"layers":[
  {"type":"conv2d","filters":32,"kernel":3,"stride":2},{"type":"relu"},{"type":"conv2d","filters":64,"kernel":3},
  {"type":"relu"},{"type":"average_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":10}]})";

const std::map<std::string, std::string>& networks() {
  static const std::map<std::string, std::string> all = {
      {"keras-cnn", "keras-cnn"},  {"lenet-5", "lenet-5"},  {"mlp", "mlp"},          {"strided", kStrided},
      {"width:0.5", widened(0.5)}, {"width:1", widened(1)}, {"width:2", widened(2)}, {"width:4", widened(4)}};
  return all;
}

spot::ModelSpec model_of(const std::string& network) {
  const spot::ImageSet& train = dataset().train;
  return spot::load_model(networks().at(network), {1, train.rows, train.columns}, dataset().classes);
}

/// A network in training.
class Training {
 public:
  explicit Training(const Case& which) : case_(which), sampler_(dataset().train.count, batch_size(), 1) {
    spot::EngineSpec spec;
    spec.model = model_of(which.network);
    spec.batch_size = which.batch;
    spec.threads = which.threads;
    if (which.kernels == "general") spec.kernels = spot::Kernels::kGeneral;
    if (which.kernels == "fast") spec.mode = spot::Mode::kFast;
    engine_ = spot::create_cpu_engine(spec, spot::Log());
    constexpr int kFewest = 3, kMost = 100;
    constexpr std::chrono::seconds kLongest{2};
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kFewest || (i < kMost && std::chrono::steady_clock::now() - start < kLongest); ++i) step();
  }

  [[nodiscard]] const Case& which() const { return case_; }
  void step() {
    engine_->train_step(next_batch(), step_, kLearningRate);
    ++step_;
  }
  std::vector<spot::OperatorTime> profile() { return engine_->profile(next_batch(), 1); }

 private:
  [[nodiscard]] std::uint32_t batch_size() const { return static_cast<std::uint32_t>(case_.batch); }
  spot::BatchView next_batch() {
    // The last batch of an epoch may be smaller.
    while (sampler_.batch(position_).size() < batch_size()) ++position_;
    const spot::ImageSet& train = dataset().train;
    return {train.images.data(), train.labels.data(), sampler_.batch(position_++)};
  }

  Case case_;
  spot::Sampler sampler_;
  std::unique_ptr<spot::Engine> engine_;
  std::uint64_t step_ = 0, position_ = 0;
};

/// Google Benchmark calls a benchmark several times; the training goes on.
Training& training_of(const Case& which) {
  static std::unique_ptr<Training> latest;
  if (!latest || latest->which() != which) {
    latest.reset();
    latest = std::make_unique<Training>(which);
  }
  return *latest;
}

/// Layers that one fused operator may compute together, as indices [first, end).
struct Group {
  std::size_t first = 0, end = 0;
  std::string name;
};

std::vector<Group> groups_of(const spot::ModelSpec& model) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerKind kind = model.layers[i].kind;
    const bool follows = kind == LayerKind::kRelu || kind == LayerKind::kMaxPool || kind == LayerKind::kAveragePool;
    const bool flattened = kind == LayerKind::kDense && i > 0 && model.layers[i - 1].kind == LayerKind::kFlatten;
    if (groups.empty() || !(follows || flattened)) {
      groups.push_back({i, i + 1, model.layers[i].name});
    } else {
      groups.back().end = i + 1;
      groups.back().name += "+" + model.layers[i].name;
    }
  }
  return groups;
}

double multiply_adds(const spot::LayerSpec& layer) {
  const auto outputs = static_cast<double>(layer.output.size());
  if (layer.kind == LayerKind::kDense) return outputs * static_cast<double>(layer.input.size());
  if (layer.kind != LayerKind::kConv2d) return 0;
  return outputs * static_cast<double>(layer.input.channels * layer.kernel[0] * layer.kernel[1]);
}

double weights(const spot::LayerSpec& layer) {
  if (layer.kind == LayerKind::kDense) return static_cast<double>(layer.input.size() * layer.outputs);
  if (layer.kind != LayerKind::kConv2d) return 0;
  return static_cast<double>(layer.input.channels * layer.kernel[0] * layer.kernel[1] * layer.outputs);
}

/// What a pass over the group cannot do without if it is dense: operations, and bytes of the group's ends and weights.
struct Need {
  double operations = 0, bytes = 0;
};

Need need_of(const spot::ModelSpec& model, const Group& group, bool forward) {
  const spot::LayerSpec &first = model.layers[group.first], &last = model.layers[group.end - 1];
  const bool is_first = group.first == 0;
  Need need;
  double parameters = 0;
  for (std::size_t i = group.first; i < group.end; ++i) {
    // Backward there are two products, but none by the image's pixels.
    need.operations += 2 * kBatch * multiply_adds(model.layers[i]) * (forward || is_first ? 1 : 2);
    parameters += weights(model.layers[i]);
  }
  const double input = kBatch * static_cast<double>(first.input.size());
  const double output = kBatch * static_cast<double>(last.output.size());
  const double values = forward ? input + output : input + output + (is_first ? 0 : input);
  need.bytes = sizeof(float) * (values + parameters * (forward ? 1 : 2));
  return need;
}

void run_operator(benchmark::State& state, const Case& which, const Group& group, bool forward) {
  Training& training = training_of(which);
  const spot::ModelSpec model = model_of(which.network);
  for (auto _ : state) {
    double milliseconds = 0;
    for (const spot::OperatorTime& time : training.profile()) {
      for (std::size_t i = group.first; i < group.end; ++i) {
        const bool matches = time.layer == model.layers[i].name && (time.pass == "forward") == forward;
        if (matches) milliseconds += time.milliseconds;
      }
    }
    state.SetIterationTime(milliseconds * 1e-3);
  }
  using benchmark::Counter;
  const Need need = need_of(model, group, forward);
  state.counters["dense_flops"] = Counter(need.operations, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = Counter(need.bytes, Counter::kIsIterationInvariantRate);
}

void run_step(benchmark::State& state, const Case& which) {
  Training& training = training_of(which);
  for (auto _ : state) training.step();
  state.SetItemsProcessed(state.iterations() * which.batch);
}

void run_multiply_adds(benchmark::State& state, int threads) {
  double best = 0;
  for (auto _ : state) best = std::max(best, spot::measure_peak_gflops(threads));
  state.counters["flops"] = best * 1e9;
}

#if defined(__x86_64__)
/// Independent chains of dot products of bfloat16 in registers; returns the operations.
__attribute__((target("avx512f,avx512bf16"))) double run_dot_chains(int rounds) {
  constexpr int kChains = 12;
  __m512 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm512_set1_ps(static_cast<float>(c));
  const auto small = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3C003C00));
  for (int i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chain[c] = _mm512_dpbf16_ps(chain[c], small, small);
  }
  for (int c = 1; c < kChains; ++c) chain[0] = _mm512_add_ps(chain[0], chain[c]);
  float sums[16];
  _mm512_storeu_ps(sums, chain[0]);
  benchmark::DoNotOptimize(sums);
  return static_cast<double>(rounds) * kChains * 32 * 2;
}

/// On one thread.
void run_bf16(benchmark::State& state) {
  if (!__builtin_cpu_supports("avx512bf16")) return state.SkipWithError("this processor has no products of bfloat16");
  constexpr int kRounds = 1'000'000;
  double operations = 0;
  for (auto _ : state) operations = run_dot_chains(kRounds);
  state.counters["flops"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
}
#endif

/// a = b + f * c over arrays that no cache holds.
void run_memory(benchmark::State& state, int threads) {
  constexpr std::size_t kSize = std::size_t{1} << 25;
  static std::vector<float> a(kSize), b(kSize, 1.0F), c(kSize, 2.0F);
  const std::size_t part = kSize / static_cast<std::size_t>(threads);
  for (auto _ : state) {
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([=] {
        const std::size_t first = part * static_cast<std::size_t>(t);
        for (std::size_t i = first; i < first + part; ++i) a[i] = b[i] + 0.5F * c[i];
      });
    }
    for (std::thread& worker : workers) worker.join();
    benchmark::ClobberMemory();
  }
  state.counters["bytes"] =
      benchmark::Counter(3.0 * static_cast<double>(part * static_cast<std::size_t>(threads)) * sizeof(float),
                         benchmark::Counter::kIsIterationInvariantRate);
}

template <typename Run, typename... Arguments>
benchmark::internal::Benchmark* add(const std::string& name, Run run, Arguments... arguments) {
  return benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { run(state, arguments...); })
      ->Unit(benchmark::kMillisecond);
}

const std::vector<std::string> kKernelChoices = {"auto", "general", "fast"};

void add_all() {
  constexpr int kProfiledSteps = 15;
  for (const int threads : {1, 2}) {
    add("peak/multiply-adds/threads:" + std::to_string(threads), run_multiply_adds, threads)->Iterations(3);
    add("peak/memory/threads:" + std::to_string(threads), run_memory, threads)->UseRealTime();
  }
#if defined(__x86_64__)
  add("peak/bf16-products/threads:1", run_bf16);
#endif
  for (const std::string network : {"keras-cnn", "lenet-5", "mlp", "strided"}) {
    for (const std::string& kernels : kKernelChoices) {
      for (const Group& group : groups_of(model_of(network))) {
        for (const bool forward : {true, false}) {
          std::string name = "operator/" + network + "/" + group.name;
          name += forward ? "/forward/" : "/backward/";
          add(name + kernels, run_operator, Case{.network = network, .kernels = kernels}, group, forward)
              ->UseManualTime()
              ->Iterations(kProfiledSteps);
        }
      }
    }
  }
  const auto add_step = [](const Case& which) {
    add("step/" + which.network + "/batch:" + std::to_string(which.batch) +
            "/threads:" + std::to_string(which.threads) + "/" + which.kernels,
        run_step, which)
        ->UseRealTime();
  };
  for (const std::string& kernels : kKernelChoices) {
    for (const int threads : {1, 2}) {
      for (const std::string network : {"keras-cnn", "lenet-5", "mlp", "strided"}) {
        for (const std::int64_t batch : {16, 32, 64, 128, 256, 512, 1024}) add_step({network, kernels, batch, threads});
      }
    }
    for (const std::string network : {"width:0.5", "width:1", "width:2", "width:4"}) {
      for (const int threads : {1, 2}) add_step({network, kernels, kBatch, threads});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("dataset", dataset().name == "synthetic" ? "synthetic digits" : "MNIST");
  add_all();
  benchmark::RunSpecifiedBenchmarks();
}
