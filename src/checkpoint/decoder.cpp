#include "checkpoint/decoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/trailer.h"
#include "checkpoint_generated.h"

// Tensors are copied byte for byte.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(float) == 4 && std::numeric_limits<float>::is_iec559);

namespace spot {
namespace {

namespace fb = ::flatbuffers;

/// Deep enough for Checkpoint -> tensors -> Tensor -> data; a hostile file cannot make the verifier recurse.
constexpr fb::uoffset_t kMaxDepth = 8;
constexpr fb::uoffset_t kMaxTables = 4096;
constexpr fb::uoffset_t kMaxRank = 8;  // of spot_tensor_info

/// Turns a verified FlatBuffer into a checkpoint, trusting none of its values.
class Decoder {
 public:
  /// At most `allowance` bytes are copied out of it.
  Decoder(std::span<const std::byte> payload, std::size_t allowance, const std::string& origin, const StopCheck& stop)
      : payload_(payload),
        allowance_(allowance),
        origin_(origin),
        stop_(stop),
        what_(cat("verifying '", origin, "'")) {}

  CheckpointMeta decode_meta() {
    CheckpointMeta meta;
    decode_meta(verified_table(), meta);
    return meta;
  }

  Checkpoint decode() {
    const format::Checkpoint& table = verified_table();
    Checkpoint checkpoint;
    decode_meta(table, checkpoint.meta);
    decode_layout(table, checkpoint.layout);
    charge(checkpoint.layout.size() * sizeof(float), table.tensors());
    checkpoint.values.reserve(checkpoint.layout.size());
    std::size_t index = 0;
    StateHasher hasher(checkpoint.meta.step, checkpoint.meta.seed);
    for (const format::Tensor* tensor : *table.tensors()) {
      const TensorSpec& spec = checkpoint.layout.tensors()[index++];
      hasher.begin(spec);
      append_values(*tensor, spec, hasher, checkpoint.values);
    }
    const std::string hash = hasher.digest().hex();
    if (hash != checkpoint.meta.state_hash) {
      corrupt("its tensors do not match its state hash", table.state_hash());
    }
    return checkpoint;
  }

 private:
  [[noreturn]] void corrupt(const std::string& what, const void* at) const {
    const auto* byte = static_cast<const std::byte*>(at);
    fail_corrupt(origin_, what, static_cast<std::size_t>(byte - payload_.data()));
  }

  /// Accounts for what is copied out of the file. In a FlatBuffer many fields may share one content, so that a small
  /// file could ask for any amount of memory; ours never do.
  void charge(std::size_t bytes, const void* at) {
    if (bytes > allowance_ - charged_) corrupt("it announces more content than it has", at);
    charged_ += bytes;
  }

  std::string copy(const fb::String& text) {
    charge(text.size(), &text);
    return text.str();
  }

  /// The verifier looks at the alignment of a vector's length only. An empty one's elements need none.
  template <typename Element, typename Vector>
  void check_alignment(const Vector& vector) const {
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(vector.Data()) % alignof(Element) == 0;
    if (!is_aligned && vector.size() > 0) corrupt("a list in it is misplaced", &vector);
  }

  const format::Checkpoint& verified_table() {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload_.data());
    constexpr std::size_t kSmallest = 2 * sizeof(fb::uoffset_t) + fb::kFileIdentifierLength;
    if (payload_.size() < kSmallest || payload_.size() > kMaxPayload) {
      corrupt("its size cannot be that of a checkpoint", bytes);
    }
    if (fb::GetPrefixedSize(bytes) != payload_.size() - sizeof(fb::uoffset_t)) {
      corrupt("its size prefix is wrong", bytes);
    }
    if (!format::SizePrefixedCheckpointBufferHasIdentifier(bytes)) {
      corrupt("its identifier is not SPCK", bytes + 2 * sizeof(fb::uoffset_t));
    }
    fb::Verifier verifier(bytes, payload_.size(), kMaxDepth, kMaxTables);
    if (!format::VerifySizePrefixedCheckpointBuffer(verifier)) {
      corrupt("its structure is not that of a checkpoint", bytes);
    }
    return *format::GetSizePrefixedCheckpoint(bytes);
  }

  void decode_meta(const format::Checkpoint& table, CheckpointMeta& meta) {
    meta.step = table.step();
    meta.epoch = table.epoch();
    meta.generation = table.generation();
    meta.reason = copy(*table.reason());
    meta.run_id = copy(*table.run_id());
    meta.parent_hash = copy(*table.parent_hash());
    meta.writer_epoch = table.writer_epoch();
    meta.created_unix_ns = table.created_unix_ns();
    meta.state_hash = copy(*table.state_hash());
    meta.model_json = copy(*table.model_json());
    for (const format::Setting* setting : *table.config()) {
      meta.config[copy(*setting->key())] = copy(*setting->value());
    }
    meta.dataset_name = copy(*table.dataset_name());
    meta.dataset_fingerprint = copy(*table.dataset_fingerprint());
    meta.dataset_train_count = table.dataset_train_count();
    meta.steps_per_epoch = table.steps_per_epoch();
    meta.seed = table.seed();
    meta.code_version = copy(*table.code_version());
    meta.library_version = copy(*table.library_version());
    meta.device = copy(*table.device());
    meta.instruction_set = copy(*table.instruction_set());
    meta.best_accuracy = table.best_accuracy();
    if (const format::Running* running = table.running()) {
      meta.running = {running->loss_sum(), running->correct(), running->samples()};
    }
    check_alignment<format::Epoch>(*table.history());
    for (const format::Epoch* e : *table.history()) {
      meta.history.push_back({e->epoch(), e->step(), e->train_loss(), e->train_accuracy(), e->validation_loss(),
                              e->validation_accuracy(), e->test_loss(), e->test_accuracy(), e->learning_rate()});
    }
  }

