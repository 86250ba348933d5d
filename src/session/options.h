#pragma once

#include "base/config.h"
#include "base/processors.h"
#include "checkpoint/store.h"
#include "data/dataset.h"
#include "engine/engine.h"
#include "interrupt/poller.h"
#include "policy/save_policy.h"
#include "session/volume.h"
#include "snapshot/snapshot_store.h"
#include "train/trainer.h"

namespace spot {

// What each room wants to know, from the configuration's keys. A 0 that stands for "customary" is
// resolved by customary_value().

/// Steps after which a run is done. A key that is missing, as in the values of an old checkpoint, has its default.
std::uint64_t total_steps(const ConfigValues& values, std::uint64_t steps_per_epoch);
DatasetRequest dataset_request(const Config& config, const Volume& volume);
/// How many threads compute, and why: "2, one for each processor".
Processors thread_choice(const Config& config);
EngineSpec engine_spec(const Config& config, const Dataset& dataset);
EngineSpec engine_spec(const Config& config, ModelSpec model);
TrainingPlan training_plan(const Config& config, const Dataset& dataset);
SavePolicy save_policy(const Config& config);
/// What follows an interruption's durable checkpoint: waiting for its withdrawal rather than the end of the run.
bool waits_after_durable(const Config& config);
StoreOptions store_options(const Config& config);
SnapshotOptions snapshot_options(const Config& config);
PollerOptions poller_options(const Config& config);

}  // namespace spot
