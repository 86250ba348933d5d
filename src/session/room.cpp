#include "session/room.h"

#include <array>
#include <cstdio>

#include <sys/resource.h>

#include "base/free_space.h"
#include "base/text.h"
#include "checkpoint/store.h"
#include "session/model_export.h"

namespace spot {
namespace {

/// So that a shortage is never printed as 0.0 MB.
constexpr std::uint64_t kRounding = 50'000;

std::string megabytes(std::uint64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text.data();
}

}  // namespace

Fit Room::fit() const {
  if (!available || *available >= wanted()) return Fit::kAll;
  return *available >= least() ? Fit::kLess : Fit::kNone;
}

Room measure_room(const Config& config, const StateLayout& layout, int folder, std::uint64_t reusable) {
  Room room;
  room.checkpoint = checkpoint_bytes(layout.size() * sizeof(float));
  room.tensors = layout.size() * sizeof(float);
  room.model = exported_bytes(layout);
  room.files = static_cast<std::uint64_t>(config.integer("keep_last") + config.integer("keep_best")) + kFilesBeside;
  room.available = free_space(folder);
  if (room.available) *room.available += reusable;
  return room;
}

std::string describe(const Room& room, const Config& config) {
  const std::string name = cat("volume '", config.text("volume"), "'");
  const std::string there = room.available ? megabytes(*room.available) : "unknown";
  if (room.fit() == Fit::kNone) {
    return cat(name, " is too small: the last two checkpoints and the one that is being saved, ",
               megabytes(room.checkpoint), " each, need ", megabytes(room.least()), ", and ", there, " are free, ",
               megabytes(room.least() - *room.available + kRounding),
               " too few: make room or choose a smaller model (no key keeps fewer than two)");
  }
  const std::string need = cat(room.files, " checkpoints of ", megabytes(room.checkpoint), " and a model of ",
                               megabytes(room.model), " need ", megabytes(room.wanted()), ", and ", there, " are free");
  const char* beside = config.integer("keep_every") > 0 ? " (beside what keep_every keeps)" : "";
  if (room.fit() == Fit::kAll) return cat(name, " has room for the run: at most ", need, beside);
  return cat(name, " has no room for what keep_last=", config.integer("keep_last"),
             " and keep_best=", config.integer("keep_best"), " keep: ", need, beside,
             ": lower keep_last or keep_best, choose a smaller model, or make room; until then checkpoints are removed "
             "early, but for the last two and the best");
}

std::string file_size_warning(const Room& room) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= room.checkpoint) {
    return {};
  }
  return cat("no checkpoint can be saved: it has ", megabytes(room.checkpoint), ", and files may have ",
             megabytes(limit.rlim_cur), " at most: raise the limit (ulimit -f)");
}

}  // namespace spot
