#include "support/host_device.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "base/status.h"
#include "base/text.h"

namespace host_device {
namespace {

using namespace spot::cuda;
using spot::cat;

[[noreturn]] void misuse(const std::string& what) {
  throw std::logic_error("host device: " + what);
}

std::size_t index_of(Stream stream) {
  return static_cast<std::size_t>(stream);
}

/// Work of a stream, and the memory of the card that it may touch.
struct Work {
  std::vector<const void*> pointers;
  std::function<void()> run;
};

/// Reads and writes elements of either type.
class Elements {
 public:
  Elements(void* data, Element element) : data_(data), element_(element) {}
  Elements(const void* data, Element element) : Elements(const_cast<void*>(data), element) {}

  [[nodiscard]] double get(std::int64_t i) const {
    if (element_ == Element::kFloat32) return double{static_cast<const float*>(data_)[i]};
    return double{to_float(static_cast<const Bfloat16*>(data_)[i])};
  }
  void put(std::int64_t i, double value) const {
    if (element_ == Element::kFloat32) return spot::cuda::set(static_cast<float*>(data_)[i], static_cast<float>(value));
    spot::cuda::set(static_cast<Bfloat16*>(data_)[i], static_cast<float>(value));
  }

 private:
  void* data_;
  Element element_;
};

/// Calls visit(image, filter, output index) for each product of the convolution, indices into the three tensors.
template <typename Visit>
void for_each_product(const ConvolutionSpec& s, const Visit& visit) {
  for (std::int64_t n = 0; n < s.images; ++n)
    for (std::int64_t y = 0; y < s.output_rows; ++y)
      for (std::int64_t x = 0; x < s.output_columns; ++x)
        for (std::int64_t f = 0; f < s.filters; ++f)
          for (std::int64_t r = 0; r < s.kernel[0]; ++r)
            for (std::int64_t q = 0; q < s.kernel[1]; ++q) {
              const std::int64_t row = y * s.stride[0] + r - s.padding[0];
              const std::int64_t column = x * s.stride[1] + q - s.padding[1];
              if (row < 0 || column < 0 || row >= s.rows || column >= s.columns) continue;
              const std::int64_t pixel = ((n * s.rows + row) * s.columns + column) * s.channels;
              const std::int64_t cell = ((f * s.kernel[0] + r) * s.kernel[1] + q) * s.channels;
              const std::int64_t output = ((n * s.output_rows + y) * s.output_columns + x) * s.filters + f;
              for (std::int64_t c = 0; c < s.channels; ++c) visit(pixel + c, cell + c, output);
            }
}

void compute(const ConvolutionSpec& s, const void* a, const void* b, void* result) {
  using Pass = ConvolutionSpec::Pass;
  const Elements left(a, s.element), right(b, s.element);
  const std::int64_t images = s.images * s.rows * s.columns * s.channels;
  const std::int64_t filters = s.filters * s.kernel[0] * s.kernel[1] * s.channels;
  const std::int64_t outputs = s.images * s.output_rows * s.output_columns * s.filters;
  const std::int64_t size = s.pass == Pass::kForward ? outputs : s.pass == Pass::kInputGradient ? images : filters;
  std::vector<double> sums(static_cast<std::size_t>(size));
  for_each_product(s, [&](std::int64_t image, std::int64_t filter, std::int64_t output) {
    const auto add = [&](std::int64_t to, double value) { sums[static_cast<std::size_t>(to)] += value; };
    switch (s.pass) {
      case Pass::kForward: return add(output, left.get(image) * right.get(filter));
      case Pass::kInputGradient: return add(image, left.get(output) * right.get(filter));
      case Pass::kFilterGradient: return add(filter, left.get(image) * right.get(output));
    }
  });
  const Elements to(result, s.pass == Pass::kFilterGradient ? Element::kFloat32 : s.element);
  for (std::int64_t i = 0; i < size; ++i) to.put(i, sums[static_cast<std::size_t>(i)]);
}

void compute(const ProductSpec& s, const void* a, const void* b, void* result) {
  const Elements left(a, s.element), right(b, s.element), to(result, s.result);
  for (std::int64_t m = 0; m < s.m; ++m)
    for (std::int64_t n = 0; n < s.n; ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < s.k; ++k) {
        sum += left.get(s.transposed_a ? k * s.m + m : m * s.k + k) *
               right.get(s.transposed_b ? n * s.k + k : k * s.n + n);
      }
      to.put(m * s.n + n, sum);
    }
}

class HostDevice final : public Device {
 public:
  explicit HostDevice(std::shared_ptr<Record> record) : record_(std::move(record)) {}
  ~HostDevice() override {
    flush();
    for (const auto& [begin, block] : blocks_) std::free(block.memory);
  }

  [[nodiscard]] std::string description() const override { return "a card played by the host"; }
  [[nodiscard]] std::string instruction_set() const override { return "host-device"; }

