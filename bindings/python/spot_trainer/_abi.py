"""What `spot_trainer.h` declares, for ctypes: structs and functions, in the order of the header.

tests/test_abi.py compares all of it with what a C compiler makes of the header.
"""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p
from typing import Any, Dict, List, Tuple

ABI_MAJOR = 1
ABI_MINOR = 0

MessageFunction = CFUNCTYPE(None, c_void_p, c_int32, c_void_p, c_size_t)
DestroyFunction = CFUNCTYPE(None, c_void_p)


def _fields(text: str) -> List[Tuple[str, Any]]:
    """[(name, type)] of "type name, name; type name; ..." with a few short names for types."""
    types: Dict[str, Any] = {
        "i32": c_int32, "i64": c_int64, "u32": c_uint32, "u64": c_uint64, "double": c_double, "text": c_char_p,
        "pointer": c_void_p, "text16": c_char * 16, "text32": c_char * 32, "text33": c_char * 33,
        "text64": c_char * 64, "text256": c_char * 256, "text512": c_char * 512, "pad7": c_char * 7,
        "shape": c_int64 * 8,
    }  # fmt: skip
    fields = []
    for declaration in filter(None, map(str.strip, text.split(";"))):
        kind, names = declaration.split(maxsplit=1)
        fields += [(name.strip(), types[kind]) for name in names.split(",")]
    return fields


class NoticeStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 action; u64 id; double seconds_left, seconds_since; i32 stale, withdrawn, ends_run,
        reserved; text32 source; text256 detail"""
    )


class PollerHealthStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 disabled; u64 polls, failures_in_a_row; double seconds_since_success; text32 source;
        text512 last_error"""
    )


class DatasetArraysStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 image_type, label_type; u32 rows, columns, channels, classes, reserved; text name;
        u64 train_samples; pointer train_images, train_labels; u64 train_image_bytes, train_label_bytes, test_samples;
        pointer test_images, test_labels; u64 test_image_bytes, test_label_bytes"""
    )


class DatasetInfoStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size, classes, rows, columns, channels; i32 image_type, is_fallback, reserved;
        u64 train_samples, test_samples; text name; text33 fingerprint; pad7 padding"""
    )


class EventStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 kind; u64 step, epoch; double loss, accuracy, learning_rate, gradient_norm,
        samples_per_second, validation_loss, validation_accuracy, test_loss, test_accuracy, stall_ms, encode_ms,
        write_ms, fsync_ms, durable_ms; u64 bytes, notice_id; double seconds_left; i32 action, stale, withdrawn,
        ends_run, resumed, save_reason, run_reason, status; text message, path, source, detail, run_id, state_hash,
        not_promised"""
    )


class TrainerInfoStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 threads; u64 step, epoch, epochs_done, steps_per_epoch, total_steps, parameter_count,
        tensor_count, state_size, train_samples, validation_samples, test_samples; u32 classes, rows, columns,
        channels; i32 dataset_is_fallback, reserved; text dataset; text64 run_id; text16 device"""
    )


class ProgressStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 running; u64 step, epoch, total_steps; double seconds, samples_per_second,
        seconds_to_go, loss; u64 saved_step; double seconds_since_save; i32 save_status, reserved"""
    )


class MetricsStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 reserved; u64 step, steps, samples; double loss, accuracy, learning_rate,
        gradient_norm, samples_per_second"""
    )


class SaveReportStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 reserved; u64 step, generation, bytes; double stall_ms, encode_ms, write_ms, fsync_ms,
        durable_ms; text path; text64 not_promised"""
    )


class RunResultStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 reason, resumed, durable, save_status, reserved; u64 step, epoch; double test_accuracy,
        test_loss, seconds, notice_to_durable_ms, seconds_left; text save_message, model_path; text33 state_hash;
        pad7 padding"""
    )


class TensorInfoStruct(Structure):
    _fields_ = _fields(
        "u32 struct_size; i32 role; u64 size, offset; u32 rank, reserved; shape shape; text name"
    )


class CheckpointInfoStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 save_reason; u64 step, epoch, steps_per_epoch, generation, writer_epoch;
        i64 created_unix_ns; u64 bytes, parameter_count, tensor_count, state_size; text path, run_id, state_hash"""
    )


class ModelInfoStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size, classes, rows, columns, channels; i32 threads; u64 step, parameter_count, tensor_count,
        state_size; text64 run_id; text16 device"""
    )


