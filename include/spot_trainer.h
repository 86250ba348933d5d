/*
 * spot_trainer.h: train neural networks on machines that can vanish, and lose nothing.
 *
 * PURPOSE
 *   A trainer runs a training job on a volume: a folder that outlives the machine. It saves checkpoints
 *   there, notices that the machine is about to be taken away (poller), makes a last checkpoint durable in
 *   time, and goes on from it on the next machine. The state after step n depends on the configuration, the
 *   data and the seed alone: not on the number of threads, and not on how often the run was interrupted.
 *
 *       spot_config *config;   spot_trainer *trainer;   spot_poller *poller;   spot_error *error;
 *       spot_config_create(&config, &error);
 *       spot_config_set_str(config, "volume", "/mnt/data", &error);
 *       spot_trainer_create(config, NULL, &trainer, &error);
 *       spot_poller_create(config, &poller, &error);
 *       spot_trainer_run(trainer, poller, NULL, &result, &error);
 *
 * THREADS
 *   A handle may move between threads. A spot_trainer or spot_config takes one call at a time: a second
 *   concurrent call answers SPOT_E_BUSY and does nothing. spot_cancel, spot_poller, spot_checkpoint and spot_model may
 *   be used from any number of threads at once. Callbacks arrive only on the thread that called the library; the
 *   log callback alone may arrive on threads of the library. The library blocks all signals in its own
 *   threads and installs no handler. A write that the system answers with SIGPIPE or SIGXFSZ (RLIMIT_FSIZE) is a
 *   failed call, SPOT_E_NO_SPACE for the latter, and ends no host, on the host's own threads either. In a child made
 *   by fork() every handle of the parent answers SPOT_E_FORKED; there, free functions do nothing.
 *
 * LIFETIME
 *   A handle keeps alive what it needs: handles may be freed in any order, a poller or cancel even while a run
 *   uses it. Every free function accepts NULL. Freeing a trainer or configuration that a call is using, from a
 *   callback for instance, does nothing. Text arguments end with a zero byte and are copied.
 *
 * TEXT
 *   Every text that leaves the library is valid UTF-8; bytes that are not are replaced by U+FFFD, and what is cut is
 *   cut between characters. Only fields and functions that give a path alone give its bytes as the file system has
 *   them, whole, fit to be opened. A path in a message or in JSON is there to be read, not to be opened.
 *
 * ERRORS
 *   Every function that can fail returns a spot_status and takes a spot_error ** as its last parameter. That
 *   may be NULL; otherwise it is set to NULL on success and to an error that the caller frees on failure.
 *   Outputs are written on success only. The library never prints, aborts or exits. Any function may also
 *   answer SPOT_E_INVALID_ARGUMENT (a NULL that is not allowed, a struct_size of 0), SPOT_E_BUSY,
 *   SPOT_E_FORKED, SPOT_E_NO_MEMORY and SPOT_E_INTERNAL.
 *
 * STRUCTS
 *   The caller sets struct_size to sizeof the struct before the call. Structs only ever grow at their end;
 *   the library writes at most struct_size bytes. A number that was not measured is NaN.
 *
 * VOLUME
 *   A volume has one writer at a time: the trainer that first runs, restores from the volume or saves there
 *   becomes it and stays it until it is freed. Another one, in whatever process or machine, waits for
 *   lease_wait_seconds (then SPOT_E_TIMEOUT), or takes the volume over at once with the key takeover. The one
 *   that was taken over from can change nothing on the volume any more and gets SPOT_E_FENCED, even when it was
 *   frozen in the middle of a save. Reading (spot_checkpoint_...) needs no such right. On a file system without
 *   locks nobody can tell whether the writer before lives: there the second one does not wait but takes over.
 *   A volume needs room for keep_last + keep_best + 2 checkpoints, beside those that keep_every keeps: at no moment
 *   are there more. A superseded file is written over by a later save rather than removed, so copy a checkpoint of a
 *   running trainer through spot_checkpoint_... and not file by file. A run says before its first step when there is
 *   less room, and refuses (SPOT_E_NO_SPACE) when not even three checkpoints fit. Whenever the volume turns out to be
 *   full it removes what the keys do not ask for, then older checkpoints than the last two, but not the best and
 *   none of keep_every, and saves once more; when that fails, too, it says so, trains on, and tries again with the
 *   next save.
 *   The first thing that a writer does is to rehearse a save. A file system that lacks something of it (syncing a
 *   folder, renaming without replacing) is refused (SPOT_E_IO) unless the key durability allows a weaker promise;
 *   each report of a save then says what was not promised. A folder that is removed or renamed while a trainer writes
 *   to it is SPOT_E_IO, too; SPOT_E_FENCED is only for a volume that another writer has.
 *
 * STABILITY
 *   SPOT_ABI_VERSION 0 is unstable: it may change from one release to the next. From 1 on it is a promise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SPOT_TRAINER_H
#define SPOT_TRAINER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(SPOT_TRAINER_BUILD)
#define SPOT_API __attribute__((visibility("default")))
#else
#define SPOT_API
#endif

/* ---- Version ------------------------------------------------------------------------------------------ */

