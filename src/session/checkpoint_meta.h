#pragma once

#include "checkpoint/checkpoint.h"
#include "train/records.h"

namespace spot {

// `train` and `checkpoint` do not know each other: here the one's position becomes the other's description and back.

/// Writes the position into `meta`. `has_validation`: the best epoch is chosen by validation, else by test.
void describe_position(const TrainingPosition& position, bool has_validation, CheckpointMeta& meta);

TrainingPosition position_of(const CheckpointMeta& meta);

}  // namespace spot
