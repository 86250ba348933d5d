#include "engine/cpu/worker_pool.h"

#include <omp.h>
#include <utility>

#include "base/text.h"
#include "base/thread.h"

namespace spot {
namespace {

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

WorkerPool::WorkerPool(int workers) {
  threads_.reserve(static_cast<std::size_t>(workers));
  try {
    for (int worker = 0; worker < workers; ++worker) {
      threads_.push_back(start_thread(cat("spot-worker-", worker), [this, worker] { work(worker); }));
    }
  } catch (...) {
    stop();  // those that run already would outlive what they wait on
    throw;
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run_function(const std::function<void(int)>& body) {
  std::unique_lock lock(mutex_);
  body_ = &body;
  running_ = size();
  ++round_;
  start_.notify_all();
  done_.wait(lock, [this] { return running_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerPool::run_alone(const std::function<void()>& body) {
  run([&](int worker) {
    if (worker == 0) body();
  });
}

void WorkerPool::work(int worker) {
  // oneDNN asks OpenMP how many threads to use, for a primitive when it is made and when it runs. The
  // setting belongs to this thread alone.
  omp_set_num_threads(1);
  std::unique_lock lock(mutex_);
  for (std::uint64_t seen = 0;;) {
    start_.wait(lock, [&] { return stop_ || round_ != seen; });
    if (stop_) return;
    seen = round_;
    const auto* body = body_;
    lock.unlock();
    try {
      (*body)(worker);
    } catch (...) {
      remember_error();
    }
    lock.lock();
    if (--running_ == 0) done_.notify_one();
  }
}

void WorkerPool::remember_error() {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::current_exception();
}

void WorkerPool::finish_phase(std::uint32_t phase) {
  if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    finished_.store(0, std::memory_order_relaxed);
    next_[phase % 2].store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  constexpr int kSpins = 4000;  // some ten microseconds: phases are uneven by about as much
  for (int spin = 0; spin < kSpins; ++spin) {
    if (phase_.load(std::memory_order_acquire) != phase) return;
    pause_briefly();
  }
  while (phase_.load(std::memory_order_acquire) == phase) {
    phase_.wait(phase, std::memory_order_acquire);
  }
}

}  // namespace spot
