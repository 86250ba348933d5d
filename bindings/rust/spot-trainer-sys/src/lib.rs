//! Declarations of `spot_trainer.h`, one for each of its own and with its names. What they mean, who frees what and
//! which thread may do what is said there; the crate `spot-trainer` is the safe way to use them.
//!
//! The build finds the library with `pkg-config`. `SPOT_TRAINER_LIB_DIR` names the folder of `libspot_trainer.so`
//! instead, and `SPOT_TRAINER_STATIC=1` links `libspot_trainer.a`. `tests/layout.rs` translates this file back into C,
//! and the C compiler compares it with the header.

#![allow(non_camel_case_types)]

use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_void};

pub const SPOT_ABI_MAJOR: u32 = 1;
pub const SPOT_ABI_MINOR: u32 = 0;
pub const SPOT_ABI_VERSION: u32 = SPOT_ABI_MAJOR * 65536 + SPOT_ABI_MINOR;

pub type spot_status = i32;

pub const SPOT_OK: spot_status = 0;
pub const SPOT_E_INVALID_ARGUMENT: spot_status = 1;
pub const SPOT_E_CONFIG: spot_status = 2;
pub const SPOT_E_DATA: spot_status = 3;
pub const SPOT_E_MODEL: spot_status = 4;
pub const SPOT_E_IO: spot_status = 5;
pub const SPOT_E_NO_SPACE: spot_status = 6;
pub const SPOT_E_CORRUPT: spot_status = 7;
pub const SPOT_E_NOT_FOUND: spot_status = 8;
pub const SPOT_E_MISMATCH: spot_status = 9;
pub const SPOT_E_NETWORK: spot_status = 10;
pub const SPOT_E_BUSY: spot_status = 11;
pub const SPOT_E_ORDER: spot_status = 12;
pub const SPOT_E_CANCELLED: spot_status = 13;
pub const SPOT_E_CALLBACK: spot_status = 14;
pub const SPOT_E_FORKED: spot_status = 15;
pub const SPOT_E_FENCED: spot_status = 16;
pub const SPOT_E_TIMEOUT: spot_status = 17;
pub const SPOT_E_UNSUPPORTED: spot_status = 18;
pub const SPOT_E_NO_MEMORY: spot_status = 19;
pub const SPOT_E_INTERNAL: spot_status = 20;
pub const SPOT_E_DIVERGED: spot_status = 21;

pub const SPOT_LOG_ERROR: i32 = 0;
pub const SPOT_LOG_WARNING: i32 = 1;
pub const SPOT_LOG_INFO: i32 = 2;
pub const SPOT_LOG_DEBUG: i32 = 3;

pub const SPOT_ACTION_TERMINATE: i32 = 1;
pub const SPOT_ACTION_STOP: i32 = 2;
pub const SPOT_ACTION_HIBERNATE: i32 = 3;
pub const SPOT_ACTION_REBALANCE: i32 = 4;
pub const SPOT_ACTION_REQUEST: i32 = 5;

pub const SPOT_TYPE_UINT8: i32 = 1;
pub const SPOT_TYPE_INT32: i32 = 2;
pub const SPOT_TYPE_INT64: i32 = 3;
pub const SPOT_TYPE_FLOAT32: i32 = 4;

pub const SPOT_EVENT_RUN_BEGIN: u32 = 1;
pub const SPOT_EVENT_RUN_END: u32 = 2;
pub const SPOT_EVENT_EPOCH_BEGIN: u32 = 4;
pub const SPOT_EVENT_EPOCH_END: u32 = 8;
pub const SPOT_EVENT_STEP: u32 = 16;
pub const SPOT_EVENT_EVALUATION: u32 = 32;
pub const SPOT_EVENT_CHECKPOINT: u32 = 64;
pub const SPOT_EVENT_NOTICE: u32 = 128;
pub const SPOT_EVENT_ALL: u32 = 255;

pub const SPOT_SAVE_INTERVAL: i32 = 1;
pub const SPOT_SAVE_EPOCH: i32 = 2;
pub const SPOT_SAVE_NOTICE: i32 = 3;
pub const SPOT_SAVE_REQUEST: i32 = 4;
pub const SPOT_SAVE_FINAL: i32 = 5;

pub const SPOT_RUN_DONE: i32 = 1;
pub const SPOT_RUN_INTERRUPTED: i32 = 2;
pub const SPOT_RUN_CANCELLED: i32 = 3;
pub const SPOT_RUN_STOPPED: i32 = 4;
pub const SPOT_RUN_FAILED: i32 = 5;

