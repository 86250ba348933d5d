#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace spot {

/// A fixed set of threads that run one body together. Inside the body they share out the tasks of a phase
/// and meet at barriers. Which worker takes which task is left to chance, so a task's result must depend on
/// its number alone.
class WorkerPool {
 public:
  explicit WorkerPool(int workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  [[nodiscard]] int size() const { return static_cast<int>(threads_.size()); }

  /// Runs body(worker) on every worker and returns when all are done. The first exception of a body or of
  /// a shared task is thrown here; the phases after a failed task still run.
  template <typename Body>
  void run(const Body& body) {
    run_function(std::cref(body));  // a function that holds a reference allocates nothing
  }

  /// Runs body on worker 0 alone: for what must be made where it will be used.
  void run_alone(const std::function<void()>& body);

  /// Within run(): calls task(0) … task(count - 1), each once, spread over the workers, and returns on each
  /// worker when all are done.
  template <typename Task>
  void share(int count, const Task& task) {
    const std::uint32_t phase = arrived_phase();
    std::atomic<int>& next = next_[phase % 2];
    for (int i = next.fetch_add(1, std::memory_order_relaxed); i < count;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      try {
        task(i);
      } catch (...) {
        remember_error();
      }
    }
    finish_phase(phase);
  }

 private:
  void run_function(const std::function<void(int worker)>& body);
  [[nodiscard]] std::uint32_t arrived_phase() const { return phase_.load(std::memory_order_acquire); }
  void finish_phase(std::uint32_t phase);
  void remember_error();  ///< of the exception being handled
  void work(int worker);
  void stop();

  std::vector<std::thread> threads_;

  // Hand-over of a body from run() to the workers.
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* body_ = nullptr;
  std::uint64_t round_ = 0;
  int running_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;

  // The phase in progress. Two counters in turn: the last worker to finish a phase resets the one that was
  // used, while the others may already take tasks of the next phase.
  std::atomic<std::uint32_t> phase_{0};
  std::atomic<int> next_[2] = {0, 0};
  std::atomic<int> finished_{0};
};

}  // namespace spot
