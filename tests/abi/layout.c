/* The layout of every public struct and the number of every constant, frozen: a field may be added at an end, which
 * adds a line here and changes one SIZE, and so may a constant; any other change breaks programs that were built
 * before. */

#include <spot_trainer.h>
#include <stddef.h>

#define OFFSET(type, field, bytes) _Static_assert(offsetof(type, field) == (bytes), #type "." #field)
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#define CONSTANT(name, number) _Static_assert((name) == (number), #name)

/* All platforms that the library supports have 8-byte pointers. */
_Static_assert(sizeof(void*) == 8, "pointers");

_Static_assert(SPOT_HEADER_MAJOR == SPOT_ABI_MAJOR && SPOT_HEADER_MINOR == SPOT_ABI_MINOR, "one version");

OFFSET(spot_notice, struct_size, 0);
OFFSET(spot_notice, action, 4);
OFFSET(spot_notice, id, 8);
OFFSET(spot_notice, seconds_left, 16);
OFFSET(spot_notice, seconds_since, 24);
OFFSET(spot_notice, stale, 32);
OFFSET(spot_notice, withdrawn, 36);
OFFSET(spot_notice, ends_run, 40);
OFFSET(spot_notice, reserved, 44);
OFFSET(spot_notice, source, 48);
OFFSET(spot_notice, detail, 80);
SIZE(spot_notice, 336);

OFFSET(spot_poller_health, struct_size, 0);
OFFSET(spot_poller_health, disabled, 4);
OFFSET(spot_poller_health, polls, 8);
OFFSET(spot_poller_health, failures_in_a_row, 16);
OFFSET(spot_poller_health, seconds_since_success, 24);
OFFSET(spot_poller_health, source, 32);
OFFSET(spot_poller_health, last_error, 64);
SIZE(spot_poller_health, 576);

OFFSET(spot_dataset_arrays, struct_size, 0);
OFFSET(spot_dataset_arrays, image_type, 4);
OFFSET(spot_dataset_arrays, label_type, 8);
OFFSET(spot_dataset_arrays, rows, 12);
OFFSET(spot_dataset_arrays, columns, 16);
OFFSET(spot_dataset_arrays, channels, 20);
OFFSET(spot_dataset_arrays, classes, 24);
OFFSET(spot_dataset_arrays, reserved, 28);
OFFSET(spot_dataset_arrays, name, 32);
OFFSET(spot_dataset_arrays, train_samples, 40);
OFFSET(spot_dataset_arrays, train_images, 48);
OFFSET(spot_dataset_arrays, train_labels, 56);
OFFSET(spot_dataset_arrays, train_image_bytes, 64);
OFFSET(spot_dataset_arrays, train_label_bytes, 72);
OFFSET(spot_dataset_arrays, test_samples, 80);
OFFSET(spot_dataset_arrays, test_images, 88);
OFFSET(spot_dataset_arrays, test_labels, 96);
OFFSET(spot_dataset_arrays, test_image_bytes, 104);
OFFSET(spot_dataset_arrays, test_label_bytes, 112);
SIZE(spot_dataset_arrays, 120);

OFFSET(spot_dataset_info, struct_size, 0);
OFFSET(spot_dataset_info, classes, 4);
OFFSET(spot_dataset_info, rows, 8);
OFFSET(spot_dataset_info, columns, 12);
OFFSET(spot_dataset_info, channels, 16);
OFFSET(spot_dataset_info, image_type, 20);
OFFSET(spot_dataset_info, is_fallback, 24);
OFFSET(spot_dataset_info, reserved, 28);
OFFSET(spot_dataset_info, train_samples, 32);
OFFSET(spot_dataset_info, test_samples, 40);
OFFSET(spot_dataset_info, name, 48);
OFFSET(spot_dataset_info, fingerprint, 56);
OFFSET(spot_dataset_info, padding, 89);
SIZE(spot_dataset_info, 96);

