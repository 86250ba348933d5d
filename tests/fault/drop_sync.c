/*
 * A library to preload: the negative control of the power cuts. DROP_SYNC=file turns the syncing of regular files
 * into nothing, DROP_SYNC=directory that of folders. Direct and synchronous writes would put the data on the disk
 * all the same and hide the missing call, so both are taken out of the flags.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#define EXPORT __attribute__((visibility("default")))

typedef int (*sync_fn)(int);
typedef int (*open_fn)(const char*, int, ...);
typedef int (*openat_fn)(int, const char*, int, ...);
typedef int (*fcntl_fn)(int, int, ...);

static int dropped(int descriptor) {
  const char* kind = getenv("DROP_SYNC");
  struct stat info;
  if (kind == NULL || fstat(descriptor, &info) != 0) return 0;
  return strcmp(kind, "directory") == 0 ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode);
}

static int buffered(int flags) {
  return flags & ~(O_DIRECT | (O_SYNC & ~O_DSYNC) | O_DSYNC);
}

static void* next(const char* name) {
  return dlsym(RTLD_NEXT, name);
}

EXPORT int fsync(int descriptor) {
  return dropped(descriptor) ? 0 : ((sync_fn)next("fsync"))(descriptor);
}

EXPORT int fdatasync(int descriptor) {
  return dropped(descriptor) ? 0 : ((sync_fn)next("fdatasync"))(descriptor);
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

EXPORT int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return ((open_fn)next("open"))(path, buffered(flags), mode);
}

EXPORT int open64(const char* path, int flags, ...) __attribute__((alias("open")));

EXPORT int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return ((openat_fn)next("openat"))(folder, path, buffered(flags), mode);
}

EXPORT int openat64(int folder, const char* path, int flags, ...) __attribute__((alias("openat")));

EXPORT int fcntl(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_SETFL) argument = (void*)(long)buffered((int)(long)argument);
  return ((fcntl_fn)next("fcntl"))(descriptor, command, argument);
}

EXPORT int fcntl64(int descriptor, int command, ...) __attribute__((alias("fcntl")));