#define SPOT_ABI_VERSION 0

/* The ABI of the library that is loaded; a binding refuses to work when it differs from SPOT_ABI_VERSION.
 * Since 0. */
SPOT_API uint32_t spot_abi_version(void);
/* The release, e.g. "0.1.0"; lives for ever. Since 0. */
SPOT_API const char* spot_version(void);
/* JSON: {"version", "abi_version", "compiler", "build_type", "libraries": {"onednn", "flatbuffers", "curl",
 * "zlib"}, "backends": [{"name", "usable", "present", "detail"}], "processors": {"count", "reason"}}: each engine that
 * a build may have, whether it or its driver is here, and what it runs on or why it cannot be used; opens the
 * engines' modules. "count" is the number of threads that the key threads stands for when it is 0: one for each
 * processor, within the CPU quota of the process's control group. Lives for ever. Since 0. */
SPOT_API const char* spot_build_info(void);

/* ---- Status and errors -------------------------------------------------------------------------------- */

typedef int32_t spot_status;

#define SPOT_OK 0
#define SPOT_E_INVALID_ARGUMENT 1 /* NULL where it is not allowed, struct_size 0, wrong size or index */
#define SPOT_E_CONFIG 2           /* unknown key, value out of bounds, keys that contradict each other */
#define SPOT_E_DATA 3             /* a dataset or an image is damaged, or not what it claims to be */
#define SPOT_E_MODEL 4            /* a model that cannot be: unknown layer, impossible shape */
#define SPOT_E_IO 5               /* the operating system failed to read or write */
#define SPOT_E_NO_SPACE 6         /* the volume is full, or a quota is used up */
#define SPOT_E_CORRUPT 7          /* a checkpoint is damaged; from restore: every one on the volume is */
#define SPOT_E_NOT_FOUND 8        /* no such file, folder, tensor or checkpoint */
#define SPOT_E_MISMATCH 9         /* a checkpoint of another model, dataset or configuration */
#define SPOT_E_NETWORK 10         /* no server gave what was asked for */
#define SPOT_E_BUSY 11            /* the handle is in use by another call, or by a callback's caller */
#define SPOT_E_ORDER 12           /* a call that makes no sense now */
#define SPOT_E_CANCELLED 13       /* the spot_cancel was triggered; a trainer's state is that of a whole step */
#define SPOT_E_CALLBACK 14        /* a callback returned non-zero */
#define SPOT_E_FORKED 15          /* the handle belongs to the parent process */
#define SPOT_E_FENCED 16          /* another writer has taken over the volume: this one may not go on */
#define SPOT_E_TIMEOUT 17         /* nothing happened within the time given; the volume is in use */
#define SPOT_E_UNSUPPORTED 18     /* this build, machine or version cannot do it */
#define SPOT_E_NO_MEMORY 19       /* out of memory */
#define SPOT_E_INTERNAL 20        /* a fault of the library: please report it */
#define SPOT_E_DIVERGED 21        /* training has failed: a loss, gradient norm or tensor is not finite */

/* The name of a code, e.g. "SPOT_E_DATA"; "SPOT_E_UNKNOWN" for a number that is none. Since 0. */
SPOT_API const char* spot_status_name(spot_status status);

/* What went wrong, owned by the caller, usable on any thread. */
typedef struct spot_error spot_error;

/* These accept NULL, which reads as no error. Since 0. */
SPOT_API spot_status spot_error_code(const spot_error* error);
/* One line of UTF-8: what was wrong, with which file, key or value, and what to do. Lives as long as the
 * error. Since 0. */
SPOT_API const char* spot_error_message(const spot_error* error);
/* errno of the failed system call; 0: none. Since 0. */
SPOT_API int32_t spot_error_os_errno(const spot_error* error);
/* Status of the HTTP answer; 0: none. Since 0. */
SPOT_API int32_t spot_error_http_status(const spot_error* error);
/* Where in the file, in bytes from its start; -1: unknown. Since 0. */
SPOT_API int64_t spot_error_byte_offset(const spot_error* error);
/* Since 0. */
SPOT_API void spot_error_free(spot_error* error);

/* Frees a text that the library returned through a char ** parameter. Since 0. */
SPOT_API void spot_text_free(char* text);

/* ---- Log ---------------------------------------------------------------------------------------------- */

#define SPOT_LOG_ERROR 0
#define SPOT_LOG_WARNING 1
#define SPOT_LOG_INFO 2
#define SPOT_LOG_DEBUG 3

/* Receives one message: `length` bytes of UTF-8 at `message`, without a line feed, valid during the call.
 * May be called concurrently and from threads of the library; must not call the library. */
typedef void (*spot_log_fn)(void* user, int32_t level, const char* message, size_t length);

/* ---- Configuration ------------------------------------------------------------------------------------ */

/* Values for the keys that spot_config_describe() lists. Whatever is created from it copies it. */
typedef struct spot_config spot_config;