OFFSET(spot_event, struct_size, 0);
OFFSET(spot_event, kind, 4);
OFFSET(spot_event, step, 8);
OFFSET(spot_event, epoch, 16);
OFFSET(spot_event, loss, 24);
OFFSET(spot_event, accuracy, 32);
OFFSET(spot_event, learning_rate, 40);
OFFSET(spot_event, gradient_norm, 48);
OFFSET(spot_event, samples_per_second, 56);
OFFSET(spot_event, validation_loss, 64);
OFFSET(spot_event, validation_accuracy, 72);
OFFSET(spot_event, test_loss, 80);
OFFSET(spot_event, test_accuracy, 88);
OFFSET(spot_event, stall_ms, 96);
OFFSET(spot_event, encode_ms, 104);
OFFSET(spot_event, write_ms, 112);
OFFSET(spot_event, fsync_ms, 120);
OFFSET(spot_event, durable_ms, 128);
OFFSET(spot_event, bytes, 136);
OFFSET(spot_event, notice_id, 144);
OFFSET(spot_event, seconds_left, 152);
OFFSET(spot_event, action, 160);
OFFSET(spot_event, stale, 164);
OFFSET(spot_event, withdrawn, 168);
OFFSET(spot_event, ends_run, 172);
OFFSET(spot_event, resumed, 176);
OFFSET(spot_event, save_reason, 180);
OFFSET(spot_event, run_reason, 184);
OFFSET(spot_event, status, 188);
OFFSET(spot_event, message, 192);
OFFSET(spot_event, path, 200);
OFFSET(spot_event, source, 208);
OFFSET(spot_event, detail, 216);
OFFSET(spot_event, run_id, 224);
OFFSET(spot_event, state_hash, 232);
OFFSET(spot_event, not_promised, 240);
SIZE(spot_event, 248);

OFFSET(spot_trainer_info, struct_size, 0);
OFFSET(spot_trainer_info, threads, 4);
OFFSET(spot_trainer_info, step, 8);
OFFSET(spot_trainer_info, epoch, 16);
OFFSET(spot_trainer_info, epochs_done, 24);
OFFSET(spot_trainer_info, steps_per_epoch, 32);
OFFSET(spot_trainer_info, total_steps, 40);
OFFSET(spot_trainer_info, parameter_count, 48);
OFFSET(spot_trainer_info, tensor_count, 56);
OFFSET(spot_trainer_info, state_size, 64);
OFFSET(spot_trainer_info, train_samples, 72);
OFFSET(spot_trainer_info, validation_samples, 80);
OFFSET(spot_trainer_info, test_samples, 88);
OFFSET(spot_trainer_info, classes, 96);
OFFSET(spot_trainer_info, rows, 100);
OFFSET(spot_trainer_info, columns, 104);
OFFSET(spot_trainer_info, channels, 108);
OFFSET(spot_trainer_info, dataset_is_fallback, 112);
OFFSET(spot_trainer_info, reserved, 116);
OFFSET(spot_trainer_info, dataset, 120);
OFFSET(spot_trainer_info, run_id, 128);
OFFSET(spot_trainer_info, device, 192);
SIZE(spot_trainer_info, 208);

OFFSET(spot_progress, struct_size, 0);
OFFSET(spot_progress, running, 4);
OFFSET(spot_progress, step, 8);
OFFSET(spot_progress, epoch, 16);
OFFSET(spot_progress, total_steps, 24);
OFFSET(spot_progress, seconds, 32);
OFFSET(spot_progress, samples_per_second, 40);
OFFSET(spot_progress, seconds_to_go, 48);
OFFSET(spot_progress, loss, 56);
OFFSET(spot_progress, saved_step, 64);
OFFSET(spot_progress, seconds_since_save, 72);
OFFSET(spot_progress, save_status, 80);
OFFSET(spot_progress, reserved, 84);
SIZE(spot_progress, 88);

OFFSET(spot_metrics, struct_size, 0);
OFFSET(spot_metrics, reserved, 4);
OFFSET(spot_metrics, step, 8);
OFFSET(spot_metrics, steps, 16);
OFFSET(spot_metrics, samples, 24);
OFFSET(spot_metrics, loss, 32);
OFFSET(spot_metrics, accuracy, 40);
OFFSET(spot_metrics, learning_rate, 48);
OFFSET(spot_metrics, gradient_norm, 56);
OFFSET(spot_metrics, samples_per_second, 64);
SIZE(spot_metrics, 72);

OFFSET(spot_save_report, struct_size, 0);
OFFSET(spot_save_report, reserved, 4);
OFFSET(spot_save_report, step, 8);
OFFSET(spot_save_report, generation, 16);
OFFSET(spot_save_report, bytes, 24);
OFFSET(spot_save_report, stall_ms, 32);
OFFSET(spot_save_report, encode_ms, 40);
OFFSET(spot_save_report, write_ms, 48);
OFFSET(spot_save_report, fsync_ms, 56);
OFFSET(spot_save_report, durable_ms, 64);
OFFSET(spot_save_report, path, 72);
OFFSET(spot_save_report, not_promised, 80);
SIZE(spot_save_report, 144);

