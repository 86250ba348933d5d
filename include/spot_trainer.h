/*
 * spot_trainer.h: train neural networks on machines that can vanish, and lose nothing.
 *
 * PURPOSE
 *   A trainer runs a training job on a volume: a folder that outlives the machine. It saves checkpoints there,
 *   notices that the machine is about to be taken away (poller), makes a last checkpoint durable in time, and goes on
 *   from it on the next machine. The state after step n depends on the configuration, the data and the seed alone:
 *   not on the number of threads, and not on how often the run was interrupted.
 *
 *       spot_config *config;   spot_trainer *trainer;   spot_poller *poller;   spot_error *error;
 *       spot_config_create(&config, &error);
 *       spot_config_set_str(config, "volume", "/mnt/data", &error);
 *       spot_config_set_str(config, "dataset", "mnist", &error);
 *       spot_poller_create(config, &poller, &error);
 *       spot_trainer_create(config, NULL, NULL, &trainer, &error);
 *       spot_run_result result = {.struct_size = sizeof result};
 *       spot_trainer_run(trainer, poller, NULL, &result, &error);
 *
 * THREADS
 *   A handle may move between threads. A spot_trainer takes one call at a time: a second concurrent call answers
 *   SPOT_E_BUSY and does nothing. Functions that take it as const, for example spot_trainer_get_info(), are the
 *   exception: any thread may call them at any time, during a run too, until it is freed. All other handles may be
 *   used from any number of threads at once; calls on one spot_config wait for each other. Callbacks arrive only on
 *   the thread that called the library; the log callback alone may arrive on threads of the library, and a destroy
 *   callback wherever the last use of its data ends. The library blocks all signals in its own threads and installs
 *   no handler. A write that the system answers with SIGPIPE or SIGXFSZ (RLIMIT_FSIZE) is a failed call,
 *   SPOT_E_NO_SPACE for the latter, and ends no host, on the host's own threads either. In a child made by fork()
 *   every handle of the parent answers SPOT_E_FORKED; there, free functions do nothing.
 *
 * LIFETIME
 *   A handle keeps alive what it needs: handles may be freed in any order, a poller or cancel even while a run uses
 *   it. Every free function accepts NULL. Freeing a trainer that trains or saves, from a callback for instance, does
 *   nothing. Freeing any other handle while another thread calls a function with it, or begins to, is a mistake of
 *   the host; so is freeing a trainer while another thread asks for its progress. Text arguments end with a zero byte
 *   and are copied.
 *
 * CALLBACKS
 *   Each function that takes a callback takes `user`, which the callback is given, and `destroy`, which may be NULL:
 *   it is called with `user` once, when the library will never use `user` again: the callback was replaced, or the
 *   handle freed and everything created from it. When the function fails, `user` stays the caller's, and `destroy` is
 *   not called. An event callback may throw a C++ exception: the call that it was called from then fails with
 *   SPOT_E_CALLBACK; what a log callback throws is lost. A thread of the host that ends within an event callback
 *   (pthread_exit) ends, and leaves the handle usable. A log callback must not end a thread of the library, and a
 *   destroy callback must neither throw nor end its thread.
 *
 * TEXT
 *   Every text that leaves the library is valid UTF-8; bytes that are not are replaced by U+FFFD, and what is cut is
 *   cut between characters. Only fields and functions that give a path alone give its bytes as the file system has
 *   them, whole, fit to be opened. A path in a message or in JSON is there to be read, not to be opened.
 *
 * ERRORS
 *   Every function that can fail returns a spot_status and takes a spot_error ** as its last parameter. That may be
 *   NULL; otherwise it is set to NULL on success and to an error that the caller frees on failure. Outputs are
 *   written on success only, unless a function says otherwise. The library never prints, aborts or exits. Any
 *   function may also answer SPOT_E_INVALID_ARGUMENT (a NULL that is not allowed, a struct_size that is too small),
 *   SPOT_E_BUSY, SPOT_E_FORKED, SPOT_E_NO_MEMORY and SPOT_E_INTERNAL.
 *
 * STRUCTS
 *   The caller sets struct_size to sizeof the struct before the call. Structs only ever grow at their end: the
 *   library writes what both it and the caller know, and sets struct_size to the bytes that it filled. A number that
 *   was not measured is NaN. A text (const char *) in a struct lives as long as the comment on the struct or field
 *   says.
 *
 * VOCABULARY
 *   A step trains on one batch; an epoch is one pass through the training samples. `step` counts the steps done since
 *   the run began. `epoch` is the number of the epoch that the last of these steps belongs to: 1 is the first, 0
 *   means that no step was done. A tensor is a parameter, which is trained, an accumulator, which the optimizer keeps
 *   for a parameter, or a statistic, the running mean or variance of batch normalisation. Accuracies are in [0, 1],
 *   losses are mean cross-entropies. A notice tells that the machine will be taken away; an action is what will be
 *   done to it. `seconds_left` is the time until then.
 *
 * VOLUME
 *   A volume has one writer at a time: the trainer that first runs, restores from the volume or saves there becomes
 *   it and stays it until it is freed. Another one, in whatever process or machine, waits for lease_wait_seconds
 *   (then SPOT_E_TIMEOUT), or takes the volume over at once with the key takeover. The one that was taken over from
 *   can change nothing on the volume any more and gets SPOT_E_FENCED, even when it was frozen in the middle of a
 *   save. Reading (spot_checkpoint_...) needs no such right. On a file system without locks nobody can tell whether
 *   the writer before lives: there the second one does not wait but takes over. A volume needs room for keep_last +
 *   keep_best + 2 checkpoints, beside those that keep_every keeps: at no moment are there more. A superseded file is
 *   written over by a later save rather than removed, so take a copy of a running trainer's folder from a snapshot of
 *   the disk, and not file by file. A run says before its first step when there is less room, and refuses
 *   (SPOT_E_NO_SPACE) when not even three checkpoints fit. Whenever the volume turns out to be full it removes what
 *   the keys do not ask for, then older checkpoints than the last two, but not the best and none of keep_every, and
 *   saves once more; when that fails, too, it says so, trains on, and tries again with the next save. The first thing
 *   that a writer does is to rehearse a save. A file system that lacks something of it (syncing a folder, renaming
 *   without replacing) is refused (SPOT_E_IO) unless the key durability allows a weaker promise; each report of a
 *   save then says what was not promised. A folder that is removed or renamed while a trainer writes to it is
 *   SPOT_E_IO, too; SPOT_E_FENCED is only for a volume that another writer has.
 *
 * STABILITY
 *   This is ABI 1, frozen. A later minor version may add functions, constants and fields at the end of structs; what
 *   is here stays as it is. A program that was built with this header runs with every library of the same major
 *   version and at least its minor version. "Since 1.0" names the first version that has a function.
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

/* The same numbers for the preprocessor, which knows no enumerators: #if SPOT_HEADER_MINOR >= 1 */
#define SPOT_HEADER_MAJOR 1
#define SPOT_HEADER_MINOR 0

enum {
  SPOT_ABI_MAJOR = 1, /* a program and a library with different ones do not fit */
  SPOT_ABI_MINOR = 0, /* the library's must be at least the program's */
  SPOT_ABI_VERSION = SPOT_ABI_MAJOR * 65536 + SPOT_ABI_MINOR
};

/* SPOT_ABI_VERSION of the library that is loaded. Every version has this function. Since 1.0. */
SPOT_API uint32_t spot_abi_version(void);
/* The release, e.g. "0.1.0"; lives for ever. Since 1.0. */
SPOT_API const char* spot_version(void);
/* JSON: {"version", "abi_version": "1.0", "library" (the path of its file), "compiler", "build_type", "libraries":
 * {"onednn", "flatbuffers", "curl", "zlib"}, "backends": [{"name", "usable", "present", "detail"}], "processors":
 * {"count", "detail"}}: each engine that a build may have, whether it or its driver is here, and what it runs on or why
 * it cannot be used; opens the engines' modules. "count" is the number of threads that the key threads stands for when
 * it is 0: one for each processor, within the CPU quota of the process's control group. Lives for ever. Since 1.0. */