/* A configuration with every key at its default. Since 0. */
SPOT_API spot_status spot_config_create(spot_config** out, spot_error** error);
/* Since 0. */
SPOT_API void spot_config_free(spot_config* config);

/* Each sets one key. SPOT_E_CONFIG: no such key, wrong type, or out of bounds; the message says what is
 * allowed. _str takes text for a key of any type ("true", "128", "1e-3"). Since 0. */
SPOT_API spot_status spot_config_set_i64(spot_config* config, const char* key, int64_t value, spot_error** error);
SPOT_API spot_status spot_config_set_f64(spot_config* config, const char* key, double value, spot_error** error);
SPOT_API spot_status spot_config_set_str(spot_config* config, const char* key, const char* value, spot_error** error);
/* The value of a key as text, to be freed with spot_text_free(). Since 0. */
SPOT_API spot_status spot_config_get_str(const spot_config* config, const char* key, char** out, spot_error** error);
/* Where whatever is created from this configuration reports; NULL (the default) for silence. Since 0. */
SPOT_API spot_status spot_config_set_log(spot_config* config, spot_log_fn receiver, void* user, spot_error** error);
/* JSON array, one object a key: {"name", "type": "boolean|integer|number|text", "default", "minimum",
 * "maximum", "choices", "resume": "free|exact", "help", "synonyms"}; lives for ever. "default" is text as
 * spot_config_get_str() gives it; "minimum" and "maximum", both inclusive, are null unless the key is a
 * number; "choices" is an array of texts, empty when every text is allowed; "synonyms" are words for the key in other
 * programs, which a suggestion may be made from and no setter accepts. "exact" keys determine the results
 * and cannot differ from the checkpoint's on resume unless allow_config_change is true. Since 0. */
SPOT_API const char* spot_config_describe(void);

/* ---- Cancel ------------------------------------------------------------------------------------------- */

/* A request to stop, reference-counted, for the calls that can take long. All of its functions, and every parameter
 * of this type, accept NULL, which is never triggered. */
typedef struct spot_cancel spot_cancel;

/* With one owner. Since 0. */
SPOT_API spot_status spot_cancel_create(spot_cancel** out, spot_error** error);
/* Adds an owner, for a second holder that will call spot_cancel_free() too. Since 0. */
SPOT_API void spot_cancel_retain(spot_cancel* cancel);
/* Takes one owner away; the last one frees it. A call that was given the handle is an owner until it returns.
 * Since 0. */
SPOT_API void spot_cancel_free(spot_cancel* cancel);
/* Asks every call that was given this handle to stop: training at the next step boundary, everything else, a download
 * or a wait for another writer say, within a second. One lock-free store: safe in a signal handler and on any thread.
 * Since 0. */
SPOT_API void spot_cancel_trigger(spot_cancel* cancel);
/* 1 when triggered, else 0. Since 0. */
SPOT_API int32_t spot_cancel_is_triggered(const spot_cancel* cancel);
/* Makes it usable again. Since 0. */
SPOT_API void spot_cancel_reset(spot_cancel* cancel);

/* ---- Poller ------------------------------------------------------------------------------------------- */

/* Watches for interruption notices on a thread of its own, from the sources that the keys metadata,
 * metadata_endpoint, metadata_v1 and poll_seconds name. Usable without a trainer. */
typedef struct spot_poller spot_poller;

#define SPOT_ACTION_TERMINATE 1
#define SPOT_ACTION_STOP 2
#define SPOT_ACTION_HIBERNATE 3
#define SPOT_ACTION_REBALANCE 4 /* save early and go on */
#define SPOT_ACTION_REQUEST 5   /* the host, or the watched file, asks to stop */

typedef struct spot_notice {
  uint32_t struct_size;
  int32_t action;       /* SPOT_ACTION_... */
  uint64_t id;          /* of the event: its notice and its withdrawal have the same */
  double seconds_left;  /* until the machine may be gone, from now; negative: overdue; NaN: no end is known, as for a
                           rebalance recommendation */
  double seconds_since; /* since the poller saw it first */
  int32_t stale;        /* 1: the time that it states had passed when it was first seen, or its file was there before.
                           If it comes while the poller watches, it counts all the same: the machine's clock may be
                           wrong. If it was there before the poller began, it may be left over from an earlier run
                           that obeyed it: then ends_run is 0 and seconds_left is NaN. */
  int32_t withdrawn;    /* 1: the event is over, the source no longer tells of it */
  int32_t ends_run;     /* 1: spot_trainer_run() saves and stops; 0: it saves and goes on, or, at a withdrawal, does
                           not stop if it has not stopped yet */
  int32_t reserved;     /* 0 */
  char source[32];      /* "aws-spot-action", "aws-rebalance", "file", "host", ... */
  char detail[256];     /* the source's own words, cut */
} spot_notice;

typedef struct spot_poller_health {
  uint32_t struct_size;
  int32_t disabled;             /* 1: nothing to watch here */
  uint64_t polls;               /* questions asked so far */
  uint64_t failures_in_a_row;   /* answers that said neither yes nor no */
  double seconds_since_success; /* NaN: never yet */
  char source[32];              /* what is watched, as the key metadata names it; empty: nothing, or the cloud that
                                   metadata=auto looks for is not found yet */
  char last_error[512];         /* empty after a success; when disabled: why */
} spot_poller_health;