OFFSET(spot_run_result, struct_size, 0);
OFFSET(spot_run_result, reason, 4);
OFFSET(spot_run_result, resumed, 8);
OFFSET(spot_run_result, durable, 12);
OFFSET(spot_run_result, save_status, 16);
OFFSET(spot_run_result, reserved, 20);
OFFSET(spot_run_result, step, 24);
OFFSET(spot_run_result, epoch, 32);
OFFSET(spot_run_result, test_accuracy, 40);
OFFSET(spot_run_result, test_loss, 48);
OFFSET(spot_run_result, seconds, 56);
OFFSET(spot_run_result, notice_to_durable_ms, 64);
OFFSET(spot_run_result, seconds_left, 72);
OFFSET(spot_run_result, save_message, 80);
OFFSET(spot_run_result, model_path, 88);
OFFSET(spot_run_result, state_hash, 96);
OFFSET(spot_run_result, padding, 129);
SIZE(spot_run_result, 136);

OFFSET(spot_tensor_info, struct_size, 0);
OFFSET(spot_tensor_info, role, 4);
OFFSET(spot_tensor_info, size, 8);
OFFSET(spot_tensor_info, offset, 16);
OFFSET(spot_tensor_info, rank, 24);
OFFSET(spot_tensor_info, reserved, 28);
OFFSET(spot_tensor_info, shape, 32);
OFFSET(spot_tensor_info, name, 96);
SIZE(spot_tensor_info, 104);

OFFSET(spot_checkpoint_info, struct_size, 0);
OFFSET(spot_checkpoint_info, save_reason, 4);
OFFSET(spot_checkpoint_info, step, 8);
OFFSET(spot_checkpoint_info, epoch, 16);
OFFSET(spot_checkpoint_info, steps_per_epoch, 24);
OFFSET(spot_checkpoint_info, generation, 32);
OFFSET(spot_checkpoint_info, writer_epoch, 40);
OFFSET(spot_checkpoint_info, created_unix_ns, 48);
OFFSET(spot_checkpoint_info, bytes, 56);
OFFSET(spot_checkpoint_info, parameter_count, 64);
OFFSET(spot_checkpoint_info, tensor_count, 72);
OFFSET(spot_checkpoint_info, state_size, 80);
OFFSET(spot_checkpoint_info, path, 88);
OFFSET(spot_checkpoint_info, run_id, 96);
OFFSET(spot_checkpoint_info, state_hash, 104);
SIZE(spot_checkpoint_info, 112);

OFFSET(spot_model_info, struct_size, 0);
OFFSET(spot_model_info, classes, 4);
OFFSET(spot_model_info, rows, 8);
OFFSET(spot_model_info, columns, 12);
OFFSET(spot_model_info, channels, 16);
OFFSET(spot_model_info, threads, 20);
OFFSET(spot_model_info, step, 24);
OFFSET(spot_model_info, parameter_count, 32);
OFFSET(spot_model_info, tensor_count, 40);
OFFSET(spot_model_info, state_size, 48);
OFFSET(spot_model_info, run_id, 56);
OFFSET(spot_model_info, device, 120);
SIZE(spot_model_info, 136);

OFFSET(spot_snapshot_report, struct_size, 0);
OFFSET(spot_snapshot_report, outcome, 4);
OFFSET(spot_snapshot_report, generation, 8);
OFFSET(spot_snapshot_report, files, 16);
OFFSET(spot_snapshot_report, bytes, 24);
OFFSET(spot_snapshot_report, bytes_copied, 32);
OFFSET(spot_snapshot_report, copy_ms, 40);
OFFSET(spot_snapshot_report, total_ms, 48);
OFFSET(spot_snapshot_report, path, 56);
OFFSET(spot_snapshot_report, moved_to, 64);
SIZE(spot_snapshot_report, 72);

CONSTANT(SPOT_ABI_MAJOR, 1);
CONSTANT(SPOT_ABI_MINOR, 0);
CONSTANT(SPOT_ABI_VERSION, 65536);

