#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "engine/cuda/device_buffer.h"
#include "engine/cuda/kernels/step_table.h"
#include "engine/engine.h"

namespace spot::cuda {

/// Brings what steps are made of onto the card: the records of the step table, in transfers of several, and the
/// images. A set that says its size and has labels stays there, where there is room, and is known again by its address;
/// of others each step's samples are sent with it.
class StepFeed {
 public:
  static constexpr std::size_t kMostSteps = 32;  ///< records of the table

  StepFeed(Device& device, const EngineSpec& spec);

  [[nodiscard]] StepTable table() const;
  [[nodiscard]] std::uint32_t* cursor() const { return reinterpret_cast<std::uint32_t*>(memory_.data()); }

  /// Throws unless the batch is of 1 to batch_size samples.
  void check(const BatchView& batch) const;
  /// The same for each step, which must be of one type of image.
  void check(std::span<const TrainingStep> steps) const;
  /// Begins with the first record again; there will be `steps` of them.
  void begin(std::size_t steps);
  void put_training(std::size_t record, const TrainingStep& step, std::uint64_t number);
  void put_inference(std::size_t record, const BatchView& batch);
  /// Enqueues the transfer of records [first, first + count), with the first one that of the cursor. The work that was
  /// enqueued before the next begin() must be done by then.
  void upload(std::size_t first, std::size_t count);

 private:
  struct ResidentSet {
    const std::uint8_t* host_images;
    const std::uint8_t* host_labels;
    std::size_t count;
    PixelType type;
    DeviceBuffer<std::uint8_t> images, labels;  ///< none where the card had no room
    std::uint64_t run = 0;                      ///< the last that used it
  };
  struct Stage {
    Stage(Device& device, std::size_t size) : host(device, size), card(device, size) {}

    PinnedBuffer<std::uint8_t> host;
    DeviceBuffer<std::uint8_t> card;
  };

  StepInputs& put(std::size_t record, const BatchView& batch);
  const ResidentSet* resident_set(const BatchView& batch);
  bool bring(ResidentSet& set);
  bool evict_idle();
  void stage(std::size_t record, const BatchView& batch, StepInputs& inputs, std::uint32_t* indices);
  [[nodiscard]] std::size_t image_bytes(PixelType type) const { return image_size_ * size_of(type); }
  [[nodiscard]] std::size_t stage_size(PixelType type) const;
  [[nodiscard]] std::byte* host_record(std::size_t record) const;

  Device& device_;
  AugmentationSpec augmentation_;
  OptimizerSpec optimizer_;
  std::uint64_t seed_;
  std::size_t batch_size_, image_size_;
  std::size_t record_size_;
  std::size_t steps_ = 0;
  std::uint64_t run_ = 0;  ///< counts begin()
  PinnedBuffer<std::byte> host_;
  DeviceBuffer<std::byte> memory_;  ///< the cursor, then the records
  std::deque<ResidentSet> sets_;    ///< the oldest first
  std::optional<Stage> stage_;
};

}  // namespace spot::cuda
