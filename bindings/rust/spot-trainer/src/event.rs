use crate::border::{measured, path, text};
use crate::error::Status;
use crate::numbers::numbers;
use crate::poller::{Action, Notice};
use spot_trainer_sys::*;
use std::ops::BitOr;
use std::path::PathBuf;

numbers! {
    /// Why a checkpoint was saved.
    SaveReason, spot_save_reason_name {
        /// So many steps or seconds since the last one.
        Interval = SPOT_SAVE_INTERVAL,
        /// An epoch has ended.
        Epoch = SPOT_SAVE_EPOCH,
        /// The machine is about to be taken away.
        Notice = SPOT_SAVE_NOTICE,
        /// The host asked for it, or ended the run.
        Request = SPOT_SAVE_REQUEST,
        /// The run is done.
        Final = SPOT_SAVE_FINAL,
    }
}

numbers! {
    /// Why a run returned.
    RunReason, spot_run_reason_name {
        /// It came to its end.
        Done = SPOT_RUN_DONE,
        /// A notice.
        Interrupted = SPOT_RUN_INTERRUPTED,
        /// The [`Cancel`](crate::Cancel).
        Cancelled = SPOT_RUN_CANCELLED,
        /// A closure asked for it.
        Stopped = SPOT_RUN_STOPPED,
        /// The call returned an error; only an event says so.
        Failed = SPOT_RUN_FAILED,
    }
}

/// Which events to be told of, to be combined with `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Events(pub(crate) u32);

impl Events {
    /// A run begins.
    pub const RUN_BEGIN: Events = Events(SPOT_EVENT_RUN_BEGIN);
    /// A run ends.
    pub const RUN_END: Events = Events(SPOT_EVENT_RUN_END);
    /// An epoch begins.
    pub const EPOCH_BEGIN: Events = Events(SPOT_EVENT_EPOCH_BEGIN);
    /// An epoch is recorded; in a run after its evaluation.
    pub const EPOCH_END: Events = Events(SPOT_EVENT_EPOCH_END);
    /// After a step.
    pub const STEP: Events = Events(SPOT_EVENT_STEP);
    /// After an evaluation.
    pub const EVALUATION: Events = Events(SPOT_EVENT_EVALUATION);
    /// A checkpoint became durable, or failed to.
    pub const CHECKPOINT: Events = Events(SPOT_EVENT_CHECKPOINT);
    /// The poller told of a notice or its withdrawal.
    pub const NOTICE: Events = Events(SPOT_EVENT_NOTICE);
    /// Those above.
    pub const ALL: Events = Events(SPOT_EVENT_ALL);
}

impl BitOr for Events {
    type Output = Events;

    fn bitor(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
}

/// What a closure tells the run. A closure that returns nothing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End at the next step boundary: a run saves and returns [`RunReason::Stopped`], other calls fail with
    /// [`Status::Cancelled`].
    Stop,
    /// End the call with [`Status::Callback`], without a save.
    Fail,
}

impl Flow {
    pub(crate) fn raw(self) -> i32 {
        match self {
            Flow::Continue => SPOT_ANSWER_CONTINUE,
            Flow::Stop => SPOT_ANSWER_STOP,
            Flow::Fail => SPOT_ANSWER_FAIL,
        }
    }
}

impl From<()> for Flow {
    fn from(_: ()) -> Self {
        Flow::Continue
    }
}

