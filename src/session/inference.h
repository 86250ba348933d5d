#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/cancel.h"
#include "base/config.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

namespace spot {

/// The network of a checkpoint with its parameters, for prediction only: no dataset, no volume, nothing is written. Any
/// number of threads may use it; one after the other computes.
class Inference {
 public:
  /// Of `config` the keys count that say where and how to compute. Throws kModel, kMismatch, kUnsupported.
  Inference(const Checkpoint& checkpoint, const Config& config, std::span<const Backend> backends, const Log& log);

  [[nodiscard]] const ModelSpec& model() const { return spec_.model; }
  [[nodiscard]] const Engine& engine() const { return *engine_; }

  /// Copies the parameters and statistics, in the order of the engine's layout, or one of these tensors.
  void read_state(std::span<float> values) const;
  void read_tensor(const TensorSpec& tensor, std::span<float> values) const;

  /// How many images so many bytes are. Throws kInvalidArgument when it is no whole number.
  [[nodiscard]] std::size_t count_of(std::size_t bytes, PixelType type) const;

  /// Class probabilities, [images][classes], of images, [images][rows][columns][channels], given as their bytes. Throws
  /// kInvalidArgument when these are no whole number of images or there is no room for the probabilities, kData for
  /// floats that are not finite, kCancelled.
  void predict(std::span<const std::uint8_t> images, std::span<float> probabilities, const StopCheck& stop,
               PixelType type = PixelType::kUint8);

 private:
  EngineSpec spec_;
  std::unique_ptr<Engine> engine_;
  mutable std::mutex mutex_;  ///< an engine takes one call at a time
};

}  // namespace spot