class SnapshotReportStruct(Structure):
    _fields_ = _fields(
        """u32 struct_size; i32 outcome; u64 generation, files, bytes, bytes_copied; double copy_ms, total_ms;
        text path, moved_to"""
    )


EventFunction = CFUNCTYPE(c_int32, c_void_p, POINTER(EventStruct))
NO_EVENT_FUNCTION = EventFunction(0)
NO_MESSAGE_FUNCTION = MessageFunction(0)
NO_DESTROY_FUNCTION = DestroyFunction(0)

_status = c_int32
_handle = c_void_p  # of every kind
_out = POINTER(c_void_p)  # receives a handle, a text or bytes
_error = POINTER(c_void_p)
_tensor_info = (_status, _handle, c_uint64, POINTER(TensorInfoStruct), _error)
_read_tensor = (_status, _handle, c_char_p, c_void_p, c_size_t, _error)

# The result, then the parameters.
FUNCTIONS: Dict[str, Tuple[Any, ...]] = {
    "spot_abi_version": (c_uint32,),
    "spot_version": (c_char_p,),
    "spot_build_info": (c_char_p,),
    "spot_status_name": (c_char_p, _status),
    "spot_error_code": (_status, _handle),
    "spot_error_message": (c_char_p, _handle),
    "spot_error_os_errno": (c_int32, _handle),
    "spot_error_http_status": (c_int32, _handle),
    "spot_error_byte_offset": (c_int64, _handle),
    "spot_error_free": (None, _handle),
    "spot_abi_check": (_status, c_uint32, _error),
    "spot_text_free": (None, c_void_p),
    "spot_bytes_free": (None, c_void_p),
    "spot_log_queue_create": (_status, c_int32, c_size_t, _out, _error),
    "spot_log_queue_free": (None, _handle),
    "spot_config_create": (_status, _out, _error),
    "spot_config_clone": (_status, _handle, _out, _error),
    "spot_config_free": (None, _handle),
    "spot_config_set_i64": (_status, _handle, c_char_p, c_int64, _error),
    "spot_config_set_f64": (_status, _handle, c_char_p, c_double, _error),
    "spot_config_set_str": (_status, _handle, c_char_p, c_char_p, _error),
    "spot_config_unset": (_status, _handle, c_char_p, _error),
    "spot_config_get_i64": (_status, _handle, c_char_p, POINTER(c_int64), _error),
    "spot_config_get_f64": (_status, _handle, c_char_p, POINTER(c_double), _error),
    "spot_config_get_str": (_status, _handle, c_char_p, _out, _error),
    "spot_config_set_log": (_status, _handle, c_int32, MessageFunction, c_void_p, DestroyFunction, _error),
    "spot_config_set_log_queue": (_status, _handle, _handle, _error),
    "spot_config_describe": (c_char_p,),
    "spot_cancel_create": (_status, _out, _error),
    "spot_cancel_retain": (None, _handle),
    "spot_cancel_free": (None, _handle),
    "spot_cancel_trigger": (None, _handle),
    "spot_cancel_is_triggered": (c_int32, _handle),
    "spot_cancel_reset": (None, _handle),
    "spot_log_queue_next": (_status, _handle, c_int64, _handle, POINTER(c_int32), _out, _error),
    "spot_action_name": (c_char_p, c_int32),
    "spot_poller_create": (_status, _handle, _out, _error),
    "spot_poller_free": (None, _handle),
    "spot_poller_wait": (
        _status, _handle, POINTER(c_uint64), c_int64, _handle, POINTER(NoticeStruct), _error,
    ),
    "spot_poller_notify": (
        _status, _handle, c_int32, c_char_p, c_char_p, c_double, POINTER(c_uint64), _error,
    ),
    "spot_poller_withdraw": (_status, _handle, c_uint64, _error),
    "spot_poller_get_health": (_status, _handle, POINTER(PollerHealthStruct), _error),
    "spot_dataset_create": (
        _status, POINTER(DatasetArraysStruct), _handle, _handle, c_void_p, DestroyFunction, _out, _error,
    ),
    "spot_dataset_open": (_status, _handle, _handle, _out, _error),
    "spot_dataset_free": (None, _handle),
    "spot_dataset_get_info": (_status, _handle, POINTER(DatasetInfoStruct), _error),
    "spot_save_reason_name": (c_char_p, c_int32),
    "spot_run_reason_name": (c_char_p, c_int32),
    "spot_trainer_create": (_status, _handle, _handle, _handle, _out, _error),
    "spot_trainer_free": (None, _handle),
    "spot_trainer_set_callback": (
        _status, _handle, c_uint32, EventFunction, c_void_p, DestroyFunction, _error,
    ),
    "spot_trainer_run": (_status, _handle, _handle, _handle, POINTER(RunResultStruct), _error),
    "spot_trainer_step": (_status, _handle, c_uint64, _handle, POINTER(MetricsStruct), _error),
    "spot_trainer_request_checkpoint": (_status, _handle, _error),
    "spot_trainer_get_info": (_status, _handle, POINTER(TrainerInfoStruct), _error),
    "spot_trainer_get_progress": (_status, _handle, POINTER(ProgressStruct), _error),
    "spot_trainer_evaluate": (_status, _handle, c_int32, _handle, POINTER(MetricsStruct), _error),
    "spot_trainer_get_confusion": (_status, _handle, c_int32, _handle, c_void_p, c_size_t, _error),
    "spot_trainer_checkpoint": (_status, _handle, _handle, POINTER(SaveReportStruct), _error),
    "spot_trainer_restore": (_status, _handle, c_char_p, _handle, _error),
    "spot_trainer_serialize": (_status, _handle, _out, POINTER(c_size_t), _error),
    "spot_trainer_export": (_status, _handle, c_char_p, _handle, _error),
    "spot_trainer_get_state_hash": (_status, _handle, c_char * 33, _error),
    "spot_trainer_get_tensor_info": _tensor_info,
    "spot_trainer_read_tensor": _read_tensor,
    "spot_trainer_write_tensor": _read_tensor,
    "spot_trainer_describe_parameters": (_status, _handle, _out, _error),
    "spot_checkpoint_open": (_status, c_char_p, _handle, _out, _error),
    "spot_checkpoint_open_memory": (_status, c_void_p, c_size_t, _handle, _out, _error),
    "spot_checkpoint_free": (None, _handle),
    "spot_checkpoint_get_info": (_status, _handle, POINTER(CheckpointInfoStruct), _error),
    "spot_checkpoint_describe": (_status, _handle, _out, _error),
    "spot_checkpoint_verify": (
        _status, c_char_p, _handle, POINTER(c_uint64), POINTER(c_uint64), _out, _error,
    ),
    "spot_checkpoint_get_config": (_status, _handle, _out, _error),
    "spot_checkpoint_get_tensor_info": _tensor_info,
    "spot_checkpoint_read_tensor": _read_tensor,
    "spot_checkpoint_export": (_status, _handle, c_char_p, _handle, _error),
    "spot_trainer_restore_from": (_status, _handle, _handle, _error),
    "spot_model_open": (_status, c_char_p, _handle, _handle, _out, _error),
    "spot_model_open_checkpoint": (_status, _handle, _handle, _out, _error),
    "spot_model_open_trainer": (_status, _handle, _handle, _out, _error),
    "spot_model_free": (None, _handle),
    "spot_model_get_info": (_status, _handle, POINTER(ModelInfoStruct), _error),
    "spot_model_get_tensor_info": _tensor_info,
    "spot_model_read_tensor": _read_tensor,
    "spot_model_predict": (
        _status, _handle, c_void_p, c_int32, c_size_t, _handle, c_void_p, c_size_t, _error,
    ),
    "spot_volume_check": (_status, _handle, _handle, _handle, POINTER(c_int32), _out, _error),
    "spot_benchmark": (_status, _handle, _handle, c_double, _handle, _out, _error),
    "spot_snapshots_open": (_status, _handle, c_char_p, c_char_p, _handle, _out, _error),
    "spot_snapshots_free": (None, _handle),
    "spot_snapshots_copy": (_status, _handle, _handle, _out, _error),
    "spot_snapshots_commit": (_status, _handle, _handle, POINTER(SnapshotReportStruct), _error),
    "spot_snapshots_restore": (_status, _handle, c_int32, _handle, POINTER(SnapshotReportStruct), _error),
    "spot_snapshots_is_whole": (_status, c_char_p, c_char_p, _handle, POINTER(c_int32), _out, _error),
    "spot_snapshots_verify": (
        _status, c_char_p, _handle, POINTER(c_uint64), POINTER(c_uint64), _out, _error,
    ),
}  # fmt: skip