SPOT_API const char* spot_build_info(void);

/* ---- Status and errors -------------------------------------------------------------------------------- */

typedef int32_t spot_status;

enum {
  SPOT_OK = 0,
  SPOT_E_INVALID_ARGUMENT = 1, /* NULL where it is not allowed, struct_size too small, wrong size, index or flag */
  SPOT_E_CONFIG = 2,           /* unknown key, value out of bounds, keys that contradict each other, key not set */
  SPOT_E_DATA = 3,             /* a dataset or an image is damaged, or not what it claims to be */
  SPOT_E_MODEL = 4,            /* a model that cannot be: unknown layer, impossible shape */
  SPOT_E_IO = 5,               /* the operating system failed to read or write */
  SPOT_E_NO_SPACE = 6,         /* the volume is full, or a quota is used up */
  SPOT_E_CORRUPT = 7,          /* a checkpoint is damaged; from restore: every one on the volume is */
  SPOT_E_NOT_FOUND = 8,        /* no such file, folder, tensor or checkpoint */
  SPOT_E_MISMATCH = 9,         /* a checkpoint of another model, dataset or configuration */
  SPOT_E_NETWORK = 10,         /* no server gave what was asked for */
  SPOT_E_BUSY = 11,            /* the handle is in use by another call, or by the one that called this callback */
  SPOT_E_ORDER = 12,           /* a call that makes no sense now */
  SPOT_E_CANCELLED = 13,       /* the spot_cancel was triggered; a trainer's state is that of a whole step */
  SPOT_E_CALLBACK = 14,        /* a callback failed: it said so, or it threw */
  SPOT_E_FORKED = 15,          /* the handle belongs to the parent process */
  SPOT_E_FENCED = 16,          /* another writer has taken over the volume: this one may not go on */
  SPOT_E_TIMEOUT = 17,         /* nothing happened within the time given; the volume is in use */
  SPOT_E_UNSUPPORTED = 18,     /* this build, machine or version cannot do it */
  SPOT_E_NO_MEMORY = 19,       /* out of memory */
  SPOT_E_INTERNAL = 20,        /* a fault of the library: please report it */
  SPOT_E_DIVERGED = 21         /* training has failed: a loss, gradient norm or tensor is not finite */
};

/* The name of a code, e.g. "SPOT_E_DATA"; "SPOT_E_UNKNOWN" for a number that is none. Since 1.0. */
SPOT_API const char* spot_status_name(spot_status status);

/* What went wrong, owned by the caller, usable on any thread. */
typedef struct spot_error spot_error;

/* These accept NULL, which reads as no error. Since 1.0. */
SPOT_API spot_status spot_error_code(const spot_error* error);
/* One line: what was wrong, with which file, key or value, and what to do. Lives as long as the error. Since 1.0. */
SPOT_API const char* spot_error_message(const spot_error* error);
/* errno of the failed system call; 0: none. Since 1.0. */
SPOT_API int32_t spot_error_os_errno(const spot_error* error);
/* Status of the HTTP answer; 0: none. Since 1.0. */
SPOT_API int32_t spot_error_http_status(const spot_error* error);
/* Where in the file, in bytes from its start; -1: unknown. Since 1.0. */
SPOT_API int64_t spot_error_byte_offset(const spot_error* error);
/* Since 1.0. */
SPOT_API void spot_error_free(spot_error* error);

/* Whether this library serves a program that was built with the header of version `wanted`, for example
 * SPOT_ABI_VERSION. For programs that find the library at run time, before any other call. SPOT_E_UNSUPPORTED: it does
 * not; the message names both versions and the library's file. Since 1.0. */
SPOT_API spot_status spot_abi_check(uint32_t wanted, spot_error** error);

/* Frees a text that the library returned through a char ** parameter. Since 1.0. */
SPOT_API void spot_text_free(char* text);
/* Frees bytes that the library returned through a uint8_t ** parameter. Since 1.0. */
SPOT_API void spot_bytes_free(uint8_t* bytes);

/* Called with `user` when the library will never use it again, see CALLBACKS. Must not call the library, except for
 * free functions of other handles. */
typedef void (*spot_destroy_fn)(void* user);

/* ---- Log ---------------------------------------------------------------------------------------------- */

enum { SPOT_LOG_ERROR = 0, SPOT_LOG_WARNING = 1, SPOT_LOG_INFO = 2, SPOT_LOG_DEBUG = 3 };

/* Receives one message: `length` bytes at `message`, without a line feed, valid during the call. May be called
 * concurrently and from threads of the library; must not call the library, except for spot_cancel_trigger(). */
typedef void (*spot_log_fn)(void* user, int32_t level, const char* message, size_t length);

/* Messages that wait to be fetched: the way to hear of them for hosts whose callbacks cannot run on any thread. */
typedef struct spot_log_queue spot_log_queue;

/* Keeps messages of `level` (SPOT_LOG_...) and graver ones, at most `capacity` (1 ... 2^20); when more wait, the
 * oldest are dropped, and a warning, whatever `level` is, tells how many. Since 1.0. */
SPOT_API spot_status spot_log_queue_create(int32_t level, size_t capacity, spot_log_queue** out, spot_error** error);
/* Ends a wait in progress with SPOT_E_CANCELLED. Since 1.0. */
SPOT_API void spot_log_queue_free(spot_log_queue* queue);

/* ---- Configuration ------------------------------------------------------------------------------------ */

/* Values for the keys that spot_config_describe() lists. Whatever is created from it copies it. */
typedef struct spot_config spot_config;

/* A configuration with every key at its default. The keys volume, dataset and code_version have none: see
 * spot_trainer_create(). Since 1.0. */
SPOT_API spot_status spot_config_create(spot_config** out, spot_error** error);
/* The same values and the same log. Since 1.0. */
SPOT_API spot_status spot_config_clone(const spot_config* config, spot_config** out, spot_error** error);
/* No other call may be using it. Since 1.0. */
SPOT_API void spot_config_free(spot_config* config);

/* Each sets one key. SPOT_E_CONFIG: no such key, wrong type, or out of bounds; the message says what is
 * allowed. _str takes text for a key of any type ("true", "128", "1e-3"). Since 1.0. */
SPOT_API spot_status spot_config_set_i64(spot_config* config, const char* key, int64_t value, spot_error** error);
SPOT_API spot_status spot_config_set_f64(spot_config* config, const char* key, double value, spot_error** error);
SPOT_API spot_status spot_config_set_str(spot_config* config, const char* key, const char* value, spot_error** error);
/* Gives a key its default again. Since 1.0. */
SPOT_API spot_status spot_config_unset(spot_config* config, const char* key, spot_error** error);
/* Each gets the value of one key. _i64 takes keys of integers and booleans (0 and 1), _f64 numbers and integers, _str
 * any key, and gives text that _set_str() would take, to be freed with spot_text_free(). SPOT_E_CONFIG: no such key, or
 * one of another type, or, of a number, its value is a word. Since 1.0. */
SPOT_API spot_status spot_config_get_i64(const spot_config* config, const char* key, int64_t* out, spot_error** error);
SPOT_API spot_status spot_config_get_f64(const spot_config* config, const char* key, double* out, spot_error** error);
SPOT_API spot_status spot_config_get_str(const spot_config* config, const char* key, char** out, spot_error** error);
/* Where whatever is created from this configuration reports messages of `level` (SPOT_LOG_...) and graver ones; a
 * `receiver` of NULL, which is the default, means nowhere. Since 1.0. */
