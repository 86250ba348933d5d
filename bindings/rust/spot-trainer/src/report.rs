//! What a trainer tells of itself and of its calls.

use crate::border::{array, measured, path, text};
use crate::error::Status;
use crate::event::RunReason;
use spot_trainer_sys::*;
use std::path::PathBuf;

/// What a trainer is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainerInfo {
    /// Worker threads in use.
    pub threads: i32,
    /// Steps done since the run began.
    pub step: u64,
    /// Of the last step done; 0: no step was done.
    pub epoch: u64,
    /// Epochs completed.
    pub epochs_done: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// After which the run is done.
    pub total_steps: u64,
    /// Trainable values.
    pub parameter_count: u64,
    /// Tensors of all roles.
    pub tensor_count: u64,
    /// Elements of all tensors together.
    pub state_size: u64,
    /// Training samples, without those of the validation set.
    pub train_samples: u64,
    /// Validation samples.
    pub validation_samples: u64,
    /// Test samples.
    pub test_samples: u64,
    /// Number of classes.
    pub classes: u32,
    /// Of an image, as are the next two.
    pub rows: u32,
    /// Width.
    pub columns: u32,
    /// 1 is grey, 3 is RGB.
    pub channels: u32,
    /// As in [`DatasetInfo::is_fallback`](crate::DatasetInfo::is_fallback).
    pub dataset_is_fallback: bool,
    /// Name of the dataset.
    pub dataset: String,
    /// Name of the run.
    pub run_id: String,
    /// What computes.
    pub device: String,
}

impl TrainerInfo {
    pub(crate) unsafe fn read(info: &spot_trainer_info) -> Self {
        TrainerInfo {
            threads: info.threads,
            step: info.step,
            epoch: info.epoch,
            epochs_done: info.epochs_done,
            steps_per_epoch: info.steps_per_epoch,
            total_steps: info.total_steps,
            parameter_count: info.parameter_count,
            tensor_count: info.tensor_count,
            state_size: info.state_size,
            train_samples: info.train_samples,
            validation_samples: info.validation_samples,
            test_samples: info.test_samples,
            classes: info.classes,
            rows: info.rows,
            columns: info.columns,
            channels: info.channels,
            dataset_is_fallback: info.dataset_is_fallback != 0,
            dataset: text(info.dataset),
            run_id: array(&info.run_id),
            device: array(&info.device),
        }
    }
}

/// How far a run has come.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// A run is at work.
    pub running: bool,
    /// Steps done since the run began.
    pub step: u64,
    /// Of the last step done; 0: no step was done.
    pub epoch: u64,
    /// After which the run is done.
    pub total_steps: u64,
    /// Since the run was called, or how long it took; `None`: never.
    pub seconds: Option<f64>,
    /// Of the last steps.
    pub samples_per_second: f64,
    /// Until the last step, at the mean rate of this call; `None`: not known yet.
    pub seconds_to_go: Option<f64>,
    /// Of the last step's batch.
    pub loss: f64,
    /// Of the last checkpoint that became durable; 0: none.
    pub saved_step: u64,
    /// Since then; `None`: none.
    pub seconds_since_save: Option<f64>,
    /// Of the last save: [`Status::Ok`], or why it failed.
    pub save_status: Status,
}

impl Progress {
    pub(crate) fn read(progress: &spot_progress) -> Self {
        Progress {
            running: progress.running != 0,
            step: progress.step,
            epoch: progress.epoch,
            total_steps: progress.total_steps,
            seconds: measured(progress.seconds),
            samples_per_second: progress.samples_per_second,
            seconds_to_go: measured(progress.seconds_to_go),
            loss: progress.loss,
            saved_step: progress.saved_step,
            seconds_since_save: measured(progress.seconds_since_save),
            save_status: Status::from_raw(progress.save_status),
        }
    }
}

