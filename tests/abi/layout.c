/* The layout of every public struct, frozen: a field may be added at an end, which adds a line here and changes
 * one SIZE; any other change breaks programs that were built before. */

#include <spot_trainer.h>
#include <stddef.h>

#define OFFSET(type, field, bytes) _Static_assert(offsetof(type, field) == (bytes), #type "." #field)
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)

/* All platforms that the library supports have 8-byte pointers. */
_Static_assert(sizeof(void*) == 8, "pointers");

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

OFFSET(spot_event, struct_size, 0);
OFFSET(spot_event, stage, 4);
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
OFFSET(spot_event, resumed, 96);
OFFSET(spot_event, status, 100);
OFFSET(spot_event, stall_ms, 104);
OFFSET(spot_event, durable_ms, 112);
OFFSET(spot_event, bytes, 120);
OFFSET(spot_event, action, 128);
OFFSET(spot_event, stale, 132);
OFFSET(spot_event, deadline_s, 136);
OFFSET(spot_event, reason, 144);
OFFSET(spot_event, path, 152);
OFFSET(spot_event, source, 160);
OFFSET(spot_event, message, 168);
OFFSET(spot_event, run_id, 176);
OFFSET(spot_event, state_hash, 184);
OFFSET(spot_event, encode_ms, 192);
OFFSET(spot_event, write_ms, 200);
OFFSET(spot_event, fsync_ms, 208);
OFFSET(spot_event, withdrawn, 216);
OFFSET(spot_event, ends_run, 220);
OFFSET(spot_event, notice_id, 224);
OFFSET(spot_event, not_promised, 232);
SIZE(spot_event, 240);

OFFSET(spot_trainer_info, struct_size, 0);
OFFSET(spot_trainer_info, classes, 4);
OFFSET(spot_trainer_info, image_rows, 8);
OFFSET(spot_trainer_info, image_columns, 12);
OFFSET(spot_trainer_info, step, 16);
OFFSET(spot_trainer_info, epoch, 24);
OFFSET(spot_trainer_info, steps_per_epoch, 32);
OFFSET(spot_trainer_info, total_steps, 40);
OFFSET(spot_trainer_info, parameter_count, 48);
OFFSET(spot_trainer_info, parameter_tensors, 56);
OFFSET(spot_trainer_info, train_samples, 64);
OFFSET(spot_trainer_info, validation_samples, 72);
OFFSET(spot_trainer_info, test_samples, 80);
OFFSET(spot_trainer_info, dataset_is_fallback, 88);
OFFSET(spot_trainer_info, threads, 92);
OFFSET(spot_trainer_info, run_id, 96);
OFFSET(spot_trainer_info, device, 160);
OFFSET(spot_trainer_info, dataset, 176);
SIZE(spot_trainer_info, 432);

OFFSET(spot_metrics, struct_size, 0);
OFFSET(spot_metrics, reserved, 4);
OFFSET(spot_metrics, step, 8);
OFFSET(spot_metrics, samples, 16);
OFFSET(spot_metrics, loss, 24);
OFFSET(spot_metrics, accuracy, 32);
OFFSET(spot_metrics, learning_rate, 40);
OFFSET(spot_metrics, gradient_norm, 48);
OFFSET(spot_metrics, samples_per_second, 56);
SIZE(spot_metrics, 64);

OFFSET(spot_save_report, struct_size, 0);
OFFSET(spot_save_report, reserved, 4);
OFFSET(spot_save_report, step, 8);
OFFSET(spot_save_report, generation, 16);
OFFSET(spot_save_report, bytes, 24);
OFFSET(spot_save_report, stall_ms, 32);
OFFSET(spot_save_report, encode_ms, 40);
OFFSET(spot_save_report, commit_ms, 48);
OFFSET(spot_save_report, durable_ms, 56);
OFFSET(spot_save_report, path, 64);
OFFSET(spot_save_report, write_ms, 72);
OFFSET(spot_save_report, fsync_ms, 80);
OFFSET(spot_save_report, not_promised, 88);
SIZE(spot_save_report, 152);

OFFSET(spot_run_result, struct_size, 0);
OFFSET(spot_run_result, reason, 4);
OFFSET(spot_run_result, resumed, 8);
OFFSET(spot_run_result, durable, 12);
OFFSET(spot_run_result, step, 16);
OFFSET(spot_run_result, epoch, 24);
OFFSET(spot_run_result, test_accuracy, 32);
OFFSET(spot_run_result, test_loss, 40);
OFFSET(spot_run_result, wall_s, 48);
OFFSET(spot_run_result, notice_to_durable_ms, 56);
OFFSET(spot_run_result, margin_s, 64);
OFFSET(spot_run_result, model_path, 72);
OFFSET(spot_run_result, state_hash, 80);
OFFSET(spot_run_result, reserved, 113);
SIZE(spot_run_result, 120);

OFFSET(spot_tensor_info, struct_size, 0);
OFFSET(spot_tensor_info, role, 4);
OFFSET(spot_tensor_info, size, 8);
OFFSET(spot_tensor_info, rank, 16);
OFFSET(spot_tensor_info, reserved, 20);
OFFSET(spot_tensor_info, shape, 24);
OFFSET(spot_tensor_info, name, 88);
SIZE(spot_tensor_info, 216);

OFFSET(spot_model_info, struct_size, 0);
OFFSET(spot_model_info, classes, 4);
OFFSET(spot_model_info, image_rows, 8);
OFFSET(spot_model_info, image_columns, 12);
OFFSET(spot_model_info, parameter_count, 16);
OFFSET(spot_model_info, step, 24);
OFFSET(spot_model_info, threads, 32);
OFFSET(spot_model_info, reserved, 36);
OFFSET(spot_model_info, run_id, 40);
OFFSET(spot_model_info, device, 104);
SIZE(spot_model_info, 120);
