/* A complete host program: trains on a volume until it is done, interrupted or told to stop. Run it again and it goes
 * on where it was.
 *
 *     embed_c VOLUME [KEY=VALUE ...]        e.g.  embed_c /mnt/data dataset=mnist epochs=3
 *
 * SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it
 * ended, at which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a
 * durable checkpoint, 76 without, 1 failed. */

#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <signal.h>
#include <spot_trainer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file of the library must not get the number of a closed stream: what is printed would land in it. */
static void open_missing_streams(void) {
  int lowest_free;
  do {
    lowest_free = open("/dev/null", O_RDWR);
  } while (lowest_free >= 0 && lowest_free <= STDERR_FILENO);
  close(lowest_free);
}

/* Prints and frees the error; returns whether the call succeeded. */
static int succeeded(spot_status status, spot_error** error) {
  if (status == SPOT_OK) return 1;
  fprintf(stderr, "embed_c: %s: %s\n", spot_status_name(status), spot_error_message(*error));
  spot_error_free(*error);
  *error = NULL;
  return 0;
}

static void print_log(void* user, int32_t level, const char* message, size_t length) {
  (void)user;
  (void)level;
  fprintf(stderr, "embed_c: %.*s\n", (int)length, message);
}

static int32_t print_event(void* user, const spot_event* event) {
  const unsigned long long step = event->step;
  (void)user;
  if (event->kind == SPOT_EVENT_STEP && step % 100 == 0) {
    fprintf(stderr, "step %llu: loss %.4f\n", step, event->loss);
  } else if (event->kind == SPOT_EVENT_EPOCH_END) {
    fprintf(stderr, "step %llu: test accuracy %.4f\n", step, event->test_accuracy);
  } else if (event->kind == SPOT_EVENT_CHECKPOINT) {
    fprintf(stderr, "step %llu: checkpoint (%s) %s\n", step, spot_save_reason_name(event->save_reason),
            event->status == SPOT_OK ? "is durable" : event->message);
  } else if (event->kind == SPOT_EVENT_NOTICE) {
    fprintf(stderr, "step %llu: notice%s of %s: %s\n", step, event->withdrawn == 1 ? " withdrawn" : "", event->source,
            spot_action_name(event->action));
  }
  return SPOT_ANSWER_CONTINUE;
}

static spot_config* configure(int argc, char** argv) {
  spot_error* error = NULL;
  spot_config* config = NULL;
  if (!succeeded(spot_config_create(&config, &error), &error)) return NULL;
  spot_config_set_log(config, SPOT_LOG_WARNING, print_log, NULL, NULL, NULL);
  if (!succeeded(spot_config_set_str(config, "volume", argv[1], &error), &error)) goto failed;
  for (int i = 2; i < argc; ++i) {
    char* value = strchr(argv[i], '=');
    if (value == NULL) {
      fprintf(stderr, "embed_c: '%s' is not KEY=VALUE\n", argv[i]);
      goto failed;
    }
    *value++ = '\0';
    if (!succeeded(spot_config_set_str(config, argv[i], value, &error), &error)) goto failed;
  }
  return config;
failed:
  spot_config_free(config);
  return NULL;
}

/* It lives as long as the process, because a signal may come at any time. */
static spot_cancel* stop_request;

static void request_stop(int signal) {
  (void)signal;
  spot_cancel_trigger(stop_request);
}

static int stop_at_signals(void) {
  spot_error* error = NULL;
  struct sigaction action;
  if (!succeeded(spot_cancel_create(&stop_request, &error), &error)) return 0;
  memset(&action, 0, sizeof action);
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN); /* a reader that goes away ends no run */
  return 1;
}

/* Returns whether there is a result. */
static int train(const spot_config* config, spot_run_result* result) {
  spot_error* error = NULL;
  spot_trainer* trainer = NULL;
  spot_poller* poller = NULL;
  int done = 0;

  /* First, so that a notice that comes while the dataset is fetched is a new one. */
  if (!succeeded(spot_poller_create(config, &poller, &error), &error)) return 0;
  spot_status status = spot_trainer_create(config, NULL, stop_request, &trainer, &error);
  if (status == SPOT_E_CANCELLED) { /* while it fetched the dataset: nothing is lost */
    spot_error_free(error);
    spot_poller_free(poller);
    result->reason = SPOT_RUN_CANCELLED;
    result->durable = 1;
    return 1;
  }
  if (succeeded(status, &error) &&
      succeeded(spot_trainer_set_callback(trainer, SPOT_EVENT_ALL, print_event, NULL, NULL, &error), &error)) {
    done = succeeded(spot_trainer_run(trainer, poller, stop_request, result, &error), &error);
  }
  spot_poller_free(poller);
  spot_trainer_free(trainer);
  return done;
}

int main(int argc, char** argv) {
  spot_error* error = NULL;
  spot_config* config = NULL;
  spot_run_result result;
  int code = 1;

  open_missing_streams();
  if (argc < 2) {
    fprintf(stderr, "usage: embed_c VOLUME [KEY=VALUE ...]\n");
    return 1;
  }
  if (!succeeded(spot_abi_check(SPOT_ABI_VERSION, &error), &error)) return 1;
  config = configure(argc, argv);
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  if (config != NULL && stop_at_signals() && train(config, &result)) {
    printf("{\"reason\": \"%s\", \"step\": %llu, \"durable\": %s, \"state_hash\": \"%s\"}\n",
           spot_run_reason_name(result.reason), (unsigned long long)result.step, result.durable == 1 ? "true" : "false",
           result.state_hash);
    code = result.reason == SPOT_RUN_DONE ? 0 : result.durable == 1 ? 75 : 76;
  }
  spot_config_free(config);
  return code;
}