/// What steps or an evaluation measured.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Steps done since the run began.
    pub step: u64,
    /// Done by this call; 0 for an evaluation.
    pub steps: u64,
    /// That the means below are taken over.
    pub samples: u64,
    /// Mean cross-entropy.
    pub loss: f64,
    /// In [0, 1].
    pub accuracy: f64,
    /// Of the last step; `None` for an evaluation.
    pub learning_rate: Option<f64>,
    /// Of the last step; `None` for an evaluation.
    pub gradient_norm: Option<f64>,
    /// Rate of the call.
    pub samples_per_second: f64,
}

impl Metrics {
    pub(crate) fn read(metrics: &spot_metrics) -> Self {
        Metrics {
            step: metrics.step,
            steps: metrics.steps,
            samples: metrics.samples,
            loss: metrics.loss,
            accuracy: metrics.accuracy,
            learning_rate: measured(metrics.learning_rate),
            gradient_norm: measured(metrics.gradient_norm),
            samples_per_second: metrics.samples_per_second,
        }
    }
}

/// A save, from the call to durable.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct SaveReport {
    /// Of the state that was saved.
    pub step: u64,
    /// Number of the save on this volume.
    pub generation: u64,
    /// Size of the file.
    pub bytes: u64,
    /// The training thread was held up.
    pub stall_ms: f64,
    /// Copying and hashing.
    pub encode_ms: f64,
    /// Handing the bytes to the file system.
    pub write_ms: f64,
    /// fsync of the file, its renaming, fsync of the folder.
    pub fsync_ms: f64,
    /// From the call to durable.
    pub durable_ms: f64,
    /// The file.
    pub path: PathBuf,
    /// With `durability=weak` what the file system cannot do, of "file-sync", "folder-sync" and "no-replace", separated
    /// by commas; else empty.
    pub not_promised: String,
}

impl SaveReport {
    pub(crate) unsafe fn read(report: &spot_save_report) -> Self {
        SaveReport {
            step: report.step,
            generation: report.generation,
            bytes: report.bytes,
            stall_ms: report.stall_ms,
            encode_ms: report.encode_ms,
            write_ms: report.write_ms,
            fsync_ms: report.fsync_ms,
            durable_ms: report.durable_ms,
            path: path(report.path),
            not_promised: array(&report.not_promised),
        }
    }
}

/// How a run ended.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct RunResult {
    /// Why it returned.
    pub reason: RunReason,
    /// It began from the volume's newest good checkpoint.
    pub resumed: bool,
    /// The state it stopped in is in a durable checkpoint, or it stopped before it began.
    pub durable: bool,
    /// Of the save that ended the run: [`Status::Ok`], or why it failed.
    pub save_status: Status,
    /// Why the save failed, else empty.
    pub save_message: String,
    /// Steps done since the run began.
    pub step: u64,
    /// Of the last step done.
    pub epoch: u64,
    /// Last measured; `None`: never yet.
    pub test_accuracy: Option<f64>,
    /// Last measured; `None`: never yet.
    pub test_loss: Option<f64>,
    /// That the call took.
    pub seconds: f64,
    /// From the poller's first sight of the notice; `None`: no notice, or nothing to save.
    pub notice_to_durable_ms: Option<f64>,
    /// Until the machine may be gone, at durable; `None`: no end is known.
    pub seconds_left: Option<f64>,
    /// The final model's architecture, when the run is done.
    pub model_path: Option<PathBuf>,
    /// See [`Trainer::state_hash`](crate::Trainer::state_hash).
    pub state_hash: String,
}

impl RunResult {
    pub(crate) unsafe fn read(result: &spot_run_result) -> Self {
        RunResult {
            reason: RunReason::from_raw(result.reason),
            resumed: result.resumed != 0,
            durable: result.durable != 0,
            save_status: Status::from_raw(result.save_status),
            save_message: text(result.save_message),
            step: result.step,
            epoch: result.epoch,
            test_accuracy: measured(result.test_accuracy),
            test_loss: measured(result.test_loss),
            seconds: result.seconds,
            notice_to_durable_ms: measured(result.notice_to_durable_ms),
            seconds_left: measured(result.seconds_left),
            model_path: Some(path(result.model_path)).filter(|path| !path.as_os_str().is_empty()),
            state_hash: array(&result.state_hash),
        }
    }
}