SPOT_API spot_status spot_config_set_log(spot_config* config, int32_t level, spot_log_fn receiver, void* user,
                                         spot_destroy_fn destroy, spot_error** error);
/* The same into a queue, which may be freed before. Since 1.0. */
SPOT_API spot_status spot_config_set_log_queue(spot_config* config, spot_log_queue* queue, spot_error** error);
/* JSON array, one object a key: {"name", "type": "boolean|integer|number|text", "default", "minimum",
 * "maximum", "choices", "resume": "free|exact", "help", "synonyms"}; lives for ever. "default" is text as
 * spot_config_get_str() gives it; "minimum" and "maximum", both inclusive, are null unless the key is a
 * number; "choices" is an array of texts, empty when every text is allowed, and of a number the words that it may be
 * instead (to be set and got as text); "synonyms" are words for the key in other programs, which a suggestion may be
 * made from and no setter accepts. "exact" keys determine the results and cannot differ from the checkpoint's on resume
 * unless allow_config_change is true. Since 1.0. */
SPOT_API const char* spot_config_describe(void);

/* ---- Cancel ------------------------------------------------------------------------------------------- */

/* A request to stop, reference-counted, for the calls that can take long: those that wait for others, use the network
 * or files, or train. Calls without one work in memory alone. All of its functions, and every parameter of this type,
 * accept NULL, which is never triggered. */
typedef struct spot_cancel spot_cancel;

/* With one owner. Since 1.0. */
SPOT_API spot_status spot_cancel_create(spot_cancel** out, spot_error** error);
/* Adds an owner, for a second holder that will call spot_cancel_free() too. Since 1.0. */
SPOT_API void spot_cancel_retain(spot_cancel* cancel);
/* Takes one owner away; the last one frees it. A call that was given the handle is an owner until it returns.
 * Since 1.0. */
SPOT_API void spot_cancel_free(spot_cancel* cancel);
/* Asks every call that was given this handle to stop: training at the next step boundary, everything else, a download
 * for example, or a wait for another writer, within a second. One lock-free store: safe in a signal handler and on any
 * thread. Since 1.0. */
SPOT_API void spot_cancel_trigger(spot_cancel* cancel);
/* 1 when triggered, else 0. Since 1.0. */
SPOT_API int32_t spot_cancel_is_triggered(const spot_cancel* cancel);
/* Makes it usable again. Since 1.0. */
SPOT_API void spot_cancel_reset(spot_cancel* cancel);

/* Waits for the next message of a queue. `level` receives its SPOT_LOG_... and may be NULL; `message` is to be freed
 * with spot_text_free(). A message of the queue's own tells how many were dropped before the one that follows it.
 * timeout_ms < 0 waits for ever, 0 only looks. SPOT_E_TIMEOUT: none came; SPOT_E_CANCELLED: `cancel` (may be NULL) was
 * triggered, which takes up to 100 ms, or the queue was freed. Since 1.0. */
SPOT_API spot_status spot_log_queue_next(spot_log_queue* queue, int64_t timeout_ms, spot_cancel* cancel, int32_t* level,
                                         char** message, spot_error** error);

/* ---- Poller ------------------------------------------------------------------------------------------- */

/* Watches for interruption notices on a thread of its own, from the sources that the keys metadata,
 * metadata_endpoint, metadata_v1, gcp_notice_seconds and poll_seconds name. Usable without a trainer. */
typedef struct spot_poller spot_poller;

enum {
  SPOT_ACTION_TERMINATE = 1,
  SPOT_ACTION_STOP = 2,
  SPOT_ACTION_HIBERNATE = 3,
  SPOT_ACTION_REBALANCE = 4, /* save early and go on: a rebalance, a freeze, a migration, maintenance */
  SPOT_ACTION_REQUEST = 5    /* the host, or the watched file, asks to stop */
};

/* "terminate", "stop", "hibernate", "rebalance", "request"; "unknown" for any other number. Since 1.0. */
SPOT_API const char* spot_action_name(int32_t action);

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
  char source[32];      /* "aws-spot-action", "gcp-preempted", "azure-preempt", "file", "host", ... */
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

/* Starts watching. SPOT_E_CONFIG: a source or endpoint that cannot be. Since 1.0. */
SPOT_API spot_status spot_poller_create(const spot_config* config, spot_poller** out, spot_error** error);
/* Stops within 100 ms, even in the middle of a request; a run that uses the poller goes on with it to its end.
 * Waits in progress end with SPOT_E_CANCELLED. Since 1.0. */
SPOT_API void spot_poller_free(spot_poller* poller);
/* Waits for the next notice or withdrawal. A notice is state: every waiter and every run sees each one. A waiter keeps
 * its place in `position`, which is 0 at first; on success it is moved on. NULL: each call begins with the first.
 * timeout_ms < 0 waits for ever, 0 only looks. SPOT_E_TIMEOUT: none came; SPOT_E_CANCELLED: `cancel` (may be NULL) was
 * triggered, which takes up to 100 ms, or the poller was freed. Since 1.0. */
SPOT_API spot_status spot_poller_wait(spot_poller* poller, uint64_t* position, int64_t timeout_ms, spot_cancel* cancel,
                                      spot_notice* out, spot_error** error);
/* Files a notice of the host's own (SPOT_ACTION_...), e.g. on SIGTERM; each call is an event of its own. `source`
 * (NULL: "host") and `detail` (may be NULL) say where it comes from and why; seconds_left is the time until the end,
 * NaN where that is not known. `id` receives the event's and may be NULL. Takes a lock: call it from a thread that
 * waits for the signal, not from a signal handler. Since 1.0. */
SPOT_API spot_status spot_poller_notify(spot_poller* poller, int32_t action, const char* source, const char* detail,
                                        double seconds_left, uint64_t* id, spot_error** error);
/* Tells that a notice is over: a run that has not stopped for it goes on. SPOT_E_NOT_FOUND: there is none of that id,
 * or it is over already. Since 1.0. */
SPOT_API spot_status spot_poller_withdraw(spot_poller* poller, uint64_t id, spot_error** error);
/* Since 1.0. */
SPOT_API spot_status spot_poller_get_health(const spot_poller* poller, spot_poller_health* out, spot_error** error);

/* ---- Dataset ------------------------------------------------------------------------------------------ */

/* Labelled images to train and test on. Never changes, so any number of trainers may share one. */
typedef struct spot_dataset spot_dataset;

/* Types of the elements of arrays. */
enum { SPOT_TYPE_UINT8 = 1, SPOT_TYPE_INT32 = 2, SPOT_TYPE_INT64 = 3, SPOT_TYPE_FLOAT32 = 4 };

/* Images and labels in the caller's memory. Images lie as [count][rows][columns][channels] without gaps. The network
 * sees a uint8 value divided by 255, and a float32 value as it is. Labels lie as [count], from 0 to classes - 1. */
typedef struct spot_dataset_arrays {
  uint32_t struct_size;
  int32_t image_type; /* SPOT_TYPE_UINT8 or SPOT_TYPE_FLOAT32, finite */
  int32_t label_type; /* SPOT_TYPE_UINT8, SPOT_TYPE_INT32 or SPOT_TYPE_INT64 */
  uint32_t rows;
  uint32_t columns;
  uint32_t channels;
  uint32_t classes;       /* at most 256; 0: the largest label plus one */
  uint32_t reserved;      /* 0 */
  const char* name;       /* that logs and checkpoints show; NULL: "memory" */
  uint64_t train_samples; /* at least 1 */
  const void* train_images;
  const void* train_labels;
  uint64_t train_image_bytes; /* the sizes of the arrays, so that a wrong one is an error */
  uint64_t train_label_bytes;
  uint64_t test_samples; /* 0: there is no test set, and the next four count for nothing */
  const void* test_images;
  const void* test_labels;
  uint64_t test_image_bytes;
  uint64_t test_label_bytes;
} spot_dataset_arrays;

