#include "checkpoint/encoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "base/finite.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/trailer.h"
#include "checkpoint_generated.h"

// The builder lays the file out with its tensors' bytes left blank; the image is then filled from the front of the
// first tensor to the end of the last one, hashing while the bytes are in the cache, and each stretch of whole
// blocks goes to the sink at once, so that the disk works while the rest is made. The tables at the front, which
// hold the hashes, and the trailer come last.

// Tensors are copied byte for byte.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(float) == 4 && std::numeric_limits<float>::is_iec559);

namespace spot {
namespace {

namespace fb = ::flatbuffers;

constexpr std::size_t kDataAlignment = 64;
/// Copied and hashed in one go: fits into the cache of a core.
constexpr std::size_t kPiece = std::size_t{1} << 18;
/// Handed to the sink in one go: large enough for a disk's full speed.
constexpr std::size_t kStretch = std::size_t{1} << 20;
/// Present in the table, so that its place can be written to later: FlatBuffers leaves defaults out.
constexpr std::uint64_t kHashToCome = 1;
constexpr std::size_t kStateHashDigits = 32;

/// Memory on whole pages that keeps its content and only ever grows.
class Pages {
 public:
  Pages() = default;
  ~Pages() { std::free(memory_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::span<std::byte> resize(std::size_t size) {
    if (size > capacity_) {
      std::free(memory_);
      capacity_ = 0;
      memory_ = std::aligned_alloc(kBlock, size);
      if (memory_ == nullptr) throw std::bad_alloc();
      capacity_ = size;
    }
    return {static_cast<std::byte*>(memory_), size};
  }

 private:
  void* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

/// The tables of a checkpoint around tensors without content.
class Skeleton {
 public:
  Skeleton(fb::FlatBufferBuilder& builder, const CheckpointMeta& meta, const StateLayout& layout) : builder_(builder) {
    builder_.Clear();
    add_data(layout);
    const auto tensors = builder_.CreateVector(add_tensors(layout));
    format::FinishSizePrefixedCheckpointBuffer(builder_, add_checkpoint(meta, tensors));
  }

  [[nodiscard]] std::span<const std::byte> payload() const {
    return std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
  }
  /// Where the bytes of a tensor lie in the payload.
  [[nodiscard]] std::size_t data_at(std::size_t tensor) const {
    // A builder grows downwards and counts from the end; a vector is its length, then its elements.
    return builder_.GetSize() - data_[tensor].o + sizeof(fb::uoffset_t);
  }

 private:
  /// The last one first, so that they end up in the order of the layout.
  void add_data(const StateLayout& layout) {
    data_.resize(layout.tensors().size());
    for (std::size_t i = data_.size(); i-- > 0;) {
      const std::size_t bytes = layout.tensors()[i].size * sizeof(float);
      builder_.ForceVectorAlignment(bytes, 1, kDataAlignment);
      std::uint8_t* unused = nullptr;
      data_[i] = builder_.CreateUninitializedVector(bytes, 1, &unused);
    }
  }

  std::vector<fb::Offset<format::Tensor>> add_tensors(const StateLayout& layout) {
    std::vector<fb::Offset<format::Tensor>> tensors;
    for (const TensorSpec& tensor : layout.tensors()) {
      const auto name = builder_.CreateString(tensor.name);
      const auto shape = builder_.CreateVector(tensor.shape);
      tensors.push_back(format::CreateTensor(builder_, name, format::DType_float32,
                                             static_cast<format::Role>(tensor.role), shape, data_[tensors.size()],
                                             kHashToCome));
    }
    return tensors;
  }

  fb::Offset<format::Checkpoint> add_checkpoint(const CheckpointMeta& meta,
                                                fb::Offset<fb::Vector<fb::Offset<format::Tensor>>> tensors) {
    std::vector<fb::Offset<format::Setting>> settings;
    for (const auto& [key, value] : meta.config) {
      settings.push_back(format::CreateSettingDirect(builder_, key.c_str(), value.c_str()));
    }
    std::vector<format::Epoch> history;
    for (const SavedEpoch& e : meta.history) {
      history.emplace_back(e.epoch, e.step, e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy,
                           e.test_loss, e.test_accuracy, e.learning_rate);
    }
    const format::Running running(meta.running.loss_sum, meta.running.correct, meta.running.samples);
    const auto text = [this](const std::string& value) { return builder_.CreateString(value); };
    return format::CreateCheckpoint(
        builder_, meta.step, meta.epoch, meta.generation, text(meta.reason), text(meta.run_id), text(meta.parent_hash),
        meta.writer_epoch, meta.created_unix_ns, text(std::string(kStateHashDigits, '-')), text(meta.model_json),
        builder_.CreateVector(settings), text(meta.dataset_name), text(meta.dataset_fingerprint),
        meta.dataset_train_count, meta.steps_per_epoch, meta.seed, text(meta.code_version), text(meta.library_version),
        text(meta.device), text(meta.instruction_set), meta.best_accuracy, &running,
        builder_.CreateVectorOfStructs(history), tensors);
  }

  fb::FlatBufferBuilder& builder_;
  std::vector<fb::Offset<fb::Vector<std::uint8_t>>> data_;
};

/// Fills one image.
class Filler {
 public:
  Filler(const Skeleton& skeleton, const CheckpointMeta& meta, const StateReader& state, std::span<std::byte> image,
         BlockSink* sink, AllowedValues values)
      : skeleton_(skeleton),
        state_(state),
        image_(image),
        sink_(sink),
        values_(values),
        step_(meta.step),
        state_hasher_(meta.step, meta.seed),
        trailer_{.payload_size = skeleton.payload().size(),
                 .writer_epoch = meta.writer_epoch,
                 .generation = meta.generation,
                 .payload_hash = {}} {}

  /// Returns the state hash.
  std::string fill() {
    fill_tensors();
    std::string hash = state_hasher_.digest().hex();
    write_hashes(hash);
    write_trailer();
    return hash;
  }

 private:
  void fill_tensors() {
    const auto& tensors = state_.layout().tensors();
    copy_skeleton(tensors.empty() ? trailer_.payload_size : skeleton_.data_at(0));
    front_blocks_ = told_ = (filled_ + kBlock - 1) / kBlock * kBlock;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      copy_skeleton(skeleton_.data_at(i));
      copy_tensor(tensors[i]);
    }
    copy_skeleton(trailer_.payload_size);
  }

  /// What lies between two tensors: lengths and padding.
  void copy_skeleton(std::size_t end) {
    const auto part = skeleton_.payload().subspan(filled_, end - filled_);
    std::copy(part.begin(), part.end(), image_.begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ = end;
  }

  void copy_tensor(const TensorSpec& tensor) {
    state_hasher_.begin(tensor);
    tensor_hasher_.reset();
    // Tensors lie aligned in the image: a state that is not stored as it is written is put in order there.
    const std::span<float> room(reinterpret_cast<float*>(image_.data() + filled_), tensor.size);
    const auto bytes = std::as_bytes(state_.read(tensor, room));
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
      const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
      std::byte* copy = image_.data() + filled_;
      if (copy != piece.data()) std::memcpy(copy, piece.data(), piece.size());
      // Of the copy: what is hashed is what is written, even should the source change meanwhile.
      check_values(tensor, copy, piece.size());
      tensor_hasher_.update(copy, piece.size());
      state_hasher_.update(copy, piece.size());
      filled_ += piece.size();
      if (filled_ >= told_ + kStretch) tell(filled_ / kBlock * kBlock);
    }
    tensor_hashes_.push_back(tensor_hasher_.digest());
  }

  void check_values(const TensorSpec& tensor, const std::byte* bytes, std::size_t size) const {
    if (values_ == AllowedValues::kAny) return;
    if (all_finite({reinterpret_cast<const float*>(bytes), size / sizeof(float)})) return;
    fail_diverged(cat("tensor '", tensor.name, "' after step ", step_));
  }

  void write_hashes(const std::string& state_hash) {
    format::Checkpoint* table = format::GetMutableSizePrefixedCheckpoint(image_.data());
    std::memcpy(table->mutable_state_hash()->Data(), state_hash.data(), kStateHashDigits);
    for (fb::uoffset_t i = 0; i < tensor_hashes_.size(); ++i) {
      table->mutable_tensors()->GetMutableObject(i)->mutate_xxh3_64(tensor_hashes_[i]);
    }
  }

  void write_trailer() {
    const auto payload = image_.first(trailer_.payload_size);
    Hasher hasher;
    hasher.update(payload.data(), payload.size());
    trailer_.payload_hash = hasher.digest();
    std::fill(image_.begin() + static_cast<std::ptrdiff_t>(payload.size()), image_.end(), std::byte{0});
    const auto bytes = spot::encode(trailer_);
    std::copy(bytes.begin(), bytes.end(), image_.end() - kTrailerSize);
    tell(image_.size());
    if (sink_ != nullptr) sink_->ready(0, std::min(front_blocks_, image_.size()));
  }

  void tell(std::size_t end) {
    if (sink_ != nullptr && end > told_) sink_->ready(told_, end);
    told_ = std::max(told_, end);
  }

  const Skeleton& skeleton_;
  const StateReader& state_;
  std::span<std::byte> image_;
  BlockSink* sink_;
  AllowedValues values_;
  std::uint64_t step_;
  StateHasher state_hasher_;
  Hasher64 tensor_hasher_;
  std::vector<std::uint64_t> tensor_hashes_;
  Trailer trailer_;
  std::size_t filled_ = 0;        ///< bytes from the start that are in the image
  std::size_t front_blocks_ = 0;  ///< end of the blocks that hold the tables
  std::size_t told_ = 0;          ///< end of what the sink has from front_blocks_ on
};

}  // namespace

struct CheckpointEncoder::Buffers {
  std::optional<fb::FlatBufferBuilder> builder;
  Pages image;
};

CheckpointEncoder::CheckpointEncoder() : buffers_(std::make_unique<Buffers>()) {}
CheckpointEncoder::~CheckpointEncoder() = default;

EncodedCheckpoint CheckpointEncoder::encode(const CheckpointMeta& meta, const StateReader& state, BlockSink* sink,
                                            AllowedValues values) {
  constexpr std::size_t kRoomForTheRest = std::size_t{1} << 24;
  const std::size_t state_bytes = state.layout().size() * sizeof(float);
  if (state_bytes > kMaxPayload - kRoomForTheRest) {
    fail(Status::kUnsupported, cat("a state of ", state_bytes, " bytes does not fit into a checkpoint file (2 GiB)"));
  }
  // At its full size from the start: a builder that grows copies the blanks, and so touches their memory.
  if (!buffers_->builder) buffers_->builder.emplace(state_bytes + (std::size_t{1} << 20));
  const Skeleton skeleton(*buffers_->builder, meta, state.layout());
  const std::span<std::byte> image = buffers_->image.resize(file_size_of(skeleton.payload().size()));
  if (sink != nullptr) sink->begin(image);
  const std::string hash = Filler(skeleton, meta, state, image, sink, values).fill();
  return {image, hash};
}

}  // namespace spot
