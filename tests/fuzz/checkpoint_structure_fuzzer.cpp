#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "checkpoint/decoder.h"
#include "checkpoint/encoder.h"
#include "checkpoint_generated.h"
#include "framed.h"
#include "recipe.h"

// The input is a recipe for a checkpoint: a whole one at first, then wrong in as many places as the recipe says, behind
// right hashes. So the mutations are those of someone who knows the format.

namespace {

namespace fb = ::flatbuffers;
namespace format = spot::format;

/// Makes the tensors, and their state hash as long as the library could restore them.
class TensorCook {
 public:
  TensorCook(fb::FlatBufferBuilder& builder, Recipe& recipe) : builder_(builder), recipe_(recipe) {}

  void add() {
    const std::string name = recipe_.text();
    const auto role = recipe_.below(8) == 0 ? recipe_.byte() : recipe_.below(3);
    std::vector<std::int64_t> shape(recipe_.below(16) == 0 ? recipe_.byte() : recipe_.below(5));
    const bool hostile = recipe_.below(8) == 0;
    for (std::int64_t& extent : shape) {
      extent = hostile ? static_cast<std::int64_t>(recipe_.number()) : static_cast<std::int64_t>(1 + recipe_.below(3));
    }
    // A vector may serve many tensors: nothing in FlatBuffers forbids it.
    if (data_.empty() || recipe_.below(4) != 0) add_data(shape, hostile);
    const Data& data = data_.back();
    const bool right = recipe_.below(8) != 0;
    tensors_.push_back(format::CreateTensor(builder_, builder_.CreateString(name),
                                            static_cast<format::DType>(right ? 0 : recipe_.byte()),
                                            static_cast<format::Role>(role), builder_.CreateVector(shape), data.offset,
                                            right ? data.hash : recipe_.number()));
    if (!right || hostile || shape.size() > 8 || role > 2) can_be_whole_ = false;
    if (!can_be_whole_) return;
    layout_.add(name, shape, static_cast<spot::TensorRole>(role));
    const std::size_t size = layout_.tensors().back().size * sizeof(float);
    can_be_whole_ = size == data.bytes.size();
    values_.insert(values_.end(), data.bytes.begin(), data.bytes.end());
  }

  [[nodiscard]] const auto& tensors() const { return tensors_; }

  [[nodiscard]] std::string state_hash(std::uint64_t step, std::uint64_t seed) const {
    if (!can_be_whole_) return std::string(32, '0');
    std::vector<float> values(layout_.size());
    if (!values.empty()) std::memcpy(values.data(), values_.data(), values_.size());
    return spot::state_hash({&layout_, values}, step, seed).hex();
  }

 private:
  struct Data {
    fb::Offset<fb::Vector<std::uint8_t>> offset;
    std::vector<std::uint8_t> bytes;
    std::uint64_t hash;
  };

  void add_data(const std::vector<std::int64_t>& shape, bool hostile) {
    std::size_t size = sizeof(float);
    for (const std::int64_t extent : shape) size *= hostile || shape.size() > 4 ? 1 : static_cast<std::size_t>(extent);
    if (recipe_.below(16) == 0) size = recipe_.byte();
    Data data;
    data.bytes.resize(size);
    for (std::uint8_t& byte : data.bytes) byte = recipe_.byte();
    builder_.ForceVectorAlignment(size, 1, 64);
    data.offset = builder_.CreateVector(data.bytes);
    data.hash = spot::hash64(data.bytes.data(), data.bytes.size());
    data_.push_back(std::move(data));
  }

  fb::FlatBufferBuilder& builder_;
  Recipe& recipe_;
  std::vector<Data> data_;
  std::vector<fb::Offset<format::Tensor>> tensors_;
  spot::StateLayout layout_;
  std::vector<std::uint8_t> values_;
  bool can_be_whole_ = true;
};

std::vector<std::byte> cook(Recipe& recipe) {
  fb::FlatBufferBuilder builder;
  TensorCook tensors(builder, recipe);
  for (std::size_t left = recipe.below(6); left > 0; --left) tensors.add();
  std::vector<fb::Offset<format::Setting>> settings;
  for (std::size_t left = recipe.below(4); left > 0; --left) {
    const std::string key = recipe.text();
    const std::string value = recipe.text();
    settings.push_back(format::CreateSetting(builder, builder.CreateString(key), builder.CreateString(value)));
  }
  std::vector<format::Epoch> history;
  for (std::size_t left = recipe.below(4); left > 0; --left) {
    const double x = static_cast<double>(recipe.number());
    history.emplace_back(recipe.number(), recipe.number(), x, x, NAN, NAN, -x, INFINITY, x);
  }
  const std::uint64_t step = recipe.number(), seed = recipe.number();
  const std::string hash = recipe.below(8) == 0 ? recipe.text() : tensors.state_hash(step, seed);
  const std::string text = recipe.text();
  const char* words = text.c_str();
  const format::Running running(1, recipe.number(), recipe.number());
  format::FinishSizePrefixedCheckpointBuffer(
      builder,
      format::CreateCheckpointDirect(builder, step, recipe.number(), kGeneration, words, words, words, kWriterEpoch,
                                     static_cast<std::int64_t>(recipe.number()), hash.c_str(), words, &settings, words,
                                     words, recipe.number(), recipe.number(), seed, words, words, words, words, 0.5,
                                     recipe.below(2) == 0 ? nullptr : &running, &history, &tensors.tensors()));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

/// What was accepted comes back the same from the library's own encoder.
void check_round_trip(const spot::Checkpoint& checkpoint) {
  spot::CheckpointEncoder encoder;
  const auto content = encoder.encode(checkpoint.meta, checkpoint.state(), nullptr);
  const spot::Checkpoint back = spot::decode_checkpoint(content.image, "round trip");
  const bool same =
      back.layout == checkpoint.layout && back.meta.state_hash == checkpoint.meta.state_hash &&
      back.meta.step == checkpoint.meta.step && back.meta.generation == checkpoint.meta.generation &&
      back.meta.history.size() == checkpoint.meta.history.size() &&
      std::ranges::equal(std::as_bytes(std::span(back.values)), std::as_bytes(std::span(checkpoint.values)));
  if (!same) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Recipe recipe(data, size);
  std::vector<std::byte> payload = cook(recipe);
  while (!recipe.empty()) {
    const std::size_t at = (std::size_t{recipe.byte()} << 8 | recipe.byte()) % payload.size();
    payload[at] ^= std::byte{recipe.byte()};
  }
  std::optional<spot::Checkpoint> checkpoint;
  try {
    checkpoint = spot::decode_checkpoint(framed(payload), "fuzz");
  } catch (const spot::Error&) {
    return 0;
  }
  check_round_trip(*checkpoint);
  return 0;
}