typedef struct spot_dataset_info {
  uint32_t struct_size;
  uint32_t classes;
  uint32_t rows;
  uint32_t columns;
  uint32_t channels;
  int32_t image_type;  /* SPOT_TYPE_UINT8 or SPOT_TYPE_FLOAT32 */
  int32_t is_fallback; /* 1: synthetic digits, because dataset=auto could have nothing better */
  int32_t reserved;    /* 0 */
  uint64_t train_samples;
  uint64_t test_samples;
  const char* name;     /* "mnist", the path of a folder, ...; lives as long as the dataset */
  char fingerprint[33]; /* XXH3-128, in hex, of the content: a run resumes only with the dataset it began with */
  char padding[7];      /* 0 */
} spot_dataset_info;

/* Takes images as they lie, without a copy: they must stay there, unchanged, until `destroy` is called with `user`,
 * which is when the dataset is freed and no trainer uses it any more; labels are copied. All of it is read once, to
 * check it and for the fingerprint. What looks odd is reported to the log of `config`, which may be NULL. SPOT_E_DATA:
 * a label that is out of range, a value that is not finite; SPOT_E_INVALID_ARGUMENT: a size that does not fit;
 * _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_dataset_create(const spot_dataset_arrays* arrays, const spot_config* config,
                                         spot_cancel* cancel, void* user, spot_destroy_fn destroy, spot_dataset** out,
                                         spot_error** error);
/* Opens what the key dataset names, downloads it if need be, and keeps copies on the volume where one is set.
 * SPOT_E_CONFIG (the key is not set), _DATA, _IO, _NOT_FOUND, _NETWORK, _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_dataset_open(const spot_config* config, spot_cancel* cancel, spot_dataset** out,
                                       spot_error** error);
/* Trainers that use it keep what they need. Since 1.0. */
SPOT_API void spot_dataset_free(spot_dataset* dataset);
/* Since 1.0. */
SPOT_API spot_status spot_dataset_get_info(const spot_dataset* dataset, spot_dataset_info* out, spot_error** error);

/* ---- Trainer ------------------------------------------------------------------------------------------ */

/* A training run: dataset, network, optimizer and position, on a volume. */
typedef struct spot_trainer spot_trainer;

/* What a callback can be told of; flags, to be combined with |. Events come in the order in which things happened. On a
 * GPU several steps may be done before the first of them is told, as many as take 20 ms with what the callback does:
 * the trainer may then be further than the event, also when the callback ends the run. */
enum {
  SPOT_EVENT_RUN_BEGIN = 1, /* the volume is taken over, and the run resumed or started */
  SPOT_EVENT_RUN_END = 2,   /* the last event of a run, also of one that ended before RUN_BEGIN */
  SPOT_EVENT_EPOCH_BEGIN = 4,
  SPOT_EVENT_EPOCH_END = 8,   /* the epoch is recorded; within spot_trainer_run(): after its evaluation */
  SPOT_EVENT_STEP = 16,       /* after a step */
  SPOT_EVENT_EVALUATION = 32, /* after an evaluation */
  SPOT_EVENT_CHECKPOINT = 64, /* a checkpoint became durable, or failed to */
  SPOT_EVENT_NOTICE = 128,    /* the poller told of a notice or its withdrawal */
  SPOT_EVENT_ALL = 255        /* those above */
};

/* Why a checkpoint was saved. */
enum {
  SPOT_SAVE_INTERVAL = 1, /* so many steps or seconds since the last one */
  SPOT_SAVE_EPOCH = 2,    /* an epoch has ended */
  SPOT_SAVE_NOTICE = 3,   /* the machine is about to be taken away */
  SPOT_SAVE_REQUEST = 4,  /* the host asked for it, or ended the run */
  SPOT_SAVE_FINAL = 5     /* the run is done */
};

/* Why spot_trainer_run() returned. */
enum {
  SPOT_RUN_DONE = 1,
  SPOT_RUN_INTERRUPTED = 2, /* a notice */
  SPOT_RUN_CANCELLED = 3,   /* the spot_cancel */
  SPOT_RUN_STOPPED = 4,     /* a callback asked for it */
  SPOT_RUN_FAILED = 5       /* the call returned an error; only an event says so */
};

/* The names of these numbers: "interval", "epoch", "notice", "request", "final"; "done", "interrupted", "cancelled",
 * "stopped", "failed"; "unknown" for any other number. Live for ever. Since 1.0. */
SPOT_API const char* spot_save_reason_name(int32_t reason);
SPOT_API const char* spot_run_reason_name(int32_t reason);

/* What a callback is told. Every event has the first four fields; of the others those of its kind are set, the rest are
 * 0, NaN or empty. Texts live until the callback returns; none is NULL. */
typedef struct spot_event {
  uint32_t struct_size;
  int32_t kind;              /* SPOT_EVENT_... */
  uint64_t step;             /* steps done */
  uint64_t epoch;            /* of the last step done; EPOCH_BEGIN: the one that begins */
  double loss;               /* STEP: of the batch; EPOCH_END: of the epoch's training; EVALUATION: of the training set,
                                when that was asked for */
  double accuracy;           /* likewise */
  double learning_rate;      /* STEP: the one used; EPOCH_END: of its last step */
  double gradient_norm;      /* STEP: Euclidean norm of all gradients */
  double samples_per_second; /* STEP: since the step before */
  double validation_loss;    /* EVALUATION, EPOCH_END; NaN without a validation set */
  double validation_accuracy;
  double test_loss; /* EVALUATION, EPOCH_END; NaN without a test set */
  double test_accuracy;
  double stall_ms;    /* CHECKPOINT: time that training stood still for it */
  double encode_ms;   /* CHECKPOINT: copying and hashing */
  double write_ms;    /* CHECKPOINT: handing the bytes to the file system */
  double fsync_ms;    /* CHECKPOINT: fsync of the file, its renaming, fsync of the folder */
  double durable_ms;  /* CHECKPOINT: from the decision to save to durable */
  uint64_t bytes;     /* CHECKPOINT: size of the file */
  uint64_t notice_id; /* NOTICE: this and the next five as in spot_notice */
  double seconds_left;
  int32_t action;
  int32_t stale;
  int32_t withdrawn;
  int32_t ends_run;
  int32_t resumed;          /* RUN_BEGIN: 1 when the run goes on from the volume's checkpoint */
  int32_t save_reason;      /* CHECKPOINT: SPOT_SAVE_... */
  int32_t run_reason;       /* RUN_END: SPOT_RUN_... */
  spot_status status;       /* CHECKPOINT: SPOT_OK, or why it did not become durable; RUN_END: of the run */
  const char* message;      /* CHECKPOINT, RUN_END with an error: why */
  const char* path;         /* CHECKPOINT: the file */
  const char* source;       /* NOTICE: where it comes from */
  const char* detail;       /* NOTICE: the source's own words, cut */
  const char* run_id;       /* RUN_BEGIN, RUN_END, CHECKPOINT, NOTICE */
  const char* state_hash;   /* RUN_BEGIN, RUN_END; empty where a failure of the device has left no state */
  const char* not_promised; /* CHECKPOINT: see spot_save_report */
} spot_event;

/* What a callback returns. */
enum {
  SPOT_ANSWER_CONTINUE = 0,
  SPOT_ANSWER_STOP = 1, /* end at the next step boundary: spot_trainer_run() saves and returns SPOT_RUN_STOPPED, other
                           calls return SPOT_E_CANCELLED unless all that was asked for is done */
  SPOT_ANSWER_FAIL = -1 /* this and every other number: end the call with SPOT_E_CALLBACK, without a save */
};

/* Is told of events. Calling the same trainer from within answers SPOT_E_BUSY, except for what any thread may call. */
typedef int32_t (*spot_event_fn)(void* user, const spot_event* event);