pub const SPOT_ANSWER_CONTINUE: i32 = 0;
pub const SPOT_ANSWER_STOP: i32 = 1;
pub const SPOT_ANSWER_FAIL: i32 = -1;

pub const SPOT_SPLIT_TRAIN: i32 = 0;
pub const SPOT_SPLIT_VALIDATION: i32 = 1;
pub const SPOT_SPLIT_TEST: i32 = 2;

pub const SPOT_ROLE_PARAMETER: i32 = 0;
pub const SPOT_ROLE_ACCUMULATOR: i32 = 1;
pub const SPOT_ROLE_STATISTIC: i32 = 2;

pub const SPOT_SNAPSHOT_NONE: i32 = 0;
pub const SPOT_SNAPSHOT_SAVED: i32 = 1;
pub const SPOT_SNAPSHOT_UNCHANGED: i32 = 2;
pub const SPOT_SNAPSHOT_RESTORED: i32 = 3;
pub const SPOT_SNAPSHOT_KEPT: i32 = 4;

pub type spot_destroy_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;
pub type spot_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char, length: usize)>;
pub type spot_event_fn = Option<unsafe extern "C" fn(user: *mut c_void, event: *const spot_event) -> i32>;

// What a handle is made of is the library's business, and so is which thread may use it.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub struct $name {
            nothing: [u8; 0],
            no_thread: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )* };
}

