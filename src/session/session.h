#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "checkpoint/async_writer.h"
#include "checkpoint/store.h"
#include "data/dataset.h"
#include "engine/engine.h"
#include "session/model_export.h"
#include "session/progress.h"
#include "session/room.h"
#include "session/volume.h"
#include "train/trainer.h"

namespace spot {

/// Throws the error of a save after which no later save can succeed, and the same run would only fail again: kFenced,
/// another writer has taken over the volume; kDiverged, the state is not finite.
void throw_if_hopeless(const SaveOutcome& outcome);

/// The dataset that the key names, its training set whole.
Dataset open_configured_dataset(const Config& config, const StopCheck& stop, const Log& log);

/// Everything that one run on one volume consists of: dataset, engine, trainer and checkpoints. One
/// thread at a time.
class Session {
 public:
  /// Opens the volume and the dataset and builds the engine at step 0. Writes no checkpoint, and glances at one only to
  /// learn what dataset "auto" was when its run began. `clock` must outlive it. Throws kCancelled when `stop` said so.
  Session(const Config& config, std::span<const Backend> backends, const Clock& clock, Log log,
          const StopCheck& stop = {});
  /// The same on a dataset that is there already, whatever the key `dataset` says; the key `validation_size` says how
  /// it is split.
  Session(const Config& config, Dataset dataset, std::span<const Backend> backends, const Clock& clock, Log log,
          const StopCheck& stop = {});

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const Log& log() const { return log_; }
  [[nodiscard]] const Volume& volume() const { return volume_; }
  [[nodiscard]] const Dataset& dataset() const { return dataset_; }
  [[nodiscard]] const EngineSpec& spec() const { return spec_; }
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] const Engine& engine() const { return *engine_; }
  [[nodiscard]] Trainer& trainer() { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const { return trainer_; }
  [[nodiscard]] const std::string& run_id() const { return run_id_; }
  [[nodiscard]] const std::string& model_json() const { return model_json_; }

  /// A copy of the canonical state, for everything but saving.
  [[nodiscard]] std::vector<float> read_state() const;
  /// Copies one tensor of it.
  void read_tensor(const TensorSpec& tensor, std::span<float> values) const;
  /// XXH3-128 in hex of the present state.
  [[nodiscard]] std::string state_hash() const;

  /// Becomes the volume's writer, unless it is that already. Waits for another one as configured, asking `stop`.
  /// Throws kTimeout, or kCancelled when `stop` said so.
  void open_store(const StopCheck& stop = {});
  /// Throws kFenced when another writer has taken over the volume.
  void check_lease() const;
  /// A folder of the volume to make files in that are to be renamed into it; it is lost with the lease. Only after
  /// open_store().
  [[nodiscard]] const Fd& staging() const { return store_->staging(); }
  /// The room that this run takes on its volume, and what there is.
  [[nodiscard]] Room measure_room() const;
  /// Says what room a run takes. Throws kNoSpace when not even the last two checkpoints and a third one fit.
  void check_room() const;
  /// Lets the writer's thread get ready for the first save.
  void prepare_save();
  /// Leaves the room of what was made ready for later saves to something else.
  void release_spares();

  /// Takes over the volume's newest good checkpoint; false when there is none. Throws kCorrupt when
  /// there are some and none is good, kMismatch when it cannot go on under this configuration, kCancelled when
  /// `stop` said so.
  bool resume(const StopCheck& stop = {});
  /// Takes over the checkpoint in that file. The state is unchanged on failure, and when `stop` said so
  /// (kCancelled).
  void restore(const std::filesystem::path& path, const StopCheck& stop = {});
  /// Takes over a checkpoint from anywhere. The state is unchanged on failure.
  void adopt(const Checkpoint& checkpoint);
  /// The present state as a checkpoint.
  [[nodiscard]] Checkpoint snapshot() const;
  /// The bytes of a checkpoint file of the present state, which no volume keeps. Throws kDiverged when it is not
  /// finite, unless the key on_nan is continue.
  /// They are given to `take` and live until it returns.
  void serialize(const std::function<void(std::span<const std::byte>)>& take) const;
  /// Writes the network as it is now to those two files, see export_model(); `staging` may be null. Throws kDiverged
  /// when it is not finite, unless the key on_nan is continue.
  ExportedModel export_network(const std::filesystem::path& prefix, const Fd* staging,
                               const StopCheck& stop = {}) const;

  /// What other threads may look up.
  [[nodiscard]] const ProgressBoard& progress() const { return progress_; }
  /// Notes the trainer's position there, and what is known of the last step.
  void note_steps(std::span<const StepRecord> records);
  /// Notes that a run is at work, begins to train here, or ends.
  void note_run_begin();
  void note_training_begin();
  void note_run_end();
  /// Asks the run to save at its next step boundary; false when none is at work. From any thread.
  bool request_checkpoint() const;
  /// Whether that was asked since the last time.
  bool take_checkpoint_request();

  /// An observer asks the call that told it to end at its next step boundary.
  void request_stop() { stop_requested_ = true; }
  [[nodiscard]] bool stop_requested() const { return stop_requested_; }
  void forget_stop() { stop_requested_ = false; }

  /// Freezes the present state and lets the writer's thread make it durable. Returns a ticket. Throws kCancelled when
  /// `stop` said so while it waited for another writer, or for earlier saves.
  std::uint64_t save_soon(SaveReason reason, const StopCheck& stop = {});
  /// Waits for the outcome of that save and reports all outcomes since the last report. Throws kCancelled when `stop`
  /// said so: the save goes on, and is reported with the next one.
  SaveOutcome finish_save(std::uint64_t ticket, const StopCheck& stop = {});
  /// Tells log and observer of the saves that finished since the last report, and returns their outcomes. Throws what
  /// throw_if_hopeless() does; every other failure leaves training unharmed.
  std::vector<SaveOutcome> report_saves();
  /// Whether a save is under way, or finished and not reported yet.
  [[nodiscard]] bool saving() const { return unreported_saves_ > 0; }

 private:
  /// Makes the dataset, for a run on that volume.
  using OpenDataset = std::function<Dataset(const Volume& volume, const Log& log)>;
  Session(const Config& config, const OpenDataset& open, std::span<const Backend> backends, const Clock& clock, Log log,
          const StopCheck& stop);

  void count_reported(const std::vector<SaveOutcome>& outcomes);
  void tell(const SaveOutcome& outcome);
  [[nodiscard]] CheckpointMeta describe() const;

  Config config_;
  const Clock& clock_;
  Log log_;
  std::string run_id_;
  Volume volume_;
  Dataset dataset_;
  EngineSpec spec_;
  std::string model_json_;
  std::unique_ptr<Engine> engine_;
  Trainer trainer_;
  std::string parent_hash_;  ///< state hash of the checkpoint that was taken over; empty: none

  std::unique_ptr<CheckpointStore> store_;  ///< opened by the first use
  std::unique_ptr<AsyncWriter> writer_;
  std::uint64_t unreported_saves_ = 0;
  mutable ProgressBoard progress_;
  bool stop_requested_ = false;
};

}  // namespace spot