/* Starts watching. SPOT_E_CONFIG: a source or endpoint that cannot be. Since 0. */
SPOT_API spot_status spot_poller_create(const spot_config* config, spot_poller** out, spot_error** error);
/* Stops within 100 ms, even in the middle of a request; a run that uses the poller goes on with it to its end.
 * Waits in progress end with SPOT_E_CANCELLED. Since 0. */
SPOT_API void spot_poller_free(spot_poller* poller);
/* Waits for the next notice or withdrawal. A notice is state: every waiter and every run sees each one. A waiter keeps
 * its place in `position`, which is 0 at first; on success it is moved on. NULL: each call begins with the first.
 * timeout_ms < 0 waits for ever, 0 only looks. SPOT_E_TIMEOUT: none came; SPOT_E_CANCELLED: `cancel` (may be NULL) was
 * triggered, which takes up to 100 ms, or the poller was freed. Since 0. */
SPOT_API spot_status spot_poller_wait(spot_poller* poller, uint64_t* position, int64_t timeout_ms, spot_cancel* cancel,
                                      spot_notice* out, spot_error** error);
/* Files a notice of the host's own (SPOT_ACTION_...), e.g. on SIGTERM; each call is an event of its own. `source`
 * (NULL: "host") and `detail` (may be NULL) say where it comes from and why; seconds_left is the time until the end,
 * NaN where that is not known. `id` receives the event's and may be NULL. Takes a lock: call it from a thread that
 * waits for the signal, not from a signal handler. Since 0. */
SPOT_API spot_status spot_poller_notify(spot_poller* poller, int32_t action, const char* source, const char* detail,
                                        double seconds_left, uint64_t* id, spot_error** error);
/* Tells that a notice is over: a run that has not stopped for it goes on. SPOT_E_NOT_FOUND: there is none of that id,
 * or it is over already. Since 0. */
SPOT_API spot_status spot_poller_withdraw(spot_poller* poller, uint64_t id, spot_error** error);
/* Since 0. */
SPOT_API spot_status spot_poller_get_health(const spot_poller* poller, spot_poller_health* out, spot_error** error);

/* ---- Trainer ------------------------------------------------------------------------------------------ */

/* A training run: dataset, network, optimizer and position, on a volume. */
typedef struct spot_trainer spot_trainer;

/* Stages at which an event arrives. Events come in the order of what they tell. On a GPU several steps may be done
 * before the first of them is told, as many as take 20 ms with what the callback does: the trainer may then be further
 * than the event, also when the callback ends the run. */
#define SPOT_EVENT_RUN_BEGIN 1
#define SPOT_EVENT_RUN_END 2
#define SPOT_EVENT_EPOCH_BEGIN 3
#define SPOT_EVENT_EPOCH_END 4  /* the epoch is recorded; within spot_trainer_run(): after its evaluation */
#define SPOT_EVENT_STEP 5       /* after a step */
#define SPOT_EVENT_EVALUATION 6 /* after an evaluation */
#define SPOT_EVENT_CHECKPOINT 7 /* a checkpoint became durable, or failed to */
#define SPOT_EVENT_INTERRUPTION 8
#define SPOT_EVENT_ALL 0xffffffffu

/* What a callback is told. Only the fields of its stage are set; the others are 0, NaN or empty. */
typedef struct spot_event {
  uint32_t struct_size;
  int32_t stage;             /* SPOT_EVENT_... */
  uint64_t step;             /* steps done since the run began */
  uint64_t epoch;            /* of the step, 1 is the first; at RUN_BEGIN and RUN_END: epochs completed */
  double loss;               /* mean cross-entropy: STEP of the batch, EPOCH_END of the epoch's training;
                                EVALUATION: of the training set, when that was asked for */
  double accuracy;           /* in [0, 1], likewise */
  double learning_rate;      /* STEP: the one used; EPOCH_END: of its last step */
  double gradient_norm;      /* STEP: Euclidean norm of all gradients */
  double samples_per_second; /* STEP: since the step before */
  double validation_loss;    /* EVALUATION, EPOCH_END; NaN without a validation set */
  double validation_accuracy;
  double test_loss; /* EVALUATION, EPOCH_END */
  double test_accuracy;
  int32_t resumed;     /* RUN_BEGIN: 1 when the run goes on from the volume's checkpoint */
  spot_status status;  /* CHECKPOINT: SPOT_OK, or why it did not become durable; RUN_END: of the run */
  double stall_ms;     /* CHECKPOINT: time that training stood still for it */
  double durable_ms;   /* CHECKPOINT: from the decision to save to durable */
  uint64_t bytes;      /* CHECKPOINT: size of the file */
  int32_t action;      /* INTERRUPTION: SPOT_ACTION_... */
  int32_t stale;       /* INTERRUPTION: as in spot_notice */
  double deadline_s;   /* INTERRUPTION: seconds left from now; NaN: no end is known */
  const char* reason;  /* CHECKPOINT: interval, epoch, notice, request or final; RUN_END: done,
                          interrupted, cancelled or error */
  const char* path;    /* CHECKPOINT: the file */
  const char* source;  /* INTERRUPTION */
  const char* message; /* CHECKPOINT that failed, RUN_END with an error: why; INTERRUPTION: the source's words */
  const char* run_id;
  const char* state_hash; /* RUN_BEGIN, RUN_END; empty where a failure of the device has left no state */
  double encode_ms;       /* CHECKPOINT: copying and hashing */
  double write_ms;        /* CHECKPOINT: handing the bytes to the file system */
  double fsync_ms;        /* CHECKPOINT: fsync of the file, its renaming, fsync of the folder */
  int32_t withdrawn;      /* INTERRUPTION, and the next two: as in spot_notice */
  int32_t ends_run;
  uint64_t notice_id;
  const char* not_promised; /* CHECKPOINT: see spot_save_report */
} spot_event;

