#include "session/session.h"

#include <system_error>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/restore_attempts.h"
#include "session/checkpoint_meta.h"
#include "session/options.h"
#include "session/resume_check.h"
#include "session/run_id.h"
#include "session/state_fit.h"
#include "session/version.h"

namespace spot {
namespace {

std::string choose_run_id(const Config& config, const Clock& clock) {
  const std::string& run_id = config.text("run_id");
  if (run_id.empty()) return make_run_id(clock);
  check_run_id(run_id);
  return run_id;
}

/// The dataset of the run that would go on here. The checkpoints know it: whatever else were written down could be lost
/// or belong to another run. Empty when there is none to be read, which resume() will answer.
std::string dataset_of_run(const Volume& volume, const StopCheck& stop) {
  if (volume.root.empty()) return {};
  try {
    RestoreAttempts attempts;
    attempts.load(volume.checkpoints());
    for (const StoredFile& file : list_by_lineage(volume.checkpoints(), stop)) {
      if (attempts.of(file.path.filename().string()) >= kMaxRestoreAttempts) continue;
      // Only a glance: one whose content ends whoever reads it is found out, and set aside, by resume() alone.
      if (const auto meta = glance_at_checkpoint(file.path)) return meta->dataset_name;
    }
    return {};
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    return {};
  }
}

Dataset open(const Config& config, const Volume& volume, const StopCheck& stop, const Log& log) {
  DatasetRequest request = dataset_request(config, volume);
  if (request.name == "auto") request.begun_with = dataset_of_run(volume, stop);
  return open_dataset(request, stop, log);
}

std::unique_ptr<Engine> create(std::span<const Backend> backends, const std::string& device, const EngineSpec& spec,
                               const StopCheck& stop, const Log& log) {
  constexpr const char* kWhat = "making the engine";
  check_stop(stop, kWhat);
  std::unique_ptr<Engine> engine = create_engine(backends, device, spec, log);
  check_stop(stop, kWhat);
  return engine;
}

}  // namespace

Session::Session(const Config& config, std::span<const Backend> backends, const Clock& clock, Log log,
                 const StopCheck& stop)
    : Session(
          config, [&](const Volume& volume, const Log& told) { return open(config, volume, stop, told); }, backends,
          clock, std::move(log), stop) {}

Session::Session(const Config& config, Dataset dataset, std::span<const Backend> backends, const Clock& clock, Log log,
                 const StopCheck& stop)
    : Session(
          config,
          [&](const Volume&, const Log&) {
            dataset.split_off_validation(static_cast<std::uint32_t>(config.integer("validation_size")));
            return std::move(dataset);
          },
          backends, clock, std::move(log), stop) {}

Session::Session(const Config& config, const OpenDataset& open, std::span<const Backend> backends, const Clock& clock,
                 Log log, const StopCheck& stop)
    : config_(config),
      clock_(clock),
      log_(std::move(log)),
      run_id_(choose_run_id(config, clock)),
      volume_(open_volume(config)),
      dataset_(open(volume_, log_)),
      spec_(engine_spec(config, dataset_)),
      model_json_(model_to_json(spec_.model)),
      engine_(create(backends, config.text("device"), spec_, stop, log_)),
      trainer_(*engine_, dataset_, training_plan(config, dataset_), clock, log_) {
  log_.info(cat("threads: ", spec_.threads, ", ", thread_choice(config).reason));
  progress_.change([&](Progress& progress) {
    progress.run_id = run_id_;
    progress.loss = progress.samples_per_second = Event::kNone;
  });
}

Dataset open_configured_dataset(const Config& config, const StopCheck& stop, const Log& log) {
  Config whole = config;
  whole.set_integer("validation_size", 0);
  return open(whole, open_volume(config), stop, log);
}

void throw_if_hopeless(const SaveOutcome& outcome) {
  if (!outcome.error) return;
  const Status status = outcome.error->status();
  if (status == Status::kFenced || status == Status::kDiverged) throw Error(*outcome.error);
}

std::vector<float> Session::read_state() const {
  std::vector<float> values(engine_->layout().size());
  engine_->read_state(values);
  return values;
}

void Session::read_tensor(const TensorSpec& tensor, std::span<float> values) const {
  engine_->read_tensor(tensor, values);
}

std::string Session::state_hash() const {
  const std::vector<float> values = read_state();
  return spot::state_hash({&engine_->layout(), values}, trainer_.step(), spec_.seed).hex();
}

void Session::open_store(const StopCheck& stop) {
  if (writer_) return;
  check_has_volume(volume_);
  if (!volume_.writable) {
    fail(Status::kConfig, "volume_access is read-only, so nothing can be saved on the volume or resumed from it");
  }
  if (!store_) {
    StoreOptions options = store_options(config_);
    options.lease.promise = rehearse(config_, volume_.checkpoints(), log_);
    store_ = std::make_unique<CheckpointStore>(volume_.checkpoints(), options, clock_, log_, stop);
  }
  if (store_->has_predecessor()) renew_logs(volume_.logs(), store_->staging(), log_);
  writer_ = std::make_unique<AsyncWriter>(*store_, engine_->layout().size() * sizeof(float), clock_, log_);
}

Room Session::measure_room() const {
  const Fd folder = open_directory(volume_.checkpoints());
  // A run that did not resume yet would go on with the newest file's.
  const std::string run_id = store_ ? run_id_ : config_.text("run_id");
  const auto keep_every = static_cast<std::uint64_t>(config_.integer("keep_every"));
  return spot::measure_room(config_, engine_->layout(), folder.get(),
                            reusable_bytes(volume_.checkpoints(), run_id, keep_every));
}

void Session::check_room() const {
  const Room room = measure_room();
  const std::string text = spot::describe(room, config_), warning = file_size_warning(room);
  if (room.fit() == Fit::kNone) fail(Status::kNoSpace, text);
  if (room.fit() == Fit::kLess) {
    log_.warning(text);
  } else {
    log_.info(text);
  }
  if (!warning.empty()) log_.warning(warning);
}

void Session::release_spares() {
  if (writer_) writer_->wait_all();
  if (store_) store_->release_spares();
}

void Session::check_lease() const {
  if (store_) store_->check_lease();
}

void Session::prepare_save() {
  open_store();
  engine_->reserve_frozen_states(kMostSaves);
  writer_->prepare(run_id_);
}

bool Session::resume(const StopCheck& stop) {
  open_store(stop);
  writer_->wait_all(stop);
  const std::optional<Checkpoint> checkpoint = store_->recover(stop);
  if (!checkpoint) return false;
  try {
    adopt(*checkpoint);
  } catch (...) {
    store_->confirm_restore();  // a refusal is no crash, and must not count as one
    throw;
  }
  store_->confirm_restore();
  return true;
}

void Session::restore(const std::filesystem::path& path, const StopCheck& stop) {
  adopt(load_checkpoint(path, Links::kFollow, stop));
}

void Session::adopt(const Checkpoint& checkpoint) {
  const CheckpointMeta& meta = checkpoint.meta;
  check_run_id(meta.run_id);
  const PresentRun present{config_, spec_.model, dataset_, *engine_, config_.text("code_version"), library_version()};
  for (const std::string& change : check_resume(checkpoint, present)) {
    log_.warning(cat("resumed with a change: ", change));
  }
  if (checkpoint.layout == engine_->layout()) {
    trainer_.restore(position_of(meta), checkpoint.values);
  } else {
    trainer_.restore(position_of(meta), fit_state(checkpoint, engine_->layout()));
  }
  parent_hash_ = meta.state_hash;
  if (config_.text("run_id").empty()) run_id_ = meta.run_id;
  progress_.change([&](Progress& progress) {
    progress.run_id = run_id_;
    progress.step = trainer_.step();
    progress.loss = progress.samples_per_second = Event::kNone;
  });
}

Checkpoint Session::snapshot() const {
  return {describe(), engine_->layout(), read_state()};
}

void Session::serialize(const std::function<void(std::span<const std::byte>)>& take) const {
  CheckpointEncoder encoder;
  take(encoder.encode(describe(), *engine_->freeze_state(), nullptr, store_options(config_).values).image);
}

ExportedModel Session::export_network(const std::filesystem::path& prefix, const Fd* staging,
                                      const StopCheck& stop) const {
  const std::vector<float> values = read_state();
  const StateView state(&engine_->layout(), values);
  if (store_options(config_).values == AllowedValues::kFinite) {
    check_is_worth_exporting(state, cat("the state after step ", trainer_.step()));
  }
  return export_model(prefix, model_json_, state, export_metadata(run_id_, trainer_.step()), staging, stop);
}

void Session::note_steps(std::span<const StepRecord> records) {
  progress_.change([&](Progress& progress) {
    progress.step = trainer_.step();
    if (records.empty()) return;
    progress.loss = records.back().loss;
    progress.samples_per_second = records.back().samples_per_second;
  });
}

void Session::note_run_begin() {
  progress_.change([&](Progress& progress) {
    progress.running = true;
    progress.begin_ns = clock_.monotonic_ns();
    progress.training_ns = -1;
  });
}

void Session::note_training_begin() {
  progress_.change([&](Progress& progress) {
    progress.training_ns = clock_.monotonic_ns();
    progress.training_step = progress.step = trainer_.step();
  });
}

void Session::note_run_end() {
  progress_.change([&](Progress& progress) {
    progress.running = progress.checkpoint_requested = false;
    progress.step = trainer_.step();
    progress.end_ns = clock_.monotonic_ns();
  });
}

bool Session::request_checkpoint() const {
  bool heard = false;
  progress_.change([&](Progress& progress) { progress.checkpoint_requested = heard = progress.running; });
  return heard;
}

bool Session::take_checkpoint_request() {
  bool asked = false;
  progress_.change([&](Progress& progress) { asked = std::exchange(progress.checkpoint_requested, false); });
  return asked;
}

CheckpointMeta Session::describe() const {
  CheckpointMeta meta;
  describe_position(trainer_.position(), dataset_.validation.count > 0, meta);
  meta.seed = spec_.seed;
  meta.run_id = run_id_;
  meta.parent_hash = parent_hash_;
  meta.created_unix_ns = clock_.wall_ns();
  meta.model_json = model_json_;
  meta.config = config_.values();
  // They may hold passwords, and say nothing about the run.
  meta.config.erase("dataset_mirrors");
  meta.config.erase("metadata_endpoint");
  meta.dataset_name = dataset_.name;
  meta.dataset_fingerprint = dataset_.fingerprint;
  meta.dataset_train_count = dataset_.train.count;
  meta.code_version = config_.text("code_version");
  meta.library_version = library_version();
  meta.device = engine_->device();
  meta.instruction_set = engine_->instruction_set();
  return meta;
}

std::uint64_t Session::save_soon(SaveReason reason, const StopCheck& stop) {
  const std::int64_t asked_ns = clock_.monotonic_ns();
  check_stop(stop, "saving");
  open_store(stop);
  const std::uint64_t ticket = writer_->submit(describe(), reason, engine_->freeze_state(), asked_ns, stop);
  ++unreported_saves_;
  return ticket;
}

SaveOutcome Session::finish_save(std::uint64_t ticket, const StopCheck& stop) {
  writer_->wait(ticket, stop);
  // Saves finish in the order in which they were asked for, so the last one is ours.
  const std::vector<SaveOutcome> outcomes = writer_->take_outcomes();
  count_reported(outcomes);
  for (const SaveOutcome& outcome : outcomes) tell(outcome);
  return outcomes.back();
}

void Session::count_reported(const std::vector<SaveOutcome>& outcomes) {
  for (const SaveOutcome& outcome : outcomes) unreported_saves_ -= 1 + outcome.report.superseded;
}

std::vector<SaveOutcome> Session::report_saves() {
  if (!saving()) return {};
  std::vector<SaveOutcome> outcomes = writer_->take_outcomes();
  count_reported(outcomes);
  for (const SaveOutcome& outcome : outcomes) {
    tell(outcome);
    throw_if_hopeless(outcome);
  }
  return outcomes;
}

void Session::tell(const SaveOutcome& outcome) {
  const SaveReport& report = outcome.report;
  progress_.change([&](Progress& progress) {
    progress.save_status = outcome.error ? outcome.error->status() : Status::kOk;
    if (outcome.error) return;
    progress.saved_step = report.step;
    progress.saved_ns = report.durable_at_ns;
  });
  const char* const reason = to_text(report.reason);
  if (report.superseded > 0) {
    log_.info(cat("interval saves that had not begun and were superseded by that of step ", report.step, ": ",
                  report.superseded));
  }
  if (outcome.error) {
    log_.error(cat("the checkpoint of step ", report.step, " (", reason, ") was not saved: ", outcome.error->what()));
  } else {
    log_.info(cat("checkpoint of step ", report.step, " (", reason, ") is durable: ", report.path));
  }
  trainer_.observer().tell({.kind = EventKind::kCheckpoint,
                            .step = report.step,
                            .epoch = epoch_of(report.step, trainer_.steps_per_epoch()),
                            .status = outcome.error ? outcome.error->status() : Status::kOk,
                            .stall_ms = to_milliseconds(report.stall_ns),
                            .durable_ms = to_milliseconds(report.durable_ns),
                            .encode_ms = to_milliseconds(report.encode_ns),
                            .write_ms = to_milliseconds(report.write_ns),
                            .fsync_ms = to_milliseconds(report.fsync_ns),
                            .bytes = report.bytes,
                            .save_reason = static_cast<std::int32_t>(report.reason),
                            .path = report.path.c_str(),
                            .message = outcome.error ? outcome.error->what() : "",
                            .run_id = run_id_.c_str(),
                            .not_promised = report.not_promised.c_str()});
}

}  // namespace spot