  void* allocate(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    not_recording("allocates");
    if (bytes > record_->memory_left) {
      ++record_->refusals;
      spot::fail(spot::Status::kNoMemory, "the card has no memory left");
    }
    record_->memory_left -= bytes;
    void* memory = add_block(bytes);
    std::memset(memory, 0, bytes);
    return memory;
  }
  void free(void* memory) noexcept override { record_->memory_left += remove_block(memory); }
  void* allocate_pinned(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    not_recording("allocates");
    void* memory = add_block(bytes);
    std::memset(memory, 0xA5, bytes);
    return memory;
  }
  void free_pinned(void* memory) noexcept override { remove_block(memory); }

  void upload(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer({to}, to, from, bytes, stream);
  }
  void download(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer({from}, to, from, bytes, stream);
  }
  void copy(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer({to, from}, to, from, bytes, stream);
  }

  void launch(const Kernel& kernel) override;
  std::unique_ptr<Operation> plan(const ConvolutionSpec& spec) override {
    record_->convolutions.push_back(spec);
    return plan_any(spec);
  }
  std::unique_ptr<Operation> plan(const ProductSpec& spec) override {
    record_->products.push_back(spec);
    return plan_any(spec);
  }

  void begin_graph() override {
    not_recording("begins a graph");
    record_->is_recording = true;
  }
  std::unique_ptr<Graph> end_graph() override;
  std::unique_ptr<Event> make_event() override;
  void synchronise(Stream stream) override;

  void enqueue(Work work, Stream stream);

 private:
  struct Block {
    void* memory;
    std::size_t size;
    std::size_t touched[2] = {0, 0};  ///< by the work of that number in each stream
  };
  class HostEvent;
  class HostGraph;
  template <typename Spec>
  class HostOperation;

  template <typename Spec>
  std::unique_ptr<Operation> plan_any(const Spec& spec) {
    not_recording("plans");
    return std::make_unique<HostOperation<Spec>>(*this, spec);
  }

  void* add_block(std::size_t bytes);
  std::size_t remove_block(void* memory) noexcept;
  void transfer(std::vector<const void*> pointers, void* to, const void* from, std::size_t bytes, Stream stream);
  void touch(const void* pointer, Stream stream);
  void not_recording(const std::string& what) const {
    if (record_->is_recording) misuse(cat(what, " while a graph is recorded"));
  }
  void tell_launch() const {
    if (record_->on_launch) record_->on_launch();
  }
  void throw_failure() const {
    if (!record_->failure.empty()) spot::fail(spot::Status::kInternal, record_->failure);
  }
  /// The host and both streams go on behind that work of a stream.
  void reach(Stream stream, std::size_t number) {
    flush();
    for (auto& known : known_) known[index_of(stream)] = std::max(known[index_of(stream)], number);
  }
  void flush() {
    for (; !queue_.empty(); queue_.pop_front()) queue_.front()();
  }

  std::recursive_mutex mutex_;
  std::shared_ptr<Record> record_;
  std::map<std::uintptr_t, Block> blocks_;
  std::map<std::uintptr_t, std::size_t> freed_;
  std::size_t done_[2] = {0, 0};                ///< work given to each stream
  std::size_t known_[2][2] = {{0, 0}, {0, 0}};  ///< [stream][of]: what it waits for
  std::vector<Work> recorded_;
  std::deque<std::function<void()>> queue_;
};

class HostDevice::HostEvent final : public Event {
 public:
  explicit HostEvent(HostDevice& device) : device_(device) {}
  void record(Stream stream) override {
    const std::lock_guard lock(device_.mutex_);
    device_.not_recording("records an event");
    stream_ = stream;
    number_ = device_.done_[index_of(stream)];
  }
  void hold(Stream stream) override {
    const std::lock_guard lock(device_.mutex_);
    std::size_t& known = device_.known_[index_of(stream)][index_of(stream_)];
    known = std::max(known, number_);
  }
  void wait() override {
    const std::lock_guard lock(device_.mutex_);
    ++device_.record_->waits;
    device_.throw_failure();
    device_.reach(stream_, number_);
  }
  [[nodiscard]] double microseconds_since(const Event& start) const override {
    return static_cast<double>(number_ - dynamic_cast<const HostEvent&>(start).number_);
  }

 private:
  HostDevice& device_;
  Stream stream_ = Stream::kCompute;
  std::size_t number_ = 0;
};

class HostDevice::HostGraph final : public Graph {
 public:
  HostGraph(HostDevice& device, std::vector<Work> work) : device_(device), work_(std::move(work)) {}
  void launch() override {
    device_.not_recording("launches a graph");
    ++device_.record_->graph_launches;
    device_.tell_launch();
    for (const Work& work : work_) device_.enqueue(work, Stream::kCompute);
  }