typedef struct spot_trainer_info {
  uint32_t struct_size;
  int32_t threads; /* worker threads in use */
  uint64_t step;
  uint64_t epoch;
  uint64_t epochs_done; /* completed */
  uint64_t steps_per_epoch;
  uint64_t total_steps;     /* after which the run is done */
  uint64_t parameter_count; /* trainable values */
  uint64_t tensor_count;    /* of all roles: spot_trainer_get_tensor_info() takes 0 ... tensor_count - 1 */
  uint64_t state_size;      /* elements of all tensors together */
  uint64_t train_samples;   /* without those of the validation set */
  uint64_t validation_samples;
  uint64_t test_samples;
  uint32_t classes;
  uint32_t rows;
  uint32_t columns;
  uint32_t channels;
  int32_t dataset_is_fallback; /* as in spot_dataset_info */
  int32_t reserved;            /* 0 */
  const char* dataset;         /* its name; lives as long as the trainer */
  char run_id[64];
  char device[16];
} spot_trainer_info;

/* How far a run has come. */
typedef struct spot_progress {
  uint32_t struct_size;
  int32_t running; /* 1: spot_trainer_run() is at work */
  uint64_t step;
  uint64_t epoch;
  uint64_t total_steps;
  double seconds;            /* since spot_trainer_run() was called, or how long it took; NaN: never */
  double samples_per_second; /* of the last steps */
  double seconds_to_go;      /* until the last step, at the mean rate of this call; NaN: not known yet */
  double loss;               /* of the last step's batch */
  uint64_t saved_step;       /* of the last checkpoint that became durable; 0: none */
  double seconds_since_save; /* since then; NaN: none */
  spot_status save_status;   /* of the last save: SPOT_OK, or why it failed */
  int32_t reserved;          /* 0 */
} spot_progress;

typedef struct spot_metrics {
  uint32_t struct_size;
  int32_t reserved; /* 0 */
  uint64_t step;    /* steps done since the run began */
  uint64_t steps;   /* done by this call; 0 for an evaluation */
  uint64_t samples; /* that the means below are taken over */
  double loss;
  double accuracy;
  double learning_rate; /* of the last step; NaN for an evaluation */
  double gradient_norm; /* of the last step; NaN for an evaluation */
  double samples_per_second;
} spot_metrics;

typedef struct spot_save_report {
  uint32_t struct_size;
  int32_t reserved; /* 0 */
  uint64_t step;
  uint64_t generation;   /* number of the save on this volume */
  uint64_t bytes;        /* size of the file */
  double stall_ms;       /* the training thread was held up */
  double encode_ms;      /* copying and hashing */
  double write_ms;       /* handing the bytes to the file system */
  double fsync_ms;       /* fsync of the file, its renaming, fsync of the folder */
  double durable_ms;     /* from the call to durable */
  const char* path;      /* the file; lives until the trainer's next call or end */
  char not_promised[64]; /* with durability=weak what the file system cannot do, of "file-sync", "folder-sync" (it may
                            not survive a power cut) and "no-replace", separated by commas; else empty */
} spot_save_report;

typedef struct spot_run_result {
  uint32_t struct_size;
  int32_t reason;  /* SPOT_RUN_... */
  int32_t resumed; /* 1: it began from the volume's newest good checkpoint */
  int32_t durable; /* 1: the state it stopped in is in a durable checkpoint, or it stopped before it began, at step 0 */
  spot_status save_status; /* of the save that ended the run: SPOT_OK, or why it failed */
  int32_t reserved;        /* 0 */
  uint64_t step;
  uint64_t epoch;
  double test_accuracy;        /* last measured; NaN: never yet */
  double test_loss;            /* likewise */
  double seconds;              /* that the call took */
  double notice_to_durable_ms; /* from the poller's first sight of the notice; NaN: no notice, or nothing to save */
  double seconds_left;         /* until the machine may be gone, at durable; NaN where no end is known */
  const char* save_message;    /* why the save failed, else empty; lives until the trainer's next call or end */
  const char* model_path;      /* the final model's architecture, when the run is done, else empty; lives likewise */
  char state_hash[33];         /* see spot_trainer_get_state_hash() */
  char padding[7];             /* 0 */
} spot_run_result;

/* Takes the dataset, or opens the one that the key dataset names when `dataset` is NULL (it may have to be downloaded),
 * builds the engine and sets the state of step 0. Writes no checkpoint; reads the volume's newest one only for
 * dataset=auto, which stays what it was when that run began. Without the key volume it trains all the same, but
 * spot_trainer_run(), _checkpoint() and _restore() from a volume answer SPOT_E_CONFIG. Without code_version checkpoints
 * record none. SPOT_E_CANCELLED: a later call goes on with the download where this one stopped; SPOT_E_CONFIG, _DATA,
 * _MODEL, _IO, _NOT_FOUND, _NETWORK, _UNSUPPORTED. Since 1.0. */
SPOT_API spot_status spot_trainer_create(const spot_config* config, const spot_dataset* dataset, spot_cancel* cancel,
                                         spot_trainer** out, spot_error** error);
/* Waits for saves in progress, then frees. Any thread may do it. Since 1.0. */
SPOT_API void spot_trainer_free(spot_trainer* trainer);

/* Which events to be told of: SPOT_EVENT_... flags. One callback a trainer; NULL removes it. SPOT_E_INVALID_ARGUMENT: a
 * flag that this version does not know. Since 1.0. */
SPOT_API spot_status spot_trainer_set_callback(spot_trainer* trainer, uint32_t events, spot_event_fn callback,
                                               void* user, spot_destroy_fn destroy, spot_error** error);

/* The whole job: resumes from the volume's newest good checkpoint or starts, trains, evaluates after each
 * epoch and at the end, saves by the checkpoint_* keys, writes the CSV logs <volume>/logs/<run_id>.csv (a row
 * an epoch) and <run_id>.steps.csv (a row a step), and stops when done, at a notice or when cancelled, after
 * its state is durable (with after_durable=wait it waits then for the notice's withdrawal, and goes on); when done it
 * also writes the final model, <volume>/models/<run_id>.json and .safetensors. A trainer that is not at step 0, because
 * it was stepped, restored or run before, goes on from where it stands and does not look for a checkpoint. `poller`
 * and `cancel` may be NULL. When the volume holds checkpoints but none is good it refuses (SPOT_E_CORRUPT) rather than
 * start over. Being interrupted, cancelled or stopped is no error: read out->reason and out->durable. A save that
 * fails on the way is told to log and callback, and training goes on; only the last one of a run that is done makes
 * the call fail. A loss, gradient norm or state that is not finite ends it with SPOT_E_DIVERGED unless the key on_nan
 * is continue: such a state is neither saved nor exported, nor resumed while the volume has a finite one.
 * SPOT_E_CONFIG (no volume), _CORRUPT, _MISMATCH, _IO, _NO_SPACE, _FENCED, _TIMEOUT (another writer), _CALLBACK,
 * _DIVERGED. Since 1.0. */
SPOT_API spot_status spot_trainer_run(spot_trainer* trainer, spot_poller* poller, spot_cancel* cancel,
                                      spot_run_result* out, spot_error** error);

/* Trains `count` steps, whatever the keys epochs and steps say; evaluates, saves and logs nothing. `out` may
 * be NULL; its loss and accuracy are means over the steps' samples. SPOT_E_CANCELLED, _CALLBACK, _DIVERGED (a loss or
 * gradient norm is not finite; not when the key on_nan is continue): after a whole step, maybe before the last; `out`
 * is written then, too, and out->steps says how many were done; after _CALLBACK and _DIVERGED its means are NaN.
 * Since 1.0. */