/* Return 0 to go on; anything else ends the call with SPOT_E_CALLBACK. The event and its texts live until
 * the callback returns. Calling the same trainer from within answers SPOT_E_BUSY. */
typedef int32_t (*spot_event_fn)(void* user, const spot_event* event);

typedef struct spot_trainer_info {
  uint32_t struct_size;
  uint32_t classes;
  uint32_t image_rows;
  uint32_t image_columns;
  uint64_t step;  /* steps done */
  uint64_t epoch; /* epochs completed */
  uint64_t steps_per_epoch;
  uint64_t total_steps;       /* after which the run is done */
  uint64_t parameter_count;   /* trainable values */
  uint64_t parameter_tensors; /* tensors of the state, all roles: spot_trainer_parameter_info() takes
                                 0 ... parameter_tensors - 1 */
  uint64_t train_samples;
  uint64_t validation_samples;
  uint64_t test_samples;
  int32_t dataset_is_fallback; /* 1: synthetic digits, because nothing better could be had */
  int32_t threads;             /* worker threads in use */
  char run_id[64];
  char device[16];
  char dataset[256];
} spot_trainer_info;

typedef struct spot_metrics {
  uint32_t struct_size;
  int32_t reserved;     /* 0 */
  uint64_t step;        /* steps done */
  uint64_t samples;     /* that the means below are taken over */
  double loss;          /* mean cross-entropy */
  double accuracy;      /* in [0, 1] */
  double learning_rate; /* of the last step; NaN for an evaluation */
  double gradient_norm; /* of the last step; NaN for an evaluation */
  double samples_per_second;
} spot_metrics;

typedef struct spot_save_report {
  uint32_t struct_size;
  int32_t reserved; /* 0 */
  uint64_t step;
  uint64_t generation;
  uint64_t bytes;
  double stall_ms;       /* the training thread was held up */
  double encode_ms;      /* copying and hashing */
  double commit_ms;      /* write_ms + fsync_ms */
  double durable_ms;     /* from the call to durable */
  const char* path;      /* the file; lives until the trainer's next call or end */
  double write_ms;       /* handing the bytes to the file system */
  double fsync_ms;       /* fsync of the file, its renaming, fsync of the folder */
  char not_promised[64]; /* with durability=weak what the file system cannot do, of "file-sync", "folder-sync" (it may
                            not survive a power cut) and "no-replace", separated by commas; else empty */
} spot_save_report;

/* Why spot_trainer_run() returned. */
#define SPOT_RUN_DONE 0
#define SPOT_RUN_INTERRUPTED 1
#define SPOT_RUN_CANCELLED 2

typedef struct spot_run_result {
  uint32_t struct_size;
  int32_t reason;  /* SPOT_RUN_... */
  int32_t resumed; /* 1: it began from the volume's newest good checkpoint */
  int32_t durable; /* 1: the state it stopped in is in a durable checkpoint, or it stopped before it began */
  uint64_t step;
  uint64_t epoch;              /* epochs completed */
  double test_accuracy;        /* last measured; NaN: never yet */
  double test_loss;            /* likewise */
  double wall_s;               /* of the call */
  double notice_to_durable_ms; /* from the poller's first sight of the notice; NaN without one */
  double margin_s;             /* left until the machine may be gone, at durable; NaN where no end is known */
  const char* model_path;      /* the final model's architecture, when the run is done; else empty; lives
                                  until the trainer's next call or end */
  char state_hash[33];         /* see spot_trainer_state_hash() */
  char reserved[7];            /* 0 */
} spot_run_result;

/* Loads the dataset, which may have to be downloaded, builds the engine and sets the state of step 0. Writes no
 * checkpoint; reads the volume's newest one only for dataset=auto, which stays what it was when that run began.
 * SPOT_E_CANCELLED: a later call goes on with the download where this one stopped; SPOT_E_CONFIG, _DATA, _MODEL, _IO,
 * _NOT_FOUND, _NETWORK, _UNSUPPORTED. Since 0. */
SPOT_API spot_status spot_trainer_create(const spot_config* config, spot_cancel* cancel, spot_trainer** out,
                                         spot_error** error);
