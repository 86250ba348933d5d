/*
 * save_driver: trains a tiny network through the public header, saves after every step, and says on stdout, a line
 * each, what the library told it:
 *
 *     at STEP HASH                          where it stands after it looked for a checkpoint
 *     hash STEP HASH                        --hashes: the state after each step of a run that saves nothing
 *     acknowledged STEP GENERATION HASH     a save returned: it must survive whatever comes now
 *     failed STEP STATUS ERRNO MESSAGE      a save did not; training goes on
 *     verified GOOD BAD                     --verify: of all files of the volume
 *     end STEP HASH
 *     error STATUS ERRNO MESSAGE            the end of the program, by the exit code of that status
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <spot_trainer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kUsage = 64, kData = 65, kUnavailable = 69, kInternal = 70, kInputOutput = 74, kFenced = 77 };

struct options {
  unsigned long long steps; /* to go, at most until this step */
  unsigned long long every; /* steps a save */
  long pause_us;            /* after every save */
  const char* mark;         /* where to tell the injector to begin: "start", "restore", "save", "free" */
  int hashes;
  int verify;
  int hold; /* wait for a byte on stdin before the end, with the trainer alive */
};

static int exit_code(spot_status status) {
  switch (status) {
    case SPOT_OK: return 0;
    case SPOT_E_FENCED: return kFenced;
    case SPOT_E_TIMEOUT: return kUnavailable;
    case SPOT_E_CORRUPT:
    case SPOT_E_MISMATCH:
    case SPOT_E_DATA: return kData;
    case SPOT_E_IO:
    case SPOT_E_NOT_FOUND:
    case SPOT_E_NO_SPACE: return kInputOutput;
    default: return kInternal;
  }
}

static int report(spot_status status, spot_error* error) {
  printf("error %s %d %s\n", spot_status_name(status), spot_error_os_errno(error), spot_error_message(error));
  spot_error_free(error);
  return exit_code(status);
}

/* The injector takes this signal away and traces from here on. */
static void mark(const struct options* options, const char* place) {
  if (options->mark != NULL && strcmp(options->mark, place) == 0) raise(SIGUSR1);
}

static void say_state(spot_trainer* trainer, const char* what) {
  spot_trainer_info info;
  char hash[33] = "";
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  spot_trainer_get_info(trainer, &info, NULL);
  spot_trainer_get_state_hash(trainer, hash, NULL);
  printf("%s %llu %s\n", what, (unsigned long long)info.step, hash);
}

static unsigned long long step_of(spot_trainer* trainer) {
  spot_trainer_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  spot_trainer_get_info(trainer, &info, NULL);
  return info.step;
}

/* A failed save is told and survived; only a fenced writer must stop. */
static spot_status save(spot_trainer* trainer) {
  spot_save_report saved;
  spot_error* error = NULL;
  char hash[33] = "";
  memset(&saved, 0, sizeof saved);
  saved.struct_size = sizeof saved;
  const spot_status status = spot_trainer_checkpoint(trainer, NULL, &saved, &error);
  if (status == SPOT_OK) {
    spot_trainer_get_state_hash(trainer, hash, NULL);
    printf("acknowledged %llu %llu %s\n", (unsigned long long)saved.step, (unsigned long long)saved.generation, hash);
    return SPOT_OK;
  }
  printf("failed %llu %s %d %s\n", step_of(trainer), spot_status_name(status), spot_error_os_errno(error),
         spot_error_message(error));
  spot_error_free(error);
  return status == SPOT_E_FENCED ? status : SPOT_OK;
}

static void rest(long microseconds) {
  const struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
  if (microseconds > 0) nanosleep(&pause, NULL);
}