SPOT_API spot_status spot_trainer_step(spot_trainer* trainer, uint64_t count, spot_cancel* cancel, spot_metrics* out,
                                       spot_error** error);

/* Any thread may call these three at any time until the trainer is freed. The first asks a run to save at its next step
 * boundary and to go on (SPOT_E_ORDER: no run is at work), the others tell what is trained on what, and how far it has
 * come. Since 1.0. */
SPOT_API spot_status spot_trainer_request_checkpoint(const spot_trainer* trainer, spot_error** error);
SPOT_API spot_status spot_trainer_get_info(const spot_trainer* trainer, spot_trainer_info* out, spot_error** error);
SPOT_API spot_status spot_trainer_get_progress(const spot_trainer* trainer, spot_progress* out, spot_error** error);

/* Parts of a dataset. */
enum { SPOT_SPLIT_TRAIN = 0, SPOT_SPLIT_VALIDATION = 1, SPOT_SPLIT_TEST = 2 };

/* Loss and accuracy over a part of the dataset, without dropout; a loss that is not finite is given as it is.
 * SPOT_E_ORDER: the dataset has no such part; SPOT_E_CANCELLED, _CALLBACK. Since 1.0. */
SPOT_API spot_status spot_trainer_evaluate(spot_trainer* trainer, int32_t split, spot_cancel* cancel, spot_metrics* out,
                                           spot_error** error);
/* How a part of the dataset is classified: counts[label * classes + prediction], `length` = classes * classes.
 * SPOT_E_ORDER, _CANCELLED as above. Since 1.0. */
SPOT_API spot_status spot_trainer_get_confusion(spot_trainer* trainer, int32_t split, spot_cancel* cancel,
                                                uint64_t* counts, size_t length, spot_error** error);

/* Saves the present state on the volume and returns when it survives a power cut. `out` may be NULL. It becomes the
 * one that is resumed, whatever its step: restore first what the volume holds, to go on with that. The first call may
 * wait for the volume's other writer (lease_wait_seconds). SPOT_E_CANCELLED: nobody waits for the save any more, which
 * becomes durable all the same if it had begun; the callback is told of that with the next save. SPOT_E_CONFIG (no
 * volume), _IO, _NO_SPACE, _FENCED, _TIMEOUT, _DIVERGED (a tensor is not finite; not when the key on_nan is continue):
 * earlier checkpoints are as they were; _CALLBACK. Since 1.0. */
SPOT_API spot_status spot_trainer_checkpoint(spot_trainer* trainer, spot_cancel* cancel, spot_save_report* out,
                                             spot_error** error);
/* Takes over the state of the checkpoint file at `path`, or, when that is NULL, of the newest good one on the
 * volume (which may wait for its other writer, as above). A state that is not finite is taken over from a file that
 * `path` names; on the volume it is passed over unless the key on_nan is continue. SPOT_E_NOT_FOUND: there is none;
 * _CORRUPT: it (or every one) is damaged; _DIVERGED: none of the volume's is finite; _MISMATCH: it belongs to another
 * model, dataset or configuration, which the message names; _CONFIG (no volume), _FENCED, _TIMEOUT, _CANCELLED. The
 * state is unchanged on failure. Since 1.0. */
SPOT_API spot_status spot_trainer_restore(spot_trainer* trainer, const char* path, spot_cancel* cancel,
                                          spot_error** error);
/* The bytes of a checkpoint file of the present state, for a host that keeps them itself: no volume is needed. To be
 * freed with spot_bytes_free(). spot_checkpoint_open_memory() and spot_trainer_restore_from() are the way back.
 * SPOT_E_DIVERGED as above. Since 1.0. */
SPOT_API spot_status spot_trainer_serialize(spot_trainer* trainer, uint8_t** bytes, size_t* length, spot_error** error);
/* Writes the network as it is now to <prefix>.json (architecture) and <prefix>.safetensors (parameters and statistics),
 * each atomically. SPOT_E_DIVERGED: one of these is not finite (not when the key on_nan is continue); _IO, _NO_SPACE;
 * _CANCELLED: files that were there are as they were. Since 1.0. */
SPOT_API spot_status spot_trainer_export(spot_trainer* trainer, const char* prefix, spot_cancel* cancel,
                                         spot_error** error);
/* XXH3-128, in hex, of everything that determines the future of the run: every tensor in canonical layout,
 * the steps done and the seed. Writes 32 digits and a zero byte. Since 1.0. */
SPOT_API spot_status spot_trainer_get_state_hash(spot_trainer* trainer, char out[33], spot_error** error);

/* ---- Tensors ------------------------------------------------------------------------------------------ */

enum { SPOT_ROLE_PARAMETER = 0, SPOT_ROLE_ACCUMULATOR = 1, SPOT_ROLE_STATISTIC = 2 };

/* A tensor of a trainer, a model or a checkpoint. All are float32. */
typedef struct spot_tensor_info {
  uint32_t struct_size;
  int32_t role;      /* SPOT_ROLE_... */
  uint64_t size;     /* elements */
  uint64_t offset;   /* of its first element among all tensors', in elements */
  uint32_t rank;     /* dimensions */
  uint32_t reserved; /* 0 */
  int64_t shape[8];  /* row-major, the first `rank` count; weights of a convolution [outputs, inputs, rows,
                        columns], of a dense layer [outputs, inputs] */
  const char* name;  /* "conv1.weight"; lives as long as the handle */
} spot_tensor_info;

/* The tensor at `index`, from 0: parameters in layer order, statistics, accumulators. Since 1.0. */
SPOT_API spot_status spot_trainer_get_tensor_info(const spot_trainer* trainer, uint64_t index, spot_tensor_info* out,
                                                  spot_error** error);
/* Each copies one tensor, out or in, or, with a `name` of NULL, all of them one after the other as their offsets say;
 * `length` is the number of elements. SPOT_E_NOT_FOUND. Since 1.0. */
SPOT_API spot_status spot_trainer_read_tensor(spot_trainer* trainer, const char* name, float* values, size_t length,
                                              spot_error** error);
SPOT_API spot_status spot_trainer_write_tensor(spot_trainer* trainer, const char* name, const float* values,
                                               size_t length, spot_error** error);
/* JSON array, one object a parameter: {"name", "size", "mean", "std", "min", "max", "gradient_norm"};
 * gradient norms are of the last step, null before the first. Free with spot_text_free(). Since 1.0. */
SPOT_API spot_status spot_trainer_describe_parameters(spot_trainer* trainer, char** json, spot_error** error);

/* ---- Checkpoint files --------------------------------------------------------------------------------- */

/* A checkpoint file, verified and in memory. Never changes. */
typedef struct spot_checkpoint spot_checkpoint;

typedef struct spot_checkpoint_info {
  uint32_t struct_size;
  int32_t save_reason; /* SPOT_SAVE_...; 0: it was serialised for the host */
  uint64_t step;
  uint64_t epoch;
  uint64_t steps_per_epoch;
  uint64_t generation;   /* number of the save on its volume */
  uint64_t writer_epoch; /* number of the writer on its volume; each one that takes the volume over adds one */
  int64_t created_unix_ns;
  uint64_t bytes;           /* size of the file */
  uint64_t parameter_count; /* trainable values */
  uint64_t tensor_count;
  uint64_t state_size; /* elements of all tensors together */
  const char* path;    /* of the file; empty: it was opened from memory; this and the next two live as long as
                          the checkpoint */
  const char* run_id;
  const char* state_hash; /* see spot_trainer_get_state_hash() */
} spot_checkpoint_info;