CONSTANT(SPOT_OK, 0);
CONSTANT(SPOT_E_INVALID_ARGUMENT, 1);
CONSTANT(SPOT_E_CONFIG, 2);
CONSTANT(SPOT_E_DATA, 3);
CONSTANT(SPOT_E_MODEL, 4);
CONSTANT(SPOT_E_IO, 5);
CONSTANT(SPOT_E_NO_SPACE, 6);
CONSTANT(SPOT_E_CORRUPT, 7);
CONSTANT(SPOT_E_NOT_FOUND, 8);
CONSTANT(SPOT_E_MISMATCH, 9);
CONSTANT(SPOT_E_NETWORK, 10);
CONSTANT(SPOT_E_BUSY, 11);
CONSTANT(SPOT_E_ORDER, 12);
CONSTANT(SPOT_E_CANCELLED, 13);
CONSTANT(SPOT_E_CALLBACK, 14);
CONSTANT(SPOT_E_FORKED, 15);
CONSTANT(SPOT_E_FENCED, 16);
CONSTANT(SPOT_E_TIMEOUT, 17);
CONSTANT(SPOT_E_UNSUPPORTED, 18);
CONSTANT(SPOT_E_NO_MEMORY, 19);
CONSTANT(SPOT_E_INTERNAL, 20);
CONSTANT(SPOT_E_DIVERGED, 21);

CONSTANT(SPOT_LOG_ERROR, 0);
CONSTANT(SPOT_LOG_WARNING, 1);
CONSTANT(SPOT_LOG_INFO, 2);
CONSTANT(SPOT_LOG_DEBUG, 3);

CONSTANT(SPOT_ACTION_TERMINATE, 1);
CONSTANT(SPOT_ACTION_STOP, 2);
CONSTANT(SPOT_ACTION_HIBERNATE, 3);
CONSTANT(SPOT_ACTION_REBALANCE, 4);
CONSTANT(SPOT_ACTION_REQUEST, 5);

CONSTANT(SPOT_TYPE_UINT8, 1);
CONSTANT(SPOT_TYPE_INT32, 2);
CONSTANT(SPOT_TYPE_INT64, 3);
CONSTANT(SPOT_TYPE_FLOAT32, 4);

CONSTANT(SPOT_EVENT_RUN_BEGIN, 1);
CONSTANT(SPOT_EVENT_RUN_END, 2);
CONSTANT(SPOT_EVENT_EPOCH_BEGIN, 4);
CONSTANT(SPOT_EVENT_EPOCH_END, 8);
CONSTANT(SPOT_EVENT_STEP, 16);
CONSTANT(SPOT_EVENT_EVALUATION, 32);
CONSTANT(SPOT_EVENT_CHECKPOINT, 64);
CONSTANT(SPOT_EVENT_NOTICE, 128);
CONSTANT(SPOT_EVENT_ALL, 255);

CONSTANT(SPOT_SAVE_INTERVAL, 1);
CONSTANT(SPOT_SAVE_EPOCH, 2);
CONSTANT(SPOT_SAVE_NOTICE, 3);
CONSTANT(SPOT_SAVE_REQUEST, 4);
CONSTANT(SPOT_SAVE_FINAL, 5);

CONSTANT(SPOT_RUN_DONE, 1);
CONSTANT(SPOT_RUN_INTERRUPTED, 2);
CONSTANT(SPOT_RUN_CANCELLED, 3);
CONSTANT(SPOT_RUN_STOPPED, 4);
CONSTANT(SPOT_RUN_FAILED, 5);

CONSTANT(SPOT_ANSWER_CONTINUE, 0);
CONSTANT(SPOT_ANSWER_STOP, 1);
CONSTANT(SPOT_ANSWER_FAIL, -1);

CONSTANT(SPOT_SPLIT_TRAIN, 0);
CONSTANT(SPOT_SPLIT_VALIDATION, 1);
CONSTANT(SPOT_SPLIT_TEST, 2);

CONSTANT(SPOT_ROLE_PARAMETER, 0);
CONSTANT(SPOT_ROLE_ACCUMULATOR, 1);
CONSTANT(SPOT_ROLE_STATISTIC, 2);

CONSTANT(SPOT_SNAPSHOT_NONE, 0);
CONSTANT(SPOT_SNAPSHOT_SAVED, 1);
CONSTANT(SPOT_SNAPSHOT_UNCHANGED, 2);
CONSTANT(SPOT_SNAPSHOT_RESTORED, 3);
CONSTANT(SPOT_SNAPSHOT_KEPT, 4);