  void decode_layout(const format::Checkpoint& table, StateLayout& layout) {
    for (const format::Tensor* tensor : *table.tensors()) {
      const std::string name = copy(*tensor->name());
      if (tensor->dtype() != format::DType_float32) {
        corrupt(cat("tensor '", printable(name), "' is of an unknown type"), tensor);
      }
      if (tensor->role() > format::Role_MAX) {
        corrupt(cat("tensor '", printable(name), "' has an unknown role"), tensor);
      }
      if (tensor->shape()->size() > kMaxRank) {
        corrupt(cat("tensor '", printable(name), "' has more than ", kMaxRank, " dimensions"), tensor->shape());
      }
      check_alignment<std::int64_t>(*tensor->shape());
      std::uint64_t size = 1;
      for (const std::int64_t extent : *tensor->shape()) {
        if (extent < 1 || static_cast<std::uint64_t>(extent) > kMaxPayload / size) {
          corrupt(cat("tensor '", printable(name), "' has an impossible shape"), tensor->shape());
        }
        size *= static_cast<std::uint64_t>(extent);
      }
      if (size * sizeof(float) != tensor->data()->size()) {
        corrupt(cat("tensor '", printable(name), "' has ", tensor->data()->size(), " bytes, its shape needs ",
                    size * sizeof(float)),
                tensor->data());
      }
      layout.add(name, {tensor->shape()->begin(), tensor->shape()->end()}, static_cast<TensorRole>(tensor->role()));
    }
  }

  /// The tensors lie in the arena in the order of the file.
  void append_values(const format::Tensor& tensor, const TensorSpec& spec, StateHasher& state,
                     std::vector<float>& values) {
    const auto& data = *tensor.data();
    Hasher64 hasher;
    in_pieces(std::as_bytes(std::span(data.data(), data.size())), stop_, what_, [&](std::span<const std::byte> piece) {
      hasher.update(piece.data(), piece.size());
      state.update(piece.data(), piece.size());
      const std::size_t before = values.size();
      values.resize(before + piece.size() / sizeof(float));
      std::memcpy(values.data() + before, piece.data(), piece.size());
    });
    if (hasher.digest() != tensor.xxh3_64()) {
      corrupt(cat("tensor '", printable(spec.name), "' does not match its hash"), data.data());
    }
  }

  std::span<const std::byte> payload_;
  std::size_t allowance_;
  const std::string& origin_;
  const StopCheck& stop_;
  std::string what_;
  std::size_t charged_ = 0;  ///< at most allowance_
};

/// Zeros, of which only those that are written to take memory.
class Blank {
 public:
  explicit Blank(std::size_t size)
      : size_(size),
        start_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~Blank() {
    if (valid()) ::munmap(start_, size_);
  }
  Blank(const Blank&) = delete;
  Blank& operator=(const Blank&) = delete;

  [[nodiscard]] bool valid() const { return start_ != MAP_FAILED; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {static_cast<std::byte*>(start_), size_}; }

 private:
  std::size_t size_;
  void* start_;
};

bool read_at(const Fd& file, std::span<std::byte> bytes, std::size_t at) {
  return ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::optional<CheckpointMeta> glance_at_checkpoint(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  std::array<std::byte, kTrailerSize> end{};
  if (size < kTrailerSize || !read_at(file, end, size - kTrailerSize)) return std::nullopt;
  const auto trailer = decode_trailer(end);
  if (!trailer || trailer->major != kFormatMajor || trailer->payload_size == 0 || trailer->payload_size > kMaxPayload ||
      trailer->payload_size > size - kTrailerSize) {
    return std::nullopt;
  }
  // The tables lie in front of the tensors, which stay blank.
  const Blank payload(trailer->payload_size);
  if (!payload.valid()) return std::nullopt;
  const std::span<std::byte> bytes = payload.bytes();
  if (!read_at(file, bytes.first(std::min(kGlance, bytes.size())), 0)) return std::nullopt;
  try {
    return Decoder(bytes, std::min(kGlance, bytes.size()), path.string(), {}).decode_meta();
  } catch (const Error&) {
    return std::nullopt;
  }
}

Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop) {
  const std::span<const std::byte> payload = check_trailer(bytes, origin, stop);
  Checkpoint checkpoint = Decoder(payload, payload.size(), origin, stop).decode();
  const auto trailer = decode_trailer(bytes.last<kTrailerSize>());
  if (trailer->generation != checkpoint.meta.generation || trailer->writer_epoch != checkpoint.meta.writer_epoch) {
    fail_corrupt(origin, "its trailer is that of another checkpoint", bytes.size() - kTrailerSize);
  }
  return checkpoint;
}

Checkpoint load_checkpoint(const std::filesystem::path& path, Links links, const StopCheck& stop) {
  std::vector<std::byte> bytes;
  try {
    bytes = read_file(path, file_size_of(kMaxPayload), links, stop);
  } catch (const Error& error) {
    // Larger than any checkpoint.
    if (error.status() == Status::kData) fail(Status::kCorrupt, error.what());
    if (error.status() != Status::kIo) throw;
    throw Error(Status::kIo, cat(error.what(), " (move the file away to go on without it)"), error.details());
  }
  return decode_checkpoint(bytes, path.string(), stop);
}

std::string checkpoint_library_version() {
  return cat(FLATBUFFERS_VERSION_MAJOR, ".", FLATBUFFERS_VERSION_MINOR, ".", FLATBUFFERS_VERSION_REVISION);
}

}  // namespace spot
