#include "engine/cuda/card/card.h"

#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/card/context.h"
#include "engine/cuda/card/convolution.h"
#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/launch.h"
#include "engine/cuda/card/product.h"

namespace spot::cuda {
namespace {

class CardEvent final : public Event {
 public:
  explicit CardEvent(const Context& context) : context_(context) {
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "cudaEventCreate");
    event_.reset(event);
  }

  void record(Stream stream) override {
    const OnDevice on_device(context_.device());
    check(cudaEventRecord(event_.get(), context_.stream(stream)), "cudaEventRecord");
  }
  void hold(Stream stream) override {
    const OnDevice on_device(context_.device());
    check(cudaStreamWaitEvent(context_.stream(stream), event_.get(), 0), "cudaStreamWaitEvent");
  }
  void wait() override {
    const OnDevice on_device(context_.device());
    check(cudaEventSynchronize(event_.get()), "cudaEventSynchronize");
  }
  [[nodiscard]] double microseconds_since(const Event& start) const override {
    const OnDevice on_device(context_.device());
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, dynamic_cast<const CardEvent&>(start).event_.get(), event_.get()),
          "cudaEventElapsedTime");
    return 1e3 * static_cast<double>(milliseconds);
  }

 private:
  const Context& context_;
  EventHandle event_;
};

class CardGraph final : public Graph {
 public:
  CardGraph(const Context& context, GraphExecHandle graph) : context_(context), graph_(std::move(graph)) {}

  void launch() override {
    const OnDevice on_device(context_.device());
    check(cudaGraphLaunch(graph_.get(), context_.compute()), "cudaGraphLaunch");
  }

 private:
  const Context& context_;
  GraphExecHandle graph_;
};

class Card final : public Device {
 public:
  Card();

  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::string instruction_set() const override;

  void* allocate(std::size_t bytes) override;
  void free(void* memory) noexcept override { static_cast<void>(cudaFree(memory)); }
  void* allocate_pinned(std::size_t bytes) override;
  void free_pinned(void* memory) noexcept override { static_cast<void>(cudaFreeHost(memory)); }

  void upload(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer(to, from, bytes, cudaMemcpyHostToDevice, stream);
  }
  void download(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToHost, stream);
  }
  void copy(void* to, const void* from, std::size_t bytes, Stream stream) override {
    transfer(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
  }

  void launch(const Kernel& kernel) override;
  std::unique_ptr<Operation> plan(const ConvolutionSpec& spec) override;
  std::unique_ptr<Operation> plan(const ProductSpec& spec) override;

  void begin_graph() override;
  std::unique_ptr<Graph> end_graph() override;

  std::unique_ptr<Event> make_event() override;
  void synchronise(Stream stream) override;

 private:
  void transfer(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Stream stream);

  Context context_;
};

/// "13.0" for CUDA's 13000.
std::string cuda_version(int version) {
  return cat(version / 1000, ".", version % 1000 / 10);
}

std::string cudnn_version() {
  const std::size_t version = cudnnGetVersion();
  return cat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

std::string cublas_version() {
  const std::size_t version = cublasLtGetVersion();
  return cat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

int attribute(cudaDeviceAttr name, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, device), "cudaDeviceGetAttribute");
  return value;
}

/// e.g. 90 for 9.0.
int compute_capability(int device) {
  return 10 * attribute(cudaDevAttrComputeCapabilityMajor, device) +
         attribute(cudaDevAttrComputeCapabilityMinor, device);
}

std::string describe(int device) {
  cudaDeviceProp properties{};
  int driver = 0;
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  return cat(properties.name, ", sm_", compute_capability(device), ", driver for CUDA ", cuda_version(driver),
             ", CUDA ", cuda_version(CUDART_VERSION), ", cuDNN ", cudnn_version(), ", cuBLAS ", cublas_version());
}

Card::Card() {
  const OnDevice on_device(context_.device());
  load_kernels();
}

std::string Card::description() const {
  return describe(context_.device());
}

std::string Card::instruction_set() const {
  // The libraries choose by the number of multiprocessors, too: an H100 SXM and an H100 PCIe may differ.
  return cat("sm_", compute_capability(context_.device()), "x",
             attribute(cudaDevAttrMultiProcessorCount, context_.device()), "-cudnn-", cudnn_version(), "-cublas-",
             cublas_version());
}

