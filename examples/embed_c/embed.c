/* A complete host program: trains on a volume until done or interrupted, shows its progress, and passes SIGTERM and
 * SIGINT on as a notice. Run it again after an interruption and it goes on where it was.
 *
 *     embed_c VOLUME [KEY=VALUE ...]        e.g.  embed_c /mnt/data dataset=mnist epochs=3
 *
 * Exit code: 0 done, 75 interrupted with a durable checkpoint, 76 interrupted without, 1 failed. */

#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <spot_trainer.h>
#include <stdio.h>
#include <string.h>

/* Prints and frees the error; returns whether the call succeeded. */
static int succeeded(spot_status status, spot_error* error) {
  if (status == SPOT_OK) return 1;
  fprintf(stderr, "embed_c: %s: %s\n", spot_status_name(status), spot_error_message(error));
  spot_error_free(error);
  return 0;
}

static void print_log(void* user, int32_t level, const char* message, size_t length) {
  (void)user;
  (void)level;
  fprintf(stderr, "embed_c: %.*s\n", (int)length, message);
}

static int32_t print_event(void* user, const spot_event* event) {
  (void)user;
  if (event->kind == SPOT_EVENT_EPOCH_END) {
    printf("epoch %llu: test accuracy %.4f\n", (unsigned long long)event->epoch, event->test_accuracy);
  } else if (event->kind == SPOT_EVENT_CHECKPOINT) {
    printf("checkpoint of step %llu (%s): %s\n", (unsigned long long)event->step,
           spot_save_reason_name(event->save_reason), spot_status_name(event->status));
  }
  return 0;
}

/* Waits for a signal on its own thread, where calling the library is allowed. */
static void* pass_signals_on(void* poller) {
  sigset_t signals;
  int signal = 0;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  for (;;) {
    if (sigwait(&signals, &signal) == 0) {
      spot_poller_notify((spot_poller*)poller, SPOT_ACTION_REQUEST, NULL, strsignal(signal), NAN, NULL, NULL);
    }
  }
  return NULL;
}

static spot_config* configure(int argc, char** argv) {
  spot_error* error = NULL;
  spot_config* config = NULL;
  if (!succeeded(spot_config_create(&config, &error), error)) return NULL;
  spot_config_set_log(config, SPOT_LOG_WARNING, print_log, NULL, NULL, NULL);
  if (!succeeded(spot_config_set_str(config, "volume", argv[1], &error), error)) goto failed;
  for (int i = 2; i < argc; ++i) {
    char* value = strchr(argv[i], '=');
    if (value == NULL) {
      fprintf(stderr, "embed_c: '%s' is not KEY=VALUE\n", argv[i]);
      goto failed;
    }
    *value++ = '\0';
    if (!succeeded(spot_config_set_str(config, argv[i], value, &error), error)) goto failed;
  }
  return config;
failed:
  spot_config_free(config);
  return NULL;
}

int main(int argc, char** argv) {
  spot_error* error = NULL;
  spot_trainer* trainer = NULL;
  spot_poller* poller = NULL;
  spot_run_result result;
  pthread_t thread;
  sigset_t signals;
  int code = 1;

  if (argc < 2) {
    fprintf(stderr, "usage: embed_c VOLUME [KEY=VALUE ...]\n");
    return 64;
  }
  if (!succeeded(spot_abi_check(SPOT_ABI_VERSION, &error), error)) return 1;
  /* Before any thread exists, so that all of them leave the signals to ours. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  spot_config* config = configure(argc, argv);
  if (config == NULL) return 1;
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  if (succeeded(spot_poller_create(config, &poller, &error), error) &&
      pthread_create(&thread, NULL, pass_signals_on, poller) == 0 &&
      succeeded(spot_trainer_create(config, NULL, NULL, &trainer, &error), error) &&
      succeeded(spot_trainer_set_callback(trainer, SPOT_EVENT_ALL, print_event, NULL, NULL, &error), error) &&
      succeeded(spot_trainer_run(trainer, poller, NULL, &result, &error), error)) {
    printf("%s at step %llu, state %s\n", spot_run_reason_name(result.reason), (unsigned long long)result.step,
           result.state_hash);
    code = result.reason == SPOT_RUN_DONE ? 0 : result.durable ? 75 : 76;
  }
  /* The poller is left to the end of the process: the signal thread still refers to it. */
  spot_trainer_free(trainer);
  spot_config_free(config);
  return code;
}
