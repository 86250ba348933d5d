#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/cuda/kernels/kernel.h"

namespace spot::cuda {

/// What is stored in memory; sums are always taken in 32 bits.
enum class Element : std::uint8_t { kFloat32, kBfloat16 };

/// Images are [image][row][column][channel], filters [filter][row][column][channel], all packed.
struct ConvolutionSpec {
  enum class Pass : std::uint8_t {
    kForward,         ///< run(input, filters, output)
    kInputGradient,   ///< run(output gradient, filters, input gradient)
    kFilterGradient,  ///< run(input, output gradient, filter gradient), which is float32 in memory
  };
  Pass pass{};
  /// Of everything but the filter gradient. That may be rounded to it all the same: cuDNN has no engine that leaves it
  /// in float32 where the rest is bfloat16.
  Element element{};
  bool tf32 = false;  ///< products of float32 may be rounded to 10 bits first
  std::int64_t images = 0, channels = 0, rows = 0, columns = 0;
  std::int64_t filters = 0, kernel[2] = {1, 1}, stride[2] = {1, 1};
  std::int64_t padding[4] = {0, 0, 0, 0};  ///< top, left, bottom, right
  std::int64_t output_rows = 0, output_columns = 0;
};

/// result[m][n] = sum over k of a * b, row-major and packed, run(a, b, result).
struct ProductSpec {
  Element element{};  ///< of a and b
  Element result = Element::kFloat32;
  bool tf32 = false;
  std::int64_t m = 0, n = 0, k = 0;
  bool transposed_a = false;  ///< a is [k][m], else [m][k]
  bool transposed_b = false;  ///< b is [n][k], else [k][n]
};

/// A convolution or product that was planned for one shape. Deterministic: the same bits from the same inputs on the
/// same card and libraries.
class Operation {
 public:
  virtual ~Operation() = default;
  /// Enqueues it on the compute stream. What the pointers point to begins at a multiple of 16 bytes.
  virtual void run(const void* a, const void* b, void* result) = 0;
  /// The library's name for what computes it, for people.
  [[nodiscard]] virtual std::string description() const = 0;
};

/// A recorded sequence of work on the compute stream.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch() = 0;
};

enum class Stream : std::uint8_t { kCompute, kCopy };

/// A point that a stream's work has reached, or will.
class Event {
 public:
  virtual ~Event() = default;
  virtual void record(Stream stream) = 0;
  /// What `stream` is given from now on waits for it.
  virtual void hold(Stream stream) = 0;
  /// Returns when it is reached. Throws like Device::synchronise(). Another thread may call the device meanwhile.
  virtual void wait() = 0;
  /// Microseconds from `start` to this; both must be reached.
  [[nodiscard]] virtual double microseconds_since(const Event& start) const = 0;
};

/// One graphics card, as the engine sees it: memory, two streams, kernels and the libraries' operations. Work on a
/// stream is done in the order it was given; nothing here waits for it but what says so. May be called from any
/// thread, one at a time, except where said. Every failure is thrown as spot::Error in the driver's or library's own
/// words: kNoMemory where memory is short, kUnsupported for what this card or library cannot do, else kInternal.
class Device {
 public:
  virtual ~Device() = default;

  /// e.g. "NVIDIA H100 80GB HBM3, sm_90, driver for CUDA 13.0, CUDA 13.0, cuDNN 9.19.0, cuBLAS 13.1.0".
  [[nodiscard]] virtual std::string description() const = 0;
  /// What the bits of a result depend on, e.g. "sm_90x132-cudnn-9.19.0-cublas-13.1.0".
  [[nodiscard]] virtual std::string instruction_set() const = 0;

  /// Memory of the card, aligned to 256 bytes, filled with zeros before anything that is enqueued later.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void free(void* memory) noexcept = 0;
  /// Memory of the host that transfers do not have to copy once more.
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void free_pinned(void* memory) noexcept = 0;

  /// From host to card, card to host, card to card. Host memory that is not pinned may make them wait.
  virtual void upload(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual void download(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes, Stream stream) = 0;

  /// Enqueues one of our kernels on the compute stream.
  virtual void launch(const Kernel& kernel) = 0;

  virtual std::unique_ptr<Operation> plan(const ConvolutionSpec& spec) = 0;
  virtual std::unique_ptr<Operation> plan(const ProductSpec& spec) = 0;

  /// From begin to end, work on the compute stream is recorded, not done. Nothing may be allocated or planned then.
  virtual void begin_graph() = 0;
  virtual std::unique_ptr<Graph> end_graph() = 0;

  virtual std::unique_ptr<Event> make_event() = 0;
  /// Returns when all work of a stream is done; throws what went wrong in it.
  virtual void synchronise(Stream stream) = 0;
};

}  // namespace spot::cuda