void* Card::allocate(std::size_t bytes) {
  const OnDevice on_device(context_.device());
  return allocate_zeroed(bytes).release();
}

void* Card::allocate_pinned(std::size_t bytes) {
  const OnDevice on_device(context_.device());
  void* memory = nullptr;
  const cudaError_t error = cudaMallocHost(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    fail(Status::kNoMemory, cat("the host has no memory to pin for ", bytes,
                                " bytes: give the process or container more memory, or use a smaller model"));
  }
  check(error, "cudaMallocHost");
  return memory;
}

void Card::transfer(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Stream stream) {
  const OnDevice on_device(context_.device());
  check(cudaMemcpyAsync(to, from, bytes, kind, context_.stream(stream)), "cudaMemcpyAsync");
}

void Card::launch(const Kernel& kernel) {
  const OnDevice on_device(context_.device());
  cuda::launch(kernel, context_.compute());
}

std::unique_ptr<Operation> Card::plan(const ConvolutionSpec& spec) {
  const OnDevice on_device(context_.device());
  return plan_convolution(context_, spec);
}

std::unique_ptr<Operation> Card::plan(const ProductSpec& spec) {
  const OnDevice on_device(context_.device());
  return plan_product(context_, spec);
}

void Card::begin_graph() {
  const OnDevice on_device(context_.device());
  // Other threads may do meanwhile what this one may not, such as wait for a snapshot.
  check(cudaStreamBeginCapture(context_.compute(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

std::unique_ptr<Graph> Card::end_graph() {
  const OnDevice on_device(context_.device());
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(context_.compute(), &graph), "cudaStreamEndCapture");
  const GraphHandle recorded(graph);
  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
  GraphExecHandle owned(executable);
  check(cudaGraphUpload(executable, context_.compute()), "cudaGraphUpload");  // or the first launch would
  return std::make_unique<CardGraph>(context_, std::move(owned));
}

std::unique_ptr<Event> Card::make_event() {
  const OnDevice on_device(context_.device());
  return std::make_unique<CardEvent>(context_);
}

void Card::synchronise(Stream stream) {
  const OnDevice on_device(context_.device());
  check(cudaStreamSynchronize(context_.stream(stream)), "cudaStreamSynchronize");
}

/// What to do where the driver cannot even count its cards.
std::string remedy(cudaError_t error) {
  int version = 0;
  static_cast<void>(cudaDriverGetVersion(&version));
  if (version == 0) return cat("no NVIDIA driver is installed; install one for CUDA ", cuda_version(CUDART_VERSION));
  if (error == cudaErrorInsufficientDriver) {
    return cat("the driver is for CUDA ", cuda_version(version), "; install one for CUDA ",
               cuda_version(CUDART_VERSION), " or later");
  }
  if (error == cudaErrorNoDevice) return "nvidia-smi lists the machine's cards, CUDA_VISIBLE_DEVICES may hide them";
  return "nvidia-smi tells the state of the driver and its cards";
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

}  // namespace

std::string why_no_card() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return cat("cudaGetDeviceCount: ", cudaGetErrorString(error), " (", cudaGetErrorName(error), "): ", remedy(error));
  }
  if (cudnnGetVersion() / 10000 != CUDNN_MAJOR) {
    return cat("cuDNN ", cudnn_version(), " is installed, and this build needs cuDNN ", CUDNN_MAJOR);
  }
  const int capability = compute_capability(current_device());
  if (capability < SPOT_OLDEST_CARD) {
    return cat("the card has compute capability ", capability / 10, ".", capability % 10, ", and this build needs ",
               SPOT_OLDEST_CARD / 10, ".", SPOT_OLDEST_CARD % 10,
               ": choose another card with CUDA_VISIBLE_DEVICES, or ",
               "build with -DCMAKE_CUDA_ARCHITECTURES=", capability);
  }
  return "";
}

std::string describe_card() {
  return describe(current_device());
}

std::unique_ptr<Device> open_card() {
  return std::make_unique<Card>();
}

}  // namespace spot::cuda