/* Opens a file, or the newest good one of a folder (a volume or its checkpoints/), without changing anything. One whose
 * state is not finite is opened when it is named, or when the folder has no better. SPOT_E_NOT_FOUND, _CORRUPT (with
 * the byte offset; of a folder: every one is), _UNSUPPORTED (a newer format), _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_checkpoint_open(const char* path, spot_cancel* cancel, spot_checkpoint** out,
                                          spot_error** error);
/* The same from `length` bytes in memory, which are not needed afterwards. Since 1.0. */
SPOT_API spot_status spot_checkpoint_open_memory(const uint8_t* bytes, size_t length, spot_cancel* cancel,
                                                 spot_checkpoint** out, spot_error** error);
/* Since 1.0. */
SPOT_API void spot_checkpoint_free(spot_checkpoint* checkpoint);
/* Since 1.0. */
SPOT_API spot_status spot_checkpoint_get_info(const spot_checkpoint* checkpoint, spot_checkpoint_info* out,
                                              spot_error** error);
/* All there is to show. JSON: {"path", "valid": true, "bytes", "step", "epoch", "generation", "reason", "run_id",
 * "state_hash", "parent_hash", "writer_epoch", "created_unix_ns", "model": {...}, "config": {...}, "tensors":
 * [{"name", "shape", "dtype": "float32", "role": "parameter|accumulator|statistic"}], "dataset": {"name",
 * "fingerprint", "train_samples"}, "steps_per_epoch", "seed", "code_version", "library_version", "device",
 * "instruction_set", "history": [{"epoch", "step", "train_loss", "train_accuracy", "validation_loss",
 * "validation_accuracy", "test_loss", "test_accuracy", "learning_rate"}]}; what was not measured is null. Free with
 * spot_text_free(). Since 1.0. */
SPOT_API spot_status spot_checkpoint_describe(const spot_checkpoint* checkpoint, char** json, spot_error** error);
/* Verifies one file, or every file of a folder (a volume or its checkpoints/), changing nothing: checkpoints first,
 * in the order in which a run looks at them. `good` receives the number of whole checkpoints, `bad` that of the
 * others, those set aside included; `json` an array of {"path", "state", "resume", "valid", "step", "generation",
 * "writer_epoch", "bytes", "run_id", "state_hash", "error"}, to be freed with spot_text_free(); each may be NULL.
 * "state" is whole, damaged, newer format, set aside, in progress (a writer's, being written or spare) or foreign;
 * "resume" is true for the one that a run would go on from (while the key on_nan is stop); "valid" is true for whole
 * ones, which alone have "run_id" and "state_hash"; "error" says why a file is refused or passed over, else null.
 * SPOT_E_NOT_FOUND: no checkpoint there; _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_checkpoint_verify(const char* path, spot_cancel* cancel, uint64_t* good, uint64_t* bad,
                                            char** json, spot_error** error);
/* The configuration of its run, the model as JSON unless it is a named one. Keys that this release does not know,
 * and all that whoever wrote the file must not choose for its reader, are left out: set them before use. Those are
 * volume, volume_access, volume_must_be_mounted, volume_mode, durability, takeover, lease_wait_seconds, metadata,
 * metadata_endpoint, metadata_v1, gcp_notice_seconds, poll_seconds, after_durable, dataset_mirrors,
 * allow_config_change, and dataset when it is a folder or file. dataset=auto becomes what it was for the run.
 * Since 1.0. */
SPOT_API spot_status spot_checkpoint_get_config(const spot_checkpoint* checkpoint, spot_config** out,
                                                spot_error** error);
/* As the functions of the trainer with these names. Since 1.0. */
SPOT_API spot_status spot_checkpoint_get_tensor_info(const spot_checkpoint* checkpoint, uint64_t index,
                                                     spot_tensor_info* out, spot_error** error);
SPOT_API spot_status spot_checkpoint_read_tensor(const spot_checkpoint* checkpoint, const char* name, float* values,
                                                 size_t length, spot_error** error);
/* Writes <prefix>.json and <prefix>.safetensors as spot_trainer_export() does. Since 1.0. */
SPOT_API spot_status spot_checkpoint_export(const spot_checkpoint* checkpoint, const char* prefix, spot_cancel* cancel,
                                            spot_error** error);

/* Takes over the state of a checkpoint that is open, wherever it comes from; as spot_trainer_restore() with a path.
 * Since 1.0. */
SPOT_API spot_status spot_trainer_restore_from(spot_trainer* trainer, const spot_checkpoint* checkpoint,
                                               spot_error** error);

/* ---- Model -------------------------------------------------------------------------------------------- */

/* A trained network, for prediction: it needs no dataset and no volume, and writes nothing. Any number of threads may
 * use it; one after the other computes. */
typedef struct spot_model spot_model;

typedef struct spot_model_info {
  uint32_t struct_size;
  uint32_t classes;
  uint32_t rows; /* of an image, as are the next two */
  uint32_t columns;
  uint32_t channels;
  int32_t threads;          /* worker threads in use */
  uint64_t step;            /* after which it was saved; 0: not known */
  uint64_t parameter_count; /* trainable values */
  uint64_t tensor_count;
  uint64_t state_size; /* elements of all tensors together; there are no accumulators */
  char run_id[64];     /* of the run that trained it; empty: not known */
  char device[16];
} spot_model_info;

/* Builds the network and copies its parameters. `path` is a checkpoint file, a folder of them (a volume), or one of the
 * two files of an exported model. Of `config` the keys device, threads, kernels, mode, precision, batch_size and shards
 * count (the last bits of a probability may depend on them, but for threads); NULL: all at their defaults.
 * SPOT_E_NOT_FOUND, _CORRUPT, _MODEL, _MISMATCH: the file describes no such network; _UNSUPPORTED, _CANCELLED.
 * Since 1.0. */
SPOT_API spot_status spot_model_open(const char* path, const spot_config* config, spot_cancel* cancel, spot_model** out,
                                     spot_error** error);
/* The same of a checkpoint that is open, which may be freed afterwards. Since 1.0. */
SPOT_API spot_status spot_model_open_checkpoint(const spot_checkpoint* checkpoint, const spot_config* config,
                                                spot_model** out, spot_error** error);
/* The same of the network that a trainer has now; later steps do not show in it. Since 1.0. */
SPOT_API spot_status spot_model_open_trainer(spot_trainer* trainer, const spot_config* config, spot_model** out,
                                             spot_error** error);
/* No call may be using it. Since 1.0. */
SPOT_API void spot_model_free(spot_model* model);
/* Since 1.0. */
SPOT_API spot_status spot_model_get_info(const spot_model* model, spot_model_info* out, spot_error** error);
/* As the functions of the trainer with these names. Since 1.0. */
SPOT_API spot_status spot_model_get_tensor_info(const spot_model* model, uint64_t index, spot_tensor_info* out,
                                                spot_error** error);
SPOT_API spot_status spot_model_read_tensor(const spot_model* model, const char* name, float* values, size_t length,
                                            spot_error** error);
/* Class probabilities, [count][classes], of images, [count][rows][columns][channels], of SPOT_TYPE_UINT8 or
 * SPOT_TYPE_FLOAT32 values as in spot_dataset_arrays. `bytes` is the size of `images`, which says how many there are;
 * `length` the number of floats at `probabilities`. When cancelled some of them are written. SPOT_E_CANCELLED.
 * Since 1.0. */
SPOT_API spot_status spot_model_predict(spot_model* model, const void* images, int32_t image_type, size_t bytes,
                                        spot_cancel* cancel, float* probabilities, size_t length, spot_error** error);

/* ---- Volume ------------------------------------------------------------------------------------------- */

/* Does on the configured volume what a run does there before its first step, and leaves only its folders: rehearses a
 * save ("commit") and, unless `trainer` is NULL, compares the room that this trainer's run takes with what there is
 * ("room"). Waits for no other writer. `outcome` receives the spot_status that a run would end with, SPOT_OK unless a
 * check fails; after SPOT_E_NO_SPACE a run may still find room, as it removes old checkpoints first. `json` an array of
 * {"check", "status": "ok|warn|fail", "detail"}, to be freed with spot_text_free(); each may be NULL. SPOT_E_CONFIG,
 * _IO, _NOT_FOUND: it is no volume; _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_volume_check(const spot_config* config, spot_trainer* trainer, spot_cancel* cancel,
                                       spot_status* outcome, char** json, spot_error** error);

/* ---- Benchmark ---------------------------------------------------------------------------------------- */

