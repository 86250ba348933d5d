#define _GNU_SOURCE
#include "bridge.h"

#include <dlfcn.h>

#include "_cgo_export.h"

static void receive_log(void* user, int32_t level, const char* message, size_t length) {
  spotGoLog((uintptr_t)user, level, (char*)message, length);
}

static int32_t receive_event(void* user, const spot_event* event) {
  return spotGoEvent((uintptr_t)user, (spot_event*)event);
}

static void destroy(void* user) {
  spotGoDestroy((uintptr_t)user);
}

spot_status bridge_config_set_log(spot_config* config, int32_t level, uintptr_t receiver, spot_error** error) {
  if (receiver == 0) return spot_config_set_log(config, level, NULL, NULL, NULL, error);
  return spot_config_set_log(config, level, receive_log, (void*)receiver, destroy, error);
}

spot_status bridge_trainer_set_callback(spot_trainer* trainer, uint32_t events, uintptr_t receiver,
                                        spot_error** error) {
  if (receiver == 0) return spot_trainer_set_callback(trainer, events, NULL, NULL, NULL, error);
  return spot_trainer_set_callback(trainer, events, receive_event, (void*)receiver, destroy, error);
}

spot_status bridge_dataset_create(const spot_dataset_arrays* arrays, const void* train_images, const void* train_labels,
                                  const void* test_images, const void* test_labels, uintptr_t owner, spot_dataset** out,
                                  spot_error** error) {
  spot_dataset_arrays all = *arrays;
  if (all.train_image_bytes != 0) all.train_images = train_images;
  if (all.train_label_bytes != 0) all.train_labels = train_labels;
  if (all.test_image_bytes != 0) all.test_images = test_images;
  if (all.test_label_bytes != 0) all.test_labels = test_labels;
  return spot_dataset_create(&all, NULL, NULL, (void*)owner, destroy, out, error);
}

const char* bridge_library_path(void) {
  Dl_info file;
  /* RTLD_NEXT passes over the program itself, whose own entry for the function would name the wrong file. */
  const void* function = dlsym(RTLD_NEXT, "spot_abi_version");
  return function != NULL && dladdr(function, &file) != 0 ? file.dli_fname : "libspot_trainer.so";
}
