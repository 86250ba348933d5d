/* What a step callback costs in C, which callback_cost.py compares the other languages with: prints the seconds that a
 * run of so many steps takes, with a callback for each of them.
 *
 *     callback_bench VOLUME STEPS MODEL */

#include <spot_trainer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(spot_status status, spot_error* error) {
  if (status == SPOT_OK) return;
  fprintf(stderr, "callback_bench: %s\n", spot_error_message(error));
  exit(1);
}

static int32_t count(void* user, const spot_event* event) {
  (void)event;
  ++*(uint64_t*)user;
  return SPOT_ANSWER_CONTINUE;
}

/* The data that the bindings of all languages use. */
static spot_dataset* formula(void) {
  static uint8_t images[320][28 * 28];
  static uint8_t labels[320];
  spot_dataset_arrays arrays;
  spot_dataset* dataset = NULL;
  spot_error* error = NULL;
  for (unsigned image = 0; image < 320; ++image) {
    labels[image] = (uint8_t)(image % 10);
    for (unsigned pixel = 0; pixel < 28 * 28; ++pixel) {
      images[image][pixel] = (uint8_t)(image * 31 + pixel * 7 + labels[image] * 53u);
    }
  }
  memset(&arrays, 0, sizeof arrays);
  arrays.struct_size = sizeof arrays;
  arrays.image_type = arrays.label_type = SPOT_TYPE_UINT8;
  arrays.rows = arrays.columns = 28;
  arrays.channels = 1;
  arrays.classes = 10;
  arrays.train_samples = 320;
  arrays.train_images = images;
  arrays.train_labels = labels;
  arrays.train_image_bytes = sizeof images;
  arrays.train_label_bytes = sizeof labels;
  must(spot_dataset_create(&arrays, NULL, NULL, NULL, NULL, &dataset, &error), error);
  return dataset;
}

int main(int argc, char** argv) {
  static const char* const settings[][2] = {{"batch_size", "16"},
                                            {"epochs", "1000000"},
                                            {"metadata", "none"},
                                            {"checkpoint_seconds", "0"},
                                            {"checkpoint_epochs", "0"}};
  spot_config* config = NULL;
  spot_trainer* trainer = NULL;
  spot_error* error = NULL;
  spot_run_result result;
  uint64_t told = 0;
  if (argc != 4) {
    fprintf(stderr, "usage: callback_bench VOLUME STEPS MODEL\n");
    return 1;
  }
  must(spot_config_create(&config, &error), error);
  must(spot_config_set_str(config, "volume", argv[1], &error), error);
  must(spot_config_set_str(config, "steps", argv[2], &error), error);
  must(spot_config_set_str(config, "model", argv[3], &error), error);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
    must(spot_config_set_str(config, settings[i][0], settings[i][1], &error), error);
  }
  must(spot_trainer_create(config, formula(), NULL, &trainer, &error), error);
  must(spot_trainer_set_callback(trainer, SPOT_EVENT_STEP, count, &told, NULL, &error), error);
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  must(spot_trainer_run(trainer, NULL, NULL, &result, &error), error);
  if (told != result.step) {
    fprintf(stderr, "callback_bench: told of too few steps: give it a volume without checkpoints\n");
    return 1;
  }
  printf("%.6f\n", result.seconds);
  spot_trainer_free(trainer);
  spot_config_free(config);
  return 0;
}