/* Measures training and test throughput of the configured model on the dataset (NULL: of the key dataset), for about
 * `seconds` each, and the processor's fp32 peak. JSON: {"model", "device", "mode", "precision", "batch_size",
 * "threads", "train_samples_per_second", "test_samples_per_second", "peak_gflops", "dense_efficiency",
 * "step_ms_median", "layers": [{"layer", "pass", "implementation", "ms"}]}. dense_efficiency is the time that the
 * step's dense multiply-adds would take at the peak, as a part of the time it took; both are null when another device
 * than the processor computes. "ms" is thread time a step, or the device's. SPOT_E_INVALID_ARGUMENT: seconds is not
 * positive; else the errors of spot_trainer_create(). Free with spot_text_free(). Since 1.0. */
SPOT_API spot_status spot_benchmark(const spot_config* config, const spot_dataset* dataset, double seconds,
                                    spot_cancel* cancel, char** json, spot_error** error);

/* ---- Snapshots ---------------------------------------------------------------------------------------- */

/* Snapshots of a folder that another program writes to, a training script for instance: each is a generation, a copy of
 * all that was in the folder at one moment, on the volume in snapshots/<name>/snap-<generation>/files, beside a
 * manifest with the size and XXH3-128 of each file. Saving follows the rules of VOLUME: one writer at a time, durable
 * when reported, keep_last generations, damaged ones set aside as *.corrupt. Where the file system of both can do it,
 * files are cloned, not copied; files that did not change since the snapshot before are linked. Symbolic links that
 * lead out of the folder, sockets, pipes and devices are left out, with a warning. In the folder itself the library
 * keeps a file, .spot-snapshot, and while a snapshot is put back .spot-restore; no snapshot holds them. Calls on one
 * handle wait for each other. */
typedef struct spot_snapshots spot_snapshots;

/* What became of a call. */
enum {
  SPOT_SNAPSHOT_NONE = 0,      /* restore: there is no snapshot yet */
  SPOT_SNAPSHOT_SAVED = 1,     /* commit: a new generation is durable */
  SPOT_SNAPSHOT_UNCHANGED = 2, /* commit: the newest generation holds the very same; there is no new one */
  SPOT_SNAPSHOT_RESTORED = 3,  /* restore: the folder is as the newest whole generation has it */
  SPOT_SNAPSHOT_KEPT = 4       /* restore: the folder is at least as new as the newest one, and was left alone */
};

typedef struct spot_snapshot_report {
  uint32_t struct_size;
  int32_t outcome; /* SPOT_SNAPSHOT_...; after NONE everything else is 0 or empty */
  uint64_t generation;
  uint64_t files;
  uint64_t bytes;        /* of all files */
  uint64_t bytes_copied; /* commit: of those that were not linked */
  double copy_ms;        /* commit: that spot_snapshots_copy() took; else 0 */
  double total_ms;       /* commit: from the begin of spot_snapshots_copy() to durable; restore: that it took */
  const char* path;      /* of the generation; this and the next live until the handle's next call or end */
  const char* moved_to;  /* restore: where what was in the folder is now; empty: there was nothing */
} spot_snapshot_report;

/* Becomes the writer of the snapshots of `folder`, which is created unless it is there, on the configured volume.
 * `name` tells several folders of one volume apart: 1 to 200 characters, no '/', no '.' in front. Of `config` the
 * volume's keys count, keep_last, lease_wait_seconds and takeover. A restore that was interrupted is finished.
 * SPOT_E_CONFIG: no volume, no such name, or one of folder and volume lies where the other's snapshots are; _IO,
 * _NOT_FOUND, _NO_SPACE, _TIMEOUT (another writer), _FENCED, _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_snapshots_open(const spot_config* config, const char* folder, const char* name,
                                         spot_cancel* cancel, spot_snapshots** out, spot_error** error);
/* Since 1.0. */
SPOT_API void spot_snapshots_free(spot_snapshots* snapshots);
/* Copies the folder as it is at one moment, without stopping who writes there: files that change meanwhile are copied
 * again. `path` receives where the copy is, to be looked at until the next call, and is to be freed with
 * spot_text_free(); it may be NULL. SPOT_E_BUSY: the folder changed in each of several attempts; _NOT_FOUND: it is
 * gone, or holds no file; _NO_SPACE: also after the oldest generations but two were removed; _IO, _DATA (too many
 * files, or too deep), _FENCED, _CANCELLED. Generations that are kept are as they were. Since 1.0. */
SPOT_API spot_status spot_snapshots_copy(spot_snapshots* snapshots, spot_cancel* cancel, char** path,
                                         spot_error** error);
/* Makes the copy the newest generation, and returns when it survives a power cut. A copy that is not committed is
 * dropped by the next one. `out` may be NULL. SPOT_E_ORDER: there is no copy; else as spot_snapshots_copy().
 * Since 1.0. */
SPOT_API spot_status spot_snapshots_commit(spot_snapshots* snapshots, spot_cancel* cancel, spot_snapshot_report* out,
                                           spot_error** error);
/* Puts the newest whole generation back into the folder, whole or not at all, unless the folder is at least as new: one
 * that a later snapshot was taken of, or put back into, and that is not empty. With `replace` (1) in any case. What is
 * in the folder otherwise is moved, not lost: to <folder>.replaced-N. `out` may be NULL. SPOT_E_CORRUPT: there are
 * generations and none is whole; _UNSUPPORTED (the newest has a newer format), _IO, _NO_SPACE, _FENCED, _CANCELLED: the
 * folder is as it was. Since 1.0. */
SPOT_API spot_status spot_snapshots_restore(spot_snapshots* snapshots, int32_t replace, spot_cancel* cancel,
                                            spot_snapshot_report* out, spot_error** error);
/* Whether the checkpoints in a folder, or in a copy of it, are whole. `rule` is "quiet" (always), "hugging-face" (each
 * checkpoint-N has its trainer_state.json), "pytorch" (each .pt, .pth and .ckpt file is a whole zip, as torch.save()
 * writes it), "pytorch-dcp" (no folder is empty, each with .distcp files has its .metadata), "orbax" (each step has its
 * _CHECKPOINT_METADATA or commit_success.txt) or "keras" (each .keras file is a whole zip, each .h5 file a whole HDF5).
 * `whole` receives 1 or 0, `why` what is missing, empty when it is whole, to be freed with spot_text_free(); it may be
 * NULL. SPOT_E_CONFIG: no such rule; _NOT_FOUND, _IO, _DATA, _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_snapshots_is_whole(const char* folder, const char* rule, spot_cancel* cancel, int32_t* whole,
                                             char** why, spot_error** error);
/* Verifies every byte of one generation, of all in a folder, or of all that a volume keeps, changing nothing: of each
 * folder the newest first. `good` receives the number of whole generations, `bad` that of the others; `json` an array
 * of {"path", "state", "restore", "valid", "generation", "writer_epoch", "files", "bytes", "error"}, to be freed with
 * spot_text_free(); each may be NULL. "state" is as of spot_checkpoint_verify(); "restore" is true for the one that
 * would be put back. SPOT_E_NOT_FOUND: no snapshot there; _CANCELLED. Since 1.0. */
SPOT_API spot_status spot_snapshots_verify(const char* path, spot_cancel* cancel, uint64_t* good, uint64_t* bad,
                                           char** json, spot_error** error);

#ifdef __cplusplus
}
#endif

#endif /* SPOT_TRAINER_H */