/* Waits for saves in progress, then frees. Any thread may do it. Since 0. */
SPOT_API void spot_trainer_free(spot_trainer* trainer);

/* Which stages to be told of: bit (1 << stage), or SPOT_EVENT_ALL. One callback a trainer; NULL removes it.
 * Since 0. */
SPOT_API spot_status spot_trainer_set_callback(spot_trainer* trainer, uint32_t stages, spot_event_fn callback,
                                               void* user, spot_error** error);

/* The whole job: resumes from the volume's newest good checkpoint or starts, trains, evaluates after each
 * epoch and at the end, saves by the checkpoint_* keys, writes the CSV logs <volume>/logs/<run_id>.csv (a row
 * an epoch) and <run_id>.steps.csv (a row a step), and stops when done, at a notice or when cancelled, after
 * its state is durable; when done it also writes the final model, <volume>/models/<run_id>.json and
 * .safetensors. A trainer that is not at step 0, because it was stepped, restored or run before, goes on from
 * where it stands and does not look for a checkpoint. `poller` and `cancel` may be NULL. When the volume holds
 * checkpoints but none is good it refuses (SPOT_E_CORRUPT) rather than start over. Being interrupted or
 * cancelled is no error: read result.reason and result.durable. A save that fails on the way is told to log
 * and callback, and training goes on; only the last one of a run that is done makes the call fail. A loss,
 * gradient norm or state that is not finite ends it with SPOT_E_DIVERGED unless the key on_nan is continue: such a
 * state is neither saved nor exported, nor resumed while the volume has a finite one.
 * SPOT_E_CORRUPT, _MISMATCH, _IO, _NO_SPACE, _FENCED, _TIMEOUT (another writer), _CALLBACK, _DIVERGED. Since 0. */
SPOT_API spot_status spot_trainer_run(spot_trainer* trainer, spot_poller* poller, spot_cancel* cancel,
                                      spot_run_result* result, spot_error** error);

/* Trains `count` steps, whatever the keys epochs and steps say; evaluates, saves and logs nothing. `out` may
 * be NULL; its loss and accuracy are means over the steps' samples. SPOT_E_CANCELLED, _CALLBACK, _DIVERGED (a loss or
 * gradient norm is not finite; not when the key on_nan is continue): after a whole step, maybe before the last.
 * Since 0. */
SPOT_API spot_status spot_trainer_step(spot_trainer* trainer, uint64_t count, spot_cancel* cancel, spot_metrics* out,
                                       spot_error** error);

#define SPOT_SPLIT_TRAIN 0
#define SPOT_SPLIT_VALIDATION 1
#define SPOT_SPLIT_TEST 2

/* Loss and accuracy over a part of the dataset, without dropout; a loss that is not finite is given as it is.
 * SPOT_E_ORDER: there is no validation set; SPOT_E_CANCELLED, _CALLBACK. Since 0. */
SPOT_API spot_status spot_trainer_evaluate(spot_trainer* trainer, int32_t split, spot_cancel* cancel, spot_metrics* out,
                                           spot_error** error);
/* How a part of the dataset is classified: counts[label * classes + prediction], `length` = classes * classes.
 * SPOT_E_ORDER, _CANCELLED as above. Since 0. */
SPOT_API spot_status spot_trainer_confusion(spot_trainer* trainer, int32_t split, spot_cancel* cancel, uint64_t* counts,
                                            size_t length, spot_error** error);

/* Class probabilities, [count][classes], of 8-bit images, [count][rows][columns]. `length` is the number of
 * floats at `probabilities`; when cancelled some of them are written. SPOT_E_CANCELLED. Since 0. */
SPOT_API spot_status spot_trainer_predict(spot_trainer* trainer, const uint8_t* images, size_t count,
                                          spot_cancel* cancel, float* probabilities, size_t length, spot_error** error);

/* Saves the present state on the volume and returns when it survives a power cut. `out` may be NULL. It becomes the
 * one that is resumed, whatever its step: restore first what the volume holds, to go on with that. The first call may
 * wait for the volume's other writer (lease_wait_seconds). SPOT_E_CANCELLED: nobody waits for the save any more, which
 * becomes durable all the same if it had begun; the callback is told of that with the next save. SPOT_E_IO, _NO_SPACE,
 * _FENCED, _TIMEOUT, _DIVERGED (a tensor is not finite; not when the key on_nan is continue): earlier checkpoints are
 * as they were; _CALLBACK. Since 0. */
SPOT_API spot_status spot_trainer_checkpoint(spot_trainer* trainer, spot_cancel* cancel, spot_save_report* out,
                                             spot_error** error);
/* Takes over the state of the checkpoint file at `path`, or, when that is NULL, of the newest good one on the
 * volume (which may wait for its other writer, as above). A state that is not finite is taken over from a file that
 * `path` names; on the volume it is passed over unless the key on_nan is continue. SPOT_E_NOT_FOUND: there is none;
 * _CORRUPT: it (or every one) is damaged; _DIVERGED: none of the volume's is finite; _MISMATCH: it belongs to another
 * model, dataset or configuration, which the message names; _FENCED, _TIMEOUT, _CANCELLED. The state is unchanged on
 * failure. Since 0. */
