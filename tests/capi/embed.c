/* A host program in C99: trains synthetic digits, is interrupted, goes on in a second trainer and must end in
 * the bytes of an uninterrupted run. */

#define _POSIX_C_SOURCE 200809L

#include <spot_trainer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

static int failures = 0;

/* Prints and frees the error of a call that should have succeeded. */
static void expect_ok(const char* call, spot_status status, spot_error** error) {
  if (status == SPOT_OK) return;
  fprintf(stderr, "%s: %s: %s\n", call, spot_status_name(status), spot_error_message(*error));
  spot_error_free(*error);
  ++failures;
}
#define OK(call) expect_ok(#call, call, &error)

static void expect(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "expected: %s\n", what);
  ++failures;
}

static spot_config* make_config(const char* volume) {
  spot_error* error = NULL;
  spot_config* config = NULL;
  OK(spot_config_create(&config, &error));
  OK(spot_config_set_str(config, "volume", volume, &error));
  OK(spot_config_set_str(config, "dataset", "synthetic", &error));
  OK(spot_config_set_str(config, "model", "mlp", &error));
  OK(spot_config_set_str(config, "metadata", "none", &error));
  OK(spot_config_set_i64(config, "steps", 20, &error));
  return config;
}

/* Asks the poller to stop the run after step 7. */
static int32_t stop_at_seven(void* user, const spot_event* event) {
  if (event->step == 7) {
    return spot_poller_notify(user, SPOT_ACTION_REQUEST, NULL, "step 7", 30, NULL, NULL) == SPOT_OK ? 0 : 1;
  }
  return 0;
}

/* Runs on `volume`, interrupted at step 7 or not at all. */
static spot_run_result run(const char* volume, int interrupt) {
  spot_error* error = NULL;
  spot_trainer* trainer = NULL;
  spot_poller* poller = NULL;
  spot_run_result result;
  spot_config* config = make_config(volume);

  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  OK(spot_trainer_create(config, NULL, NULL, &trainer, &error));
  OK(spot_poller_create(config, &poller, &error));
  if (interrupt) {
    OK(spot_trainer_set_callback(trainer, SPOT_EVENT_STEP, stop_at_seven, poller, NULL, &error));
  }
  OK(spot_trainer_run(trainer, poller, NULL, &result, &error));
  spot_config_free(config);
  spot_poller_free(poller);
  spot_trainer_free(trainer);
  return result;
}

int main(void) {
  char root[] = "/tmp/spot-embed-XXXXXX";
  char whole[64], cut[64], command[96];
  spot_run_result expected, interrupted, result;

  expect(spot_abi_check(SPOT_ABI_VERSION, NULL) == SPOT_OK, "library and header agree");
  if (mkdtemp(root) == NULL) return 1;
  snprintf(whole, sizeof whole, "%s/whole", root);
  snprintf(cut, sizeof cut, "%s/cut", root);
  if (mkdir(whole, 0700) != 0 || mkdir(cut, 0700) != 0) return 1;

  expected = run(whole, 0);
  expect(expected.reason == SPOT_RUN_DONE && expected.step == 20, "the whole run is done");
  interrupted = run(cut, 1);
  expect(interrupted.reason == SPOT_RUN_INTERRUPTED, "the second run is interrupted");
  expect(interrupted.step == 7 && interrupted.durable == 1, "its checkpoint is durable");
  result = run(cut, 0);
  expect(result.resumed == 1 && result.reason == SPOT_RUN_DONE, "it resumes and ends");
  expect(strcmp(result.state_hash, expected.state_hash) == 0, "in the same bytes");

  snprintf(command, sizeof command, "rm -rf '%s'", root);
  if (system(command) != 0) ++failures;
  return failures == 0 ? 0 : 1;
}
