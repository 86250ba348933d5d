#include <atomic>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include "base/philox.h"
#include "engine/cpu/kernels/background.h"
#include "engine/cpu/kernels/dropout_bits.h"
#include "engine/cpu/peak.h"
#include "engine/cpu/reduction.h"
#include "engine/cpu/worker_pool.h"

using namespace spot;

TEST_CASE("the workers do every task of every phase once, and no phase before the one before it") {
  for (const int workers : {1, 2, 5}) {
    CAPTURE(workers);
    WorkerPool pool(workers);
    constexpr int kPhases = 50, kTasks = 23;
    std::vector<std::atomic<int>> done(kPhases);
    std::atomic<int> early{0};
    for (int round = 0; round < 4; ++round) {
      pool.run([&](int /*worker*/) {
        for (std::size_t phase = 0; phase < kPhases; ++phase) {
          pool.share(kTasks, [&](int /*task*/) {
            if (phase > 0 && done[phase - 1] != kTasks * (round + 1)) ++early;
            ++done[phase];
          });
        }
      });
    }
    for (const auto& count : done) CHECK(count == 4 * kTasks);
    CHECK(early == 0);
  }
}

TEST_CASE("an exception of a task reaches the caller, and the pool works on") {
  WorkerPool pool(3);
  const auto fail_once = [&] {
    pool.run([&](int /*worker*/) {
      pool.share(10, [](int task) {
        if (task == 7) throw std::runtime_error("seven");
      });
      pool.share(10, [](int) {});
    });
  };
  CHECK_THROWS_WITH(fail_once(), "seven");
  std::atomic<int> sum{0};
  pool.run([&](int /*worker*/) { pool.share(5, [&](int task) { sum += task; }); });
  CHECK(sum == 10);
}

TEST_CASE("dropout's bits are those of the words of Philox::block, wherever they begin") {
  const std::uint64_t key = 0x123456789abcdef0ULL;
  const Philox::Block counter = {0, 5U << 16, 77, 3};
  constexpr std::uint32_t kThreshold = 0x60000000U;
  constexpr std::size_t kBlocks = 13;
  for (const std::uint64_t first : {0ULL, 3ULL, 0xfffffffdULL}) {  // the last run crosses 2^32
    std::vector<std::uint8_t> bits(kernels::dropout_bytes(4 * kBlocks));
    kernels::draw_dropout(key, counter, first, kBlocks, kThreshold, bits.data());
    for (std::size_t k = 0; k < 4 * kBlocks; ++k) {
      const std::uint64_t block = first + k / 4;
      const auto words =
          Philox::block(key, {static_cast<std::uint32_t>(block), counter[1] | static_cast<std::uint32_t>(block >> 32),
                              counter[2], counter[3]});
      CHECK((bits[k / 8] >> k % 8 & 1) == (words[k % 4] >= kThreshold ? 1 : 0));
    }
  }
}

TEST_CASE("parts are summed from left to right") {
  // In another order these would not sum to 1: 1e8 swallows a 1 in float.
  const std::vector<float> parts = {1e8F, -1e8F, 1.0F};
  float sum = 0;
  sum_parts(parts.data(), 1, 3, 1, &sum);
  CHECK(sum == 1.0F);
}

TEST_CASE("sums of squares are complete for every length") {
  std::vector<float> values(100);
  std::iota(values.begin(), values.end(), 1.0F);
  double expected = 0;
  for (std::size_t size = 0; size <= values.size(); ++size) {
    CHECK(sum_of_squares(values.data(), size) == expected);
    if (size < values.size()) expected += static_cast<double>(values[size]) * values[size];
  }
}

#if defined(__x86_64__)
TEST_CASE("the measured peak is that of a machine of this century") {
  const double peak = measure_peak_gflops(1);
  CHECK(peak > 1);
  CHECK(peak < 1000);
}
#endif

TEST_CASE("windows over an image are marked where every channel of it is zero, and nowhere else") {
  RandomStream random(4, RandomPurpose::kSyntheticData);
  for (const std::size_t channels : {1U, 3U}) {
    for (const std::size_t field : {3U, 4U, 5U, 6U}) {
      for (const std::size_t stride : {1U, 2U}) {
        for (const std::size_t columns : {6U, 19U, 71U, 140U}) {
          const std::size_t rows = 13;
          const kernels::ImageWindows windows = {
              channels, rows, columns, field, stride, (rows - field) / stride + 1, (columns - field) / stride + 1};
          std::vector<float> image(channels * rows * columns);
          for (float& pixel : image) pixel = random.next_below(30) == 0 ? -0.5F : 0.0F;
          std::vector<std::uint8_t> found(windows.down * windows.across, 7), expected;
          for (std::size_t window = 0; window < found.size(); ++window) {
            bool empty = true;
            for (std::size_t i = 0; i < channels * field * field; ++i) {
              const std::size_t y = window / windows.across * stride + i / field % field;
              const std::size_t x = window % windows.across * stride + i % field;
              empty = empty && image[(i / field / field * rows + y) * columns + x] == 0;
            }
            expected.push_back(empty ? 1 : 0);
          }
          kernels::mark_empty_windows(windows, image.data(), found.data());
          CHECK(found == expected);
        }
      }
    }
  }
}