/// Something that a trainer tells of.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Steps done.
    pub step: u64,
    /// Of the last step done, or the one that begins; 1 is the first.
    pub epoch: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. Losses and accuracies that are `None` were not measured.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A run begins.
    RunBegin {
        /// It goes on from the volume's checkpoint.
        resumed: bool,
        /// Name of the run.
        run_id: String,
        /// See [`Trainer::state_hash`](crate::Trainer::state_hash).
        state_hash: String,
    },
    /// A run ends.
    RunEnd {
        /// Why.
        reason: RunReason,
        /// Of the run.
        status: Status,
        /// Why it failed, else empty.
        message: String,
        /// Name of the run.
        run_id: String,
        /// Empty where a failure of the device has left no state.
        state_hash: String,
    },
    /// An epoch begins.
    EpochBegin,
    /// An epoch is recorded.
    EpochEnd {
        /// Of the epoch's training, as is the accuracy.
        loss: f64,
        /// In [0, 1].
        accuracy: f64,
        /// Of its last step.
        learning_rate: f64,
        /// On the validation set.
        validation_loss: Option<f64>,
        /// On the validation set.
        validation_accuracy: Option<f64>,
        /// On the test set.
        test_loss: Option<f64>,
        /// On the test set.
        test_accuracy: Option<f64>,
    },
    /// A step was done.
    Step {
        /// Of the batch, as is the accuracy.
        loss: f64,
        /// In [0, 1].
        accuracy: f64,
        /// The one used.
        learning_rate: f64,
        /// Euclidean norm of all gradients.
        gradient_norm: f64,
        /// Since the step before.
        samples_per_second: f64,
    },
    /// An evaluation was done.
    Evaluation {
        /// On the training set, when that was asked for.
        loss: Option<f64>,
        /// On the training set, when that was asked for.
        accuracy: Option<f64>,
        /// On the validation set.
        validation_loss: Option<f64>,
        /// On the validation set.
        validation_accuracy: Option<f64>,
        /// On the test set.
        test_loss: Option<f64>,
        /// On the test set.
        test_accuracy: Option<f64>,
    },
    /// A checkpoint became durable, or failed to.
    Checkpoint {
        /// Why it was saved.
        reason: SaveReason,
        /// [`Status::Ok`], or why it did not become durable.
        status: Status,
        /// Why it failed, else empty.
        message: String,
        /// The file.
        path: PathBuf,
        /// Size of the file.
        bytes: u64,
        /// Time that training stood still for it.
        stall_ms: f64,
        /// Copying and hashing.
        encode_ms: f64,
        /// Handing the bytes to the file system.
        write_ms: f64,
        /// fsync of the file, its renaming, fsync of the folder.
        fsync_ms: f64,
        /// From the decision to save to durable.
        durable_ms: f64,
        /// See [`SaveReport::not_promised`](crate::SaveReport::not_promised).
        not_promised: String,
    },
    /// The poller told of a notice or its withdrawal.
    Notice(Notice),
    /// A kind that this version of the binding has no name for.
    Unknown(i32),
}

impl Event {
    pub(crate) unsafe fn read(event: &spot_event) -> Self {
        Event { step: event.step, epoch: event.epoch, kind: EventKind::read(event) }
    }
}

impl EventKind {
    unsafe fn read(event: &spot_event) -> Self {
        match event.kind as u32 {
            SPOT_EVENT_RUN_BEGIN => EventKind::RunBegin {
                resumed: event.resumed != 0,
                run_id: text(event.run_id),
                state_hash: text(event.state_hash),
            },
            SPOT_EVENT_RUN_END => EventKind::RunEnd {
                reason: RunReason::from_raw(event.run_reason),
                status: Status::from_raw(event.status),
                message: text(event.message),
                run_id: text(event.run_id),
                state_hash: text(event.state_hash),
            },
            SPOT_EVENT_EPOCH_BEGIN => EventKind::EpochBegin,
            SPOT_EVENT_EPOCH_END => EventKind::EpochEnd {
                loss: event.loss,
                accuracy: event.accuracy,
                learning_rate: event.learning_rate,
                validation_loss: measured(event.validation_loss),
                validation_accuracy: measured(event.validation_accuracy),
                test_loss: measured(event.test_loss),
                test_accuracy: measured(event.test_accuracy),
            },
            SPOT_EVENT_STEP => EventKind::Step {
                loss: event.loss,
                accuracy: event.accuracy,
                learning_rate: event.learning_rate,
                gradient_norm: event.gradient_norm,
                samples_per_second: event.samples_per_second,
            },
            SPOT_EVENT_EVALUATION => EventKind::Evaluation {
                loss: measured(event.loss),
                accuracy: measured(event.accuracy),
                validation_loss: measured(event.validation_loss),
                validation_accuracy: measured(event.validation_accuracy),
                test_loss: measured(event.test_loss),
                test_accuracy: measured(event.test_accuracy),
            },
            SPOT_EVENT_CHECKPOINT => EventKind::Checkpoint {
                reason: SaveReason::from_raw(event.save_reason),
                status: Status::from_raw(event.status),
                message: text(event.message),
                path: path(event.path),
                bytes: event.bytes,
                stall_ms: event.stall_ms,
                encode_ms: event.encode_ms,
                write_ms: event.write_ms,
                fsync_ms: event.fsync_ms,
                durable_ms: event.durable_ms,
                not_promised: text(event.not_promised),
            },
            SPOT_EVENT_NOTICE => EventKind::Notice(Notice {
                action: Action::from_raw(event.action),
                id: event.notice_id,
                seconds_left: measured(event.seconds_left),
                stale: event.stale != 0,
                withdrawn: event.withdrawn != 0,
                ends_run: event.ends_run != 0,
                source: text(event.source),
                detail: text(event.detail),
            }),
            _ => EventKind::Unknown(event.kind),
        }
    }
}