opaque! { spot_error spot_log_queue spot_config spot_cancel spot_poller spot_dataset spot_trainer spot_checkpoint spot_model spot_snapshots }

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_notice {
    pub struct_size: u32,
    pub action: i32,
    pub id: u64,
    pub seconds_left: f64,
    pub seconds_since: f64,
    pub stale: i32,
    pub withdrawn: i32,
    pub ends_run: i32,
    pub reserved: i32,
    pub source: [c_char; 32],
    pub detail: [c_char; 256],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_poller_health {
    pub struct_size: u32,
    pub disabled: i32,
    pub polls: u64,
    pub failures_in_a_row: u64,
    pub seconds_since_success: f64,
    pub source: [c_char; 32],
    pub last_error: [c_char; 512],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_dataset_arrays {
    pub struct_size: u32,
    pub image_type: i32,
    pub label_type: i32,
    pub rows: u32,
    pub columns: u32,
    pub channels: u32,
    pub classes: u32,
    pub reserved: u32,
    pub name: *const c_char,
    pub train_samples: u64,
    pub train_images: *const c_void,
    pub train_labels: *const c_void,
    pub train_image_bytes: u64,
    pub train_label_bytes: u64,
    pub test_samples: u64,
    pub test_images: *const c_void,
    pub test_labels: *const c_void,
    pub test_image_bytes: u64,
    pub test_label_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_dataset_info {
    pub struct_size: u32,
    pub classes: u32,
    pub rows: u32,
    pub columns: u32,
    pub channels: u32,
    pub image_type: i32,
    pub is_fallback: i32,
    pub reserved: i32,
    pub train_samples: u64,
    pub test_samples: u64,
    pub name: *const c_char,
    pub fingerprint: [c_char; 33],
    pub padding: [c_char; 7],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_event {
    pub struct_size: u32,
    pub kind: i32,
    pub step: u64,
    pub epoch: u64,
    pub loss: f64,
    pub accuracy: f64,
    pub learning_rate: f64,
    pub gradient_norm: f64,
    pub samples_per_second: f64,
    pub validation_loss: f64,
    pub validation_accuracy: f64,
    pub test_loss: f64,
    pub test_accuracy: f64,
    pub stall_ms: f64,
    pub encode_ms: f64,
    pub write_ms: f64,
    pub fsync_ms: f64,
    pub durable_ms: f64,
    pub bytes: u64,
    pub notice_id: u64,
    pub seconds_left: f64,
    pub action: i32,
    pub stale: i32,
    pub withdrawn: i32,
    pub ends_run: i32,
    pub resumed: i32,
    pub save_reason: i32,
    pub run_reason: i32,
    pub status: spot_status,
    pub message: *const c_char,
    pub path: *const c_char,
    pub source: *const c_char,
    pub detail: *const c_char,
    pub run_id: *const c_char,
    pub state_hash: *const c_char,
    pub not_promised: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_trainer_info {
    pub struct_size: u32,
    pub threads: i32,
    pub step: u64,
    pub epoch: u64,
    pub epochs_done: u64,
    pub steps_per_epoch: u64,
    pub total_steps: u64,
    pub parameter_count: u64,
    pub tensor_count: u64,
    pub state_size: u64,
    pub train_samples: u64,
    pub validation_samples: u64,
    pub test_samples: u64,
    pub classes: u32,
    pub rows: u32,
    pub columns: u32,
    pub channels: u32,
    pub dataset_is_fallback: i32,
    pub reserved: i32,
    pub dataset: *const c_char,
    pub run_id: [c_char; 64],
    pub device: [c_char; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_progress {
    pub struct_size: u32,
    pub running: i32,
    pub step: u64,
    pub epoch: u64,
    pub total_steps: u64,
    pub seconds: f64,
    pub samples_per_second: f64,
    pub seconds_to_go: f64,
    pub loss: f64,
    pub saved_step: u64,
    pub seconds_since_save: f64,
    pub save_status: spot_status,
    pub reserved: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_metrics {
    pub struct_size: u32,
    pub reserved: i32,
    pub step: u64,
    pub steps: u64,
    pub samples: u64,
    pub loss: f64,
    pub accuracy: f64,
    pub learning_rate: f64,
    pub gradient_norm: f64,
    pub samples_per_second: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_save_report {
    pub struct_size: u32,
    pub reserved: i32,
    pub step: u64,
    pub generation: u64,
    pub bytes: u64,
    pub stall_ms: f64,
    pub encode_ms: f64,
    pub write_ms: f64,
    pub fsync_ms: f64,
    pub durable_ms: f64,
    pub path: *const c_char,
    pub not_promised: [c_char; 64],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_run_result {
    pub struct_size: u32,
    pub reason: i32,
    pub resumed: i32,
    pub durable: i32,
    pub save_status: spot_status,
    pub reserved: i32,
    pub step: u64,
    pub epoch: u64,
    pub test_accuracy: f64,
    pub test_loss: f64,
    pub seconds: f64,
    pub notice_to_durable_ms: f64,
    pub seconds_left: f64,
    pub save_message: *const c_char,
    pub model_path: *const c_char,
    pub state_hash: [c_char; 33],
    pub padding: [c_char; 7],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_tensor_info {
    pub struct_size: u32,
    pub role: i32,
    pub size: u64,
    pub offset: u64,
    pub rank: u32,
    pub reserved: u32,
    pub shape: [i64; 8],
    pub name: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_checkpoint_info {
    pub struct_size: u32,
    pub save_reason: i32,
    pub step: u64,
    pub epoch: u64,
    pub steps_per_epoch: u64,
    pub generation: u64,
    pub writer_epoch: u64,
    pub created_unix_ns: i64,
    pub bytes: u64,
    pub parameter_count: u64,
    pub tensor_count: u64,
    pub state_size: u64,
    pub path: *const c_char,
    pub run_id: *const c_char,
    pub state_hash: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_model_info {
    pub struct_size: u32,
    pub classes: u32,
    pub rows: u32,
    pub columns: u32,
    pub channels: u32,
    pub threads: i32,
    pub step: u64,
    pub parameter_count: u64,
    pub tensor_count: u64,
    pub state_size: u64,
    pub run_id: [c_char; 64],
    pub device: [c_char; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct spot_snapshot_report {
    pub struct_size: u32,
    pub outcome: i32,
    pub generation: u64,
    pub files: u64,
    pub bytes: u64,
    pub bytes_copied: u64,
    pub copy_ms: f64,
    pub total_ms: f64,
    pub path: *const c_char,
    pub moved_to: *const c_char,
}

extern "C" {
    pub fn spot_abi_version() -> u32;
    pub fn spot_version() -> *const c_char;
    pub fn spot_build_info() -> *const c_char;
    pub fn spot_status_name(status: spot_status) -> *const c_char;
    pub fn spot_error_code(error: *const spot_error) -> spot_status;
    pub fn spot_error_message(error: *const spot_error) -> *const c_char;
    pub fn spot_error_os_errno(error: *const spot_error) -> i32;
    pub fn spot_error_http_status(error: *const spot_error) -> i32;
    pub fn spot_error_byte_offset(error: *const spot_error) -> i64;
    pub fn spot_error_free(error: *mut spot_error);
    pub fn spot_abi_check(wanted: u32, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_text_free(text: *mut c_char);
    pub fn spot_bytes_free(bytes: *mut u8);
    pub fn spot_log_queue_create(
        level: i32,
        capacity: usize,
        out: *mut *mut spot_log_queue,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_log_queue_free(queue: *mut spot_log_queue);
    pub fn spot_config_create(out: *mut *mut spot_config, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_config_clone(
        config: *const spot_config,
        out: *mut *mut spot_config,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_free(config: *mut spot_config);
    pub fn spot_config_set_i64(
        config: *mut spot_config,
        key: *const c_char,
        value: i64,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_set_f64(
        config: *mut spot_config,
        key: *const c_char,
        value: f64,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_set_str(
        config: *mut spot_config,
        key: *const c_char,
        value: *const c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_unset(config: *mut spot_config, key: *const c_char, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_config_get_i64(
        config: *const spot_config,
        key: *const c_char,
        out: *mut i64,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_get_f64(
        config: *const spot_config,
        key: *const c_char,
        out: *mut f64,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_get_str(
        config: *const spot_config,
        key: *const c_char,
        out: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_set_log(
        config: *mut spot_config,
        level: i32,
        receiver: spot_log_fn,
        user: *mut c_void,
        destroy: spot_destroy_fn,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_set_log_queue(
        config: *mut spot_config,
        queue: *mut spot_log_queue,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_config_describe() -> *const c_char;
    pub fn spot_cancel_create(out: *mut *mut spot_cancel, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_cancel_retain(cancel: *mut spot_cancel);
    pub fn spot_cancel_free(cancel: *mut spot_cancel);
    pub fn spot_cancel_trigger(cancel: *mut spot_cancel);
    pub fn spot_cancel_is_triggered(cancel: *const spot_cancel) -> i32;
    pub fn spot_cancel_reset(cancel: *mut spot_cancel);
    pub fn spot_log_queue_next(
        queue: *mut spot_log_queue,
        timeout_ms: i64,
        cancel: *mut spot_cancel,
        level: *mut i32,
        message: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_action_name(action: i32) -> *const c_char;
    pub fn spot_poller_create(
        config: *const spot_config,
        out: *mut *mut spot_poller,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_poller_free(poller: *mut spot_poller);
    pub fn spot_poller_wait(
        poller: *mut spot_poller,
        position: *mut u64,
        timeout_ms: i64,
        cancel: *mut spot_cancel,
        out: *mut spot_notice,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_poller_notify(
        poller: *mut spot_poller,
        action: i32,
        source: *const c_char,
        detail: *const c_char,
        seconds_left: f64,
        id: *mut u64,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_poller_withdraw(poller: *mut spot_poller, id: u64, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_poller_get_health(
        poller: *const spot_poller,
        out: *mut spot_poller_health,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_dataset_create(
        arrays: *const spot_dataset_arrays,
        config: *const spot_config,
        cancel: *mut spot_cancel,
        user: *mut c_void,
        destroy: spot_destroy_fn,
        out: *mut *mut spot_dataset,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_dataset_open(
        config: *const spot_config,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_dataset,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_dataset_free(dataset: *mut spot_dataset);
    pub fn spot_dataset_get_info(
        dataset: *const spot_dataset,
        out: *mut spot_dataset_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_save_reason_name(reason: i32) -> *const c_char;
    pub fn spot_run_reason_name(reason: i32) -> *const c_char;
    pub fn spot_trainer_create(
        config: *const spot_config,
        dataset: *const spot_dataset,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_trainer,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_free(trainer: *mut spot_trainer);
    pub fn spot_trainer_set_callback(
        trainer: *mut spot_trainer,
        events: u32,
        callback: spot_event_fn,
        user: *mut c_void,
        destroy: spot_destroy_fn,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_run(
        trainer: *mut spot_trainer,
        poller: *mut spot_poller,
        cancel: *mut spot_cancel,
        result: *mut spot_run_result,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_step(
        trainer: *mut spot_trainer,
        count: u64,
        cancel: *mut spot_cancel,
        out: *mut spot_metrics,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_request_checkpoint(trainer: *const spot_trainer, error: *mut *mut spot_error) -> spot_status;
    pub fn spot_trainer_get_info(
        trainer: *const spot_trainer,
        out: *mut spot_trainer_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_get_progress(
        trainer: *const spot_trainer,
        out: *mut spot_progress,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_evaluate(
        trainer: *mut spot_trainer,
        split: i32,
        cancel: *mut spot_cancel,
        out: *mut spot_metrics,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_get_confusion(
        trainer: *mut spot_trainer,
        split: i32,
        cancel: *mut spot_cancel,
        counts: *mut u64,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_checkpoint(
        trainer: *mut spot_trainer,
        cancel: *mut spot_cancel,
        out: *mut spot_save_report,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_restore(
        trainer: *mut spot_trainer,
        path: *const c_char,
        cancel: *mut spot_cancel,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_serialize(
        trainer: *mut spot_trainer,
        bytes: *mut *mut u8,
        length: *mut usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_export(
        trainer: *mut spot_trainer,
        prefix: *const c_char,
        cancel: *mut spot_cancel,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_get_state_hash(
        trainer: *mut spot_trainer,
        out: *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_get_tensor_info(
        trainer: *const spot_trainer,
        index: u64,
        out: *mut spot_tensor_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_read_tensor(
        trainer: *mut spot_trainer,
        name: *const c_char,
        values: *mut f32,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_write_tensor(
        trainer: *mut spot_trainer,
        name: *const c_char,
        values: *const f32,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_describe_parameters(
        trainer: *mut spot_trainer,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_open(
        path: *const c_char,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_checkpoint,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_open_memory(
        bytes: *const u8,
        length: usize,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_checkpoint,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_free(checkpoint: *mut spot_checkpoint);
    pub fn spot_checkpoint_get_info(
        checkpoint: *const spot_checkpoint,
        out: *mut spot_checkpoint_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_describe(
        checkpoint: *const spot_checkpoint,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_verify(
        path: *const c_char,
        cancel: *mut spot_cancel,
        good: *mut u64,
        bad: *mut u64,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_get_config(
        checkpoint: *const spot_checkpoint,
        out: *mut *mut spot_config,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_get_tensor_info(
        checkpoint: *const spot_checkpoint,
        index: u64,
        out: *mut spot_tensor_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_read_tensor(
        checkpoint: *const spot_checkpoint,
        name: *const c_char,
        values: *mut f32,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_checkpoint_export(
        checkpoint: *const spot_checkpoint,
        prefix: *const c_char,
        cancel: *mut spot_cancel,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_trainer_restore_from(
        trainer: *mut spot_trainer,
        checkpoint: *const spot_checkpoint,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_open(
        path: *const c_char,
        config: *const spot_config,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_model,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_open_checkpoint(
        checkpoint: *const spot_checkpoint,
        config: *const spot_config,
        out: *mut *mut spot_model,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_open_trainer(
        trainer: *mut spot_trainer,
        config: *const spot_config,
        out: *mut *mut spot_model,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_free(model: *mut spot_model);
    pub fn spot_model_get_info(
        model: *const spot_model,
        out: *mut spot_model_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_get_tensor_info(
        model: *const spot_model,
        index: u64,
        out: *mut spot_tensor_info,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_read_tensor(
        model: *const spot_model,
        name: *const c_char,
        values: *mut f32,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_model_predict(
        model: *mut spot_model,
        images: *const c_void,
        image_type: i32,
        bytes: usize,
        cancel: *mut spot_cancel,
        probabilities: *mut f32,
        length: usize,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_volume_check(
        config: *const spot_config,
        trainer: *mut spot_trainer,
        cancel: *mut spot_cancel,
        outcome: *mut spot_status,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_benchmark(
        config: *const spot_config,
        dataset: *const spot_dataset,
        seconds: f64,
        cancel: *mut spot_cancel,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_open(
        config: *const spot_config,
        folder: *const c_char,
        name: *const c_char,
        cancel: *mut spot_cancel,
        out: *mut *mut spot_snapshots,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_free(snapshots: *mut spot_snapshots);
    pub fn spot_snapshots_copy(
        snapshots: *mut spot_snapshots,
        cancel: *mut spot_cancel,
        path: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_commit(
        snapshots: *mut spot_snapshots,
        cancel: *mut spot_cancel,
        out: *mut spot_snapshot_report,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_restore(
        snapshots: *mut spot_snapshots,
        replace: i32,
        cancel: *mut spot_cancel,
        out: *mut spot_snapshot_report,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_is_whole(
        folder: *const c_char,
        rule: *const c_char,
        cancel: *mut spot_cancel,
        whole: *mut i32,
        why: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
    pub fn spot_snapshots_verify(
        path: *const c_char,
        cancel: *mut spot_cancel,
        good: *mut u64,
        bad: *mut u64,
        json: *mut *mut c_char,
        error: *mut *mut spot_error,
    ) -> spot_status;
}