SPOT_API spot_status spot_trainer_restore(spot_trainer* trainer, const char* path, spot_cancel* cancel,
                                          spot_error** error);

/* Since 0. */
SPOT_API spot_status spot_trainer_get_info(spot_trainer* trainer, spot_trainer_info* out, spot_error** error);
/* XXH3-128, in hex, of everything that determines the future of the run: every tensor in canonical layout,
 * the steps done and the seed. Writes 32 digits and a zero byte. Since 0. */
SPOT_API spot_status spot_trainer_state_hash(spot_trainer* trainer, char out[33], spot_error** error);

/* ---- Parameters by name ------------------------------------------------------------------------------- */

#define SPOT_TENSOR_PARAMETER 0
#define SPOT_TENSOR_ACCUMULATOR 1
#define SPOT_TENSOR_STATISTIC 2

typedef struct spot_tensor_info {
  uint32_t struct_size;
  int32_t role;  /* SPOT_TENSOR_... */
  uint64_t size; /* elements; all are float32 */
  uint32_t rank;
  uint32_t reserved; /* 0 */
  int64_t shape[8];  /* row-major, the first `rank` count; weights of a convolution [outputs, inputs, rows,
                        columns], of a dense layer [outputs, inputs] */
  char name[128];    /* "conv1.weight" */
} spot_tensor_info;

/* The tensor at `index`, 0 ... spot_trainer_info.parameter_tensors - 1: parameters in layer order, statistics,
 * accumulators. Since 0. */
SPOT_API spot_status spot_trainer_parameter_info(spot_trainer* trainer, uint64_t index, spot_tensor_info* out,
                                                 spot_error** error);
/* Each copies one tensor, out or in; `length` is its size in elements. SPOT_E_NOT_FOUND. Since 0. */
SPOT_API spot_status spot_trainer_parameter_read(spot_trainer* trainer, const char* name, float* values, size_t length,
                                                 spot_error** error);
SPOT_API spot_status spot_trainer_parameter_write(spot_trainer* trainer, const char* name, const float* values,
                                                  size_t length, spot_error** error);
/* JSON array, one object a parameter tensor: {"name", "size", "mean", "std", "min", "max", "gradient_norm"};
 * gradient norms are of the last step, null before the first. Free with spot_text_free(). Since 0. */
SPOT_API spot_status spot_trainer_statistics(spot_trainer* trainer, char** json, spot_error** error);

/* ---- Checkpoint files --------------------------------------------------------------------------------- */

/* A checkpoint file, verified and in memory. */
typedef struct spot_checkpoint spot_checkpoint;

/* Opens a file, or the newest good one of a folder (a volume or its checkpoints/), without changing anything. One whose
 * state is not finite is opened when it is named, or when the folder has no better. SPOT_E_NOT_FOUND, _CORRUPT (with
 * the byte offset; of a folder: every one is), _UNSUPPORTED (a newer format), _CANCELLED. Since 0. */
SPOT_API spot_status spot_checkpoint_open(const char* path, spot_cancel* cancel, spot_checkpoint** out,
                                          spot_error** error);
/* The path of the file that was opened; lives as long as the checkpoint. Empty for NULL. Since 0. */
SPOT_API const char* spot_checkpoint_path(const spot_checkpoint* checkpoint);
/* Since 0. */
SPOT_API void spot_checkpoint_free(spot_checkpoint* checkpoint);
/* JSON: {"path", "valid": true, "bytes", "step", "epoch", "generation", "reason", "run_id", "state_hash",
 * "parent_hash", "writer_epoch", "created_unix_ns", "model": {...}, "config": {...}, "tensors": [{"name", "shape",
 * "dtype": "float32", "role": "parameter|accumulator|statistic"}], "dataset": {"name", "fingerprint", "train_samples"},
 * "steps_per_epoch", "seed", "code_version", "library_version", "device", "instruction_set", "history":
 * [{"epoch", "step", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss",
 * "test_accuracy", "learning_rate"}]}; what was not measured is null. Free with spot_text_free(). Since 0. */
SPOT_API spot_status spot_checkpoint_describe(const spot_checkpoint* checkpoint, char** json, spot_error** error);
/* Verifies one file, or every file of a folder (a volume or its checkpoints/), changing nothing: checkpoints first,
 * in the order in which a run looks at them. `good` receives the number of whole checkpoints, `bad` that of the
 * others, those set aside included; `json` an array of {"path", "state", "resume", "valid", "step", "generation",
 * "writer_epoch", "bytes", "run_id", "state_hash", "error"}, to be freed with spot_text_free(); each may be NULL.
 * "state" is whole, damaged, newer format, set aside, in progress (a writer's, being written or spare) or foreign;
 * "resume" is true for the one that a run would go on from (while the key on_nan is stop); "valid" is true for whole
 * ones, which alone have "run_id" and "state_hash"; "error" says why a file is refused or passed over, else null.
 * SPOT_E_NOT_FOUND: no checkpoint there; _CANCELLED. Since 0. */
