/* What cgo cannot say: callbacks. A Go value travels through the library as a number, its cgo.Handle, which must never
 * be seen as a pointer on Go's side. */
#ifndef SPOTTRAINER_BRIDGE_H
#define SPOTTRAINER_BRIDGE_H

#include <spot_trainer.h>

/* As the functions of the header with these names. 0 removes the receiver. Where the arrays of a dataset lie is told
 * one by one: cgo looks for pointers of Go's in all that a struct points to. */
spot_status bridge_config_set_log(spot_config* config, int32_t level, uintptr_t receiver, spot_error** error);
spot_status bridge_trainer_set_callback(spot_trainer* trainer, uint32_t events, uintptr_t receiver, spot_error** error);
spot_status bridge_dataset_create(const spot_dataset_arrays* arrays, const void* train_images, const void* train_labels,
                                  const void* test_images, const void* test_labels, uintptr_t owner, spot_dataset** out,
                                  spot_error** error);

/* The file that spot_abi_version() came from; lives for ever. */
const char* bridge_library_path(void);

#endif
