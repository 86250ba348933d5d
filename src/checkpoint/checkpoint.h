#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/state_view.h"

namespace spot {

/// One finished epoch of the run, as a file keeps it. A number that was not measured is NaN.
struct SavedEpoch {
  std::uint64_t epoch = 0;  ///< 1 is the first
  std::uint64_t step = 0;   ///< steps done at its end
  double train_loss = 0;
  double train_accuracy = 0;
  double validation_loss = 0;
  double validation_accuracy = 0;
  double test_loss = 0;
  double test_accuracy = 0;
  double learning_rate = 0;  ///< of its last step
};

/// Sums over the steps of the running epoch, as a file keeps them.
struct SavedRunning {
  double loss_sum = 0;  ///< sum of the samples' losses
  std::uint64_t correct = 0;
  std::uint64_t samples = 0;
};

/// Everything in a checkpoint but the tensors.
struct CheckpointMeta {
  // Position.
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;       ///< epochs completed
  std::uint64_t generation = 0;  ///< grows by one with every save of the volume; chosen by the store
  std::string reason;            ///< text of a SaveReason; of a file that was read, whatever it says

  // Lineage.
  std::string run_id;
  std::string parent_hash;         ///< state hash of the checkpoint this process resumed from; empty: none
  std::uint64_t writer_epoch = 0;  ///< which writer of the volume saved it
  std::int64_t created_unix_ns = 0;

  // What it is a state of.
  std::string state_hash;  ///< XXH3-128 in hex
  std::string model_json;
  std::map<std::string, std::string, std::less<>> config;
  std::string dataset_name;
  std::string dataset_fingerprint;
  std::uint64_t dataset_train_count = 0;
  std::uint64_t steps_per_epoch = 0;
  std::uint64_t seed = 0;

  // What computed it.
  std::string code_version;
  std::string library_version;
  std::string device;
  std::string instruction_set;

  // How it went so far.
  double best_accuracy = -1;  ///< by validation, or test without a validation set; -1: none measured yet
  SavedRunning running;
  std::vector<SavedEpoch> history;
};

/// A whole checkpoint in memory.
struct Checkpoint {
  CheckpointMeta meta;
  StateLayout layout;
  std::vector<float> values;

  [[nodiscard]] StateView state() const { return {&layout, values}; }
};

}  // namespace spot
