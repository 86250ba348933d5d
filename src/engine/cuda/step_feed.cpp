#include "engine/cuda/step_feed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/status.h"
#include "base/text.h"

namespace spot::cuda {
namespace {

constexpr std::size_t kCursorRoom = 64;                    // keeps the records aligned
constexpr std::size_t kMostSets = 6;                       // a run has three
constexpr std::size_t kLargestSet = std::size_t{4} << 30;  // bytes

std::size_t record_size(std::int64_t batch_size) {
  return StepTable{nullptr, nullptr, static_cast<std::uint32_t>(batch_size)}.record_size();
}

}  // namespace

StepFeed::StepFeed(Device& device, const EngineSpec& spec)
    : device_(device),
      augmentation_(spec.augmentation),
      optimizer_(spec.optimizer),
      seed_(spec.seed),
      batch_size_(static_cast<std::size_t>(spec.batch_size)),
      image_size_(static_cast<std::size_t>(spec.model.input.size())),
      record_size_(record_size(spec.batch_size)),
      host_(device, kCursorRoom + kMostSteps * record_size_),
      memory_(device, host_.size()) {
  std::memset(host_.data(), 0, host_.size());
}

StepTable StepFeed::table() const {
  return {memory_.data() + kCursorRoom, cursor(), static_cast<std::uint32_t>(batch_size_)};
}

std::byte* StepFeed::host_record(std::size_t record) const {
  return host_.data() + kCursorRoom + record * record_size_;
}

void StepFeed::check(const BatchView& batch) const {
  if (batch.indices.empty() || batch.indices.size() > batch_size_) {
    fail(Status::kInternal, cat("a batch of ", batch.indices.size(), " samples; 1 to ", batch_size_, " are possible"));
  }
}

void StepFeed::check(std::span<const TrainingStep> steps) const {
  for (const TrainingStep& step : steps) {
    check(step.batch);
    if (step.batch.type != steps.front().batch.type) fail(Status::kInternal, "steps on images of different types");
  }
}

void StepFeed::begin(std::size_t steps) {
  steps_ = steps;
  ++run_;
  // Not while records are made: they refer to sets.
  while (sets_.size() > kMostSets) sets_.pop_front();
}

StepInputs& StepFeed::put(std::size_t record, const BatchView& batch) {
  auto& inputs = *reinterpret_cast<StepInputs*>(host_record(record));
  auto* indices = reinterpret_cast<std::uint32_t*>(host_record(record) + StepTable::kIndices);
  inputs = {};
  inputs.samples = static_cast<std::uint32_t>(batch.indices.size());
  inputs.are_floats = batch.type == PixelType::kFloat32 ? 1 : 0;
  if (const ResidentSet* set = resident_set(batch)) {
    inputs.images = set->images.data();
    inputs.labels = set->labels.data();
    std::copy(batch.indices.begin(), batch.indices.end(), indices);
  } else {
    stage(record, batch, inputs, indices);
  }
  return inputs;
}

void StepFeed::put_training(std::size_t record, const TrainingStep& step, std::uint64_t number) {
  StepInputs& inputs = put(record, step.batch);
  const auto t = static_cast<double>(number + 1);
  inputs.step = number;
  inputs.learning_rate = step.learning_rate;
  inputs.first_correction = static_cast<float>(1.0 - std::pow(optimizer_.beta1, t));
  inputs.second_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(optimizer_.beta2, t)));
  if (!augmentation_.any()) return;
  inputs.moves_images = 1;
  auto* moves = reinterpret_cast<ImageMove*>(host_record(record) + table().moves_offset());
  for (std::size_t i = 0; i < inputs.samples; ++i) moves[i] = move_of(augmentation_, seed_, number, i);
}

void StepFeed::put_inference(std::size_t record, const BatchView& batch) {
  put(record, batch);
}

/// The set that a batch is of, brought onto the card when it is new; null for one that is not to stay there.
const StepFeed::ResidentSet* StepFeed::resident_set(const BatchView& batch) {
  const std::size_t bytes = batch.image_count * image_bytes(batch.type);
  if (batch.image_count == 0 || batch.labels == nullptr || bytes > kLargestSet) return nullptr;
  const auto found = std::find_if(sets_.begin(), sets_.end(), [&](const ResidentSet& set) {
    return set.host_images == batch.images && set.host_labels == batch.labels && set.count == batch.image_count &&
           set.type == batch.type;
  });
  if (found != sets_.end()) {
    found->run = run_;
    return found->labels.data() != nullptr ? &*found : nullptr;
  }
  ResidentSet set = {batch.images, batch.labels, batch.image_count, batch.type, {}, {}, run_};
  bool is_there = bring(set);
  while (!is_there && evict_idle()) is_there = bring(set);
  sets_.push_back(std::move(set));
  return is_there ? &sets_.back() : nullptr;
}

/// Brings a set onto the card, if there is room.
bool StepFeed::bring(ResidentSet& set) {
  const std::size_t bytes = set.count * image_bytes(set.type);
  try {
    DeviceBuffer<std::uint8_t> images(device_, bytes), labels(device_, set.count);
    set.images = std::move(images);
    set.labels = std::move(labels);
  } catch (const Error& error) {
    if (error.status() != Status::kNoMemory) throw;
    return false;
  }
  device_.upload(set.images.data(), set.host_images, bytes, Stream::kCompute);
  device_.upload(set.labels.data(), set.host_labels, set.count, Stream::kCompute);
  device_.synchronise(Stream::kCompute);  // the caller's memory is not pinned and may be written after this call
  return true;
}

/// Lets the oldest set go that is on the card and that no record of this run refers to; false: there is none.
bool StepFeed::evict_idle() {
  const auto idle = std::find_if(sets_.begin(), sets_.end(), [&](const ResidentSet& set) {
    return set.labels.data() != nullptr && set.run != run_;
  });
  if (idle == sets_.end()) return false;
  sets_.erase(idle);
  return true;
}

/// Of one record. The images of the next one begin where floats may.
std::size_t StepFeed::stage_size(PixelType type) const {
  constexpr std::size_t kAlignment = 64;
  return (batch_size_ * (image_bytes(type) + 1) + kAlignment - 1) / kAlignment * kAlignment;
}

/// The samples' images and labels behind one another, sent with the step.
void StepFeed::stage(std::size_t record, const BatchView& batch, StepInputs& inputs, std::uint32_t* indices) {
  const std::size_t image_size = image_bytes(batch.type), size = stage_size(batch.type);
  if (!stage_ || stage_->card.size() < steps_ * size) {
    stage_.reset();
    stage_.emplace(device_, steps_ * size);
  }
  const std::size_t images = record * size, labels = images + batch_size_ * image_size;
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    const std::size_t index = batch.indices[i];
    std::memcpy(stage_->host.data() + images + i * image_size, batch.images + index * image_size, image_size);
    if (batch.labels != nullptr) stage_->host.data()[labels + i] = batch.labels[index];
  }
  device_.upload(stage_->card.data() + images, stage_->host.data() + images, size, Stream::kCompute);
  std::iota(indices, indices + batch.indices.size(), 0U);
  inputs.images = stage_->card.data() + images;
  inputs.labels = batch.labels != nullptr ? stage_->card.data() + labels : nullptr;
}

void StepFeed::upload(std::size_t first, std::size_t count) {
  const std::size_t begin = first == 0 ? 0 : kCursorRoom + first * record_size_;
  const std::size_t end = kCursorRoom + (first + count) * record_size_;
  device_.upload(memory_.data() + begin, host_.data() + begin, end - begin, Stream::kCompute);
}

}  // namespace spot::cuda