 private:
  HostDevice& device_;
  std::vector<Work> work_;
};

template <typename Spec>
class HostDevice::HostOperation final : public Operation {
 public:
  HostOperation(HostDevice& device, const Spec& spec) : device_(device), spec_(spec) {}
  void run(const void* a, const void* b, void* result) override {
    for (const void* operand : {a, b, static_cast<const void*>(result)}) {
      if (reinterpret_cast<std::uintptr_t>(operand) % 16 != 0) misuse("an operand is not aligned to 16 bytes");
    }
    ++device_.record_->launches;
    device_.enqueue({{a, b, result}, [spec = spec_, a, b, result] { compute(spec, a, b, result); }}, Stream::kCompute);
  }
  [[nodiscard]] std::string description() const override { return "plain loops"; }

 private:
  HostDevice& device_;
  Spec spec_;
};

void* HostDevice::add_block(std::size_t bytes) {
  if (bytes == 0) misuse("allocates nothing");
  ++record_->allocations;
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  std::erase_if(freed_,
                [&](const auto& range) { return range.first < begin + bytes && begin < range.first + range.second; });
  blocks_[begin] = {memory, bytes};
  return memory;
}

/// Returns its size.
std::size_t HostDevice::remove_block(void* memory) noexcept {
  const std::lock_guard lock(mutex_);
  flush();
  const auto block = blocks_.find(reinterpret_cast<std::uintptr_t>(memory));
  if (block == blocks_.end()) std::abort();
  const std::size_t size = block->second.size;
  freed_[block->first] = size;
  blocks_.erase(block);
  std::free(memory);
  return size;
}

/// Checks that the pointer, if it is one into memory of ours, is into living memory, and that the other stream's work
/// there is waited for.
void HostDevice::touch(const void* pointer, Stream stream) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto gone = freed_.upper_bound(address);
  if (gone != freed_.begin() && address < std::prev(gone)->first + std::prev(gone)->second) {
    misuse("work on memory that was freed");
  }
  const auto next = blocks_.upper_bound(address);
  if (next == blocks_.begin() || address >= std::prev(next)->first + std::prev(next)->second.size) return;
  Block& block = std::prev(next)->second;
  const std::size_t self = index_of(stream), other = 1 - self;
  if (block.touched[other] > known_[self][other]) misuse("a stream does not wait for the other one's work on memory");
  block.touched[self] = done_[self];
}

void HostDevice::enqueue(Work work, Stream stream) {
  const std::lock_guard lock(mutex_);
  if (record_->is_recording) {
    recorded_.push_back(std::move(work));
    return;
  }
  ++done_[index_of(stream)];
  for (const void* pointer : work.pointers) touch(pointer, stream);
  queue_.push_back(std::move(work.run));
}

void HostDevice::transfer(std::vector<const void*> pointers, void* to, const void* from, std::size_t bytes,
                          Stream stream) {
  const std::lock_guard lock(mutex_);
  not_recording("transfers");
  ++record_->transfers;
  for (const void* pointer : pointers) {
    const auto next = blocks_.upper_bound(reinterpret_cast<std::uintptr_t>(pointer));
    const auto end = reinterpret_cast<std::uintptr_t>(pointer) + bytes;
    if (next == blocks_.begin() || end > std::prev(next)->first + std::prev(next)->second.size) {
      misuse("a transfer beyond memory of the card");
    }
  }
  enqueue({std::move(pointers), [=] { std::memcpy(to, from, bytes); }}, stream);
}

void HostDevice::launch(const Kernel& kernel) {
  ++record_->launches;
  tell_launch();
  std::visit(
      [&](const auto& one) {
        std::vector<const void*> words(sizeof one / sizeof(void*));
        std::memcpy(words.data(), &one, words.size() * sizeof(void*));
        // No thread may depend on another: every other launch takes them backwards.
        const bool backwards = record_->launches % 2 == 0;
        const auto run = [one, backwards] {
          const std::uint64_t threads = one.threads();
          for (std::uint64_t i = 0; i < threads; ++i) one(backwards ? threads - 1 - i : i);
        };
        enqueue({std::move(words), run}, Stream::kCompute);
      },
      kernel);
}

std::unique_ptr<Graph> HostDevice::end_graph() {
  record_->is_recording = false;
  record_->recorded_calls = recorded_.size();
  return std::make_unique<HostGraph>(*this, std::exchange(recorded_, {}));
}

std::unique_ptr<Event> HostDevice::make_event() {
  not_recording("makes an event");
  return std::make_unique<HostEvent>(*this);
}

void HostDevice::synchronise(Stream stream) {
  const std::lock_guard lock(mutex_);
  not_recording("synchronises");
  ++record_->synchronisations;
  throw_failure();
  reach(stream, done_[index_of(stream)]);
}

}  // namespace

std::unique_ptr<Device> make(std::shared_ptr<Record> record) {
  return std::make_unique<HostDevice>(std::move(record));
}

}  // namespace host_device