SPOT_API spot_status spot_checkpoint_verify(const char* path, spot_cancel* cancel, uint64_t* good, uint64_t* bad,
                                            char** json, spot_error** error);
/* The configuration of its run, the model as JSON unless it is a named one. Keys that this release does not know,
 * and all that whoever wrote the file must not choose for its reader, are left out: set them before use. Those are
 * volume, volume_access, volume_must_be_mounted, volume_mode, durability, takeover, lease_wait_seconds, metadata,
 * metadata_endpoint, metadata_v1, poll_seconds, dataset_mirrors, allow_config_change, and dataset when it is a folder.
 * dataset=auto becomes what it was for the run. Since 0. */
SPOT_API spot_status spot_checkpoint_config(const spot_checkpoint* checkpoint, spot_config** out, spot_error** error);
/* Copies one tensor; `length` is its size in elements. SPOT_E_NOT_FOUND. Since 0. */
SPOT_API spot_status spot_checkpoint_tensor(const spot_checkpoint* checkpoint, const char* name, float* values,
                                            size_t length, spot_error** error);
/* Writes <prefix>.json (architecture) and <prefix>.safetensors (parameters and statistics), each atomically.
 * SPOT_E_DIVERGED: one of these is not finite. Since 0. */
SPOT_API spot_status spot_checkpoint_export(const spot_checkpoint* checkpoint, const char* prefix, spot_error** error);

/* ---- Model -------------------------------------------------------------------------------------------- */

/* The network of a checkpoint, for prediction: it needs no dataset and no volume, and writes nothing. Any number of
 * threads may use it; one after the other computes. */
typedef struct spot_model spot_model;

typedef struct spot_model_info {
  uint32_t struct_size;
  uint32_t classes;
  uint32_t image_rows;
  uint32_t image_columns;
  uint64_t parameter_count; /* trainable values */
  uint64_t step;            /* after which the checkpoint was made */
  int32_t threads;          /* worker threads in use */
  int32_t reserved;         /* 0 */
  char run_id[64];
  char device[16];
} spot_model_info;

/* Builds the network and copies the parameters: the checkpoint may be freed. Of `config` the keys device, threads,
 * kernels, mode, precision, batch_size and shards count; NULL: all at their defaults. SPOT_E_MODEL, _MISMATCH: the file
 * describes no such network; _UNSUPPORTED. Since 0. */
SPOT_API spot_status spot_model_open(const spot_checkpoint* checkpoint, const spot_config* config, spot_model** out,
                                     spot_error** error);
/* No call may be using it. Since 0. */
SPOT_API void spot_model_free(spot_model* model);
/* Since 0. */
SPOT_API spot_status spot_model_get_info(const spot_model* model, spot_model_info* out, spot_error** error);
/* Class probabilities, [count][classes], of 8-bit images, [count][rows][columns]; `bytes` is the size of `images`,
 * `length` the number of floats at `probabilities`. When cancelled some of them are written. SPOT_E_CANCELLED.
 * Since 0. */
SPOT_API spot_status spot_model_predict(spot_model* model, const uint8_t* images, size_t bytes, spot_cancel* cancel,
                                        float* probabilities, size_t length, spot_error** error);

/* ---- Volume ------------------------------------------------------------------------------------------- */

/* Does on the configured volume what a run does there before its first step, and leaves nothing behind: rehearses a
 * save ("commit") and, unless `trainer` is NULL, compares the room that this trainer's run takes with what there is
 * ("room"). Waits for no other writer. JSON: an array of {"check", "status": "ok|warn|fail", "detail", "code"}; "code"
 * is the spot_status that a run would end with, 0 unless it fails. SPOT_E_CONFIG, _IO, _NOT_FOUND: it is no volume.
 * Free with spot_text_free(). Since 0. */
SPOT_API spot_status spot_volume_check(const spot_config* config, spot_trainer* trainer, char** json,
                                       spot_error** error);

/* ---- Benchmark ---------------------------------------------------------------------------------------- */

/* Measures training and test throughput of the configured model on the dataset, for about `seconds` each,
 * and the processor's fp32 peak. JSON: {"model", "device", "mode", "precision", "batch_size", "threads",
 * "train_samples_per_second", "test_samples_per_second", "peak_gflops", "dense_efficiency", "step_ms_median",
 * "layers": [{"layer", "pass", "implementation", "ms"}]}. dense_efficiency is the time that the step's dense
 * multiply-adds would take at the peak, as a part of the time it took; both are null when another device than the
 * processor computes. "ms" is thread time a step, or the device's. SPOT_E_INVALID_ARGUMENT: seconds
 * is not positive; else the errors of spot_trainer_create(). Free with spot_text_free(). Since 0. */
SPOT_API spot_status spot_benchmark(const spot_config* config, double seconds, spot_cancel* cancel, char** json,
                                    spot_error** error);

#ifdef __cplusplus
}
#endif

#endif /* SPOT_TRAINER_H */