static int train(spot_trainer* trainer, const struct options* options) {
  spot_error* error = NULL;
  mark(options, "save");
  for (unsigned long long step = step_of(trainer); step < options->steps; ++step) {
    spot_status status = spot_trainer_step(trainer, 1, NULL, NULL, &error);
    if (status != SPOT_OK) return report(status, error);
    if (options->hashes) {
      say_state(trainer, "hash");
    } else if ((step + 1) % options->every == 0) {
      status = save(trainer);
      if (status != SPOT_OK) return exit_code(status);
      rest(options->pause_us);
    }
  }
  return 0;
}

static int verify(const char* volume) {
  uint64_t good = 0, bad = 0;
  spot_error* error = NULL;
  const spot_status status = spot_checkpoint_verify(volume, NULL, &good, &bad, NULL, &error);
  if (status != SPOT_OK && status != SPOT_E_NOT_FOUND) return report(status, error);
  spot_error_free(error);
  printf("verified %llu %llu\n", (unsigned long long)good, (unsigned long long)bad);
  return 0;
}

static int run(const spot_config* config, const char* volume, const struct options* options) {
  spot_trainer* trainer = NULL;
  spot_error* error = NULL;
  int code = 0;
  mark(options, "start");
  spot_status status = spot_trainer_create(config, NULL, NULL, &trainer, &error);
  if (status != SPOT_OK) return report(status, error);
  mark(options, "restore");
  if (!options->hashes) {
    status = spot_trainer_restore(trainer, NULL, NULL, &error);
    if (status == SPOT_E_NOT_FOUND) {
      spot_error_free(error);
    } else if (status != SPOT_OK) {
      code = report(status, error);
    }
  }
  if (code == 0) {
    say_state(trainer, "at");
    code = train(trainer, options);
  }
  if (code == 0) say_state(trainer, "end");
  if (options->hold) (void)getchar();
  mark(options, "free");
  spot_trainer_free(trainer);
  if (code == 0 && options->verify) code = verify(volume);
  return code;
}

static int set(spot_config* config, const char* assignment) {
  char key[64];
  spot_error* error = NULL;
  const char* equals = strchr(assignment, '=');
  if (equals == NULL || (size_t)(equals - assignment) >= sizeof key) return kUsage;
  memcpy(key, assignment, (size_t)(equals - assignment));
  key[equals - assignment] = '\0';
  const spot_status status = spot_config_set_str(config, key, equals + 1, &error);
  return status == SPOT_OK ? 0 : report(status, error);
}

int main(int argc, char** argv) {
  static const struct option names[] = {
      {"steps", required_argument, NULL, 'n'},    {"every", required_argument, NULL, 'e'},
      {"pause-us", required_argument, NULL, 'p'}, {"mark", required_argument, NULL, 'm'},
      {"hashes", no_argument, NULL, 'h'},         {"verify", no_argument, NULL, 'v'},
      {"hold", no_argument, NULL, 'w'},           {NULL, 0, NULL, 0}};
  struct options options = {.steps = 0, .every = 1};
  spot_config* config = NULL;
  int option;
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (option) {
      case 'n': options.steps = strtoull(optarg, NULL, 10); break;
      case 'e': options.every = strtoull(optarg, NULL, 10); break;
      case 'p': options.pause_us = strtol(optarg, NULL, 10); break;
      case 'm': options.mark = optarg; break;
      case 'h': options.hashes = 1; break;
      case 'v': options.verify = 1; break;
      case 'w': options.hold = 1; break;
      default: return kUsage;
    }
  }
  if (optind >= argc || options.every == 0) {
    fprintf(stderr, "usage: save_driver [OPTION…] VOLUME [KEY=VALUE…]\n");
    return kUsage;
  }
  /* A line must have left the process before the next thing happens. */
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char* volume = argv[optind];
  if (spot_config_create(&config, NULL) != SPOT_OK) return kInternal;
  spot_config_set_str(config, "volume", volume, NULL);
  int code = 0;
  for (int i = optind + 1; i < argc && code == 0; ++i) code = set(config, argv[i]);
  if (code == 0) code = run(config, volume, &options);
  spot_config_free(config);
  return code;
}
