/*
 * A library to preload: a file system that is slow or cannot do everything, and a count of the checkpoint files on it.
 *
 *   SHIM_SYNC_MS=N     fsync and fdatasync take N milliseconds longer
 *   SHIM_LACKS=WORD,…  folder-sync: fsync of a folder fails with EINVAL (CIFS, some of FUSE)
 *                      file-sync: fdatasync fails with EINVAL
 *                      no-replace: renameat2 with a flag fails with EINVAL, linkat with EPERM (s3fs, gcsfuse)
 *                      ignores-flag: renameat2 replaces although it is told not to
 *                      locks: every lock fails with ENOLCK
 *   SHIM_COUNT=FILE    after each call that creates, renames or removes a file below a folder "checkpoints", the
 *                      number of checkpoint files there, those of writers' folders included; FILE receives the most
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#define EXPORT __attribute__((visibility("default")))

static void* next(const char* name) {
  return dlsym(RTLD_NEXT, name);
}

static int lacks(const char* word) {
  const char* all = getenv("SHIM_LACKS");
  return all != NULL && strstr(all, word) != NULL;
}

static int is_folder(int descriptor) {
  struct stat info;
  return fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
}

static void rest(void) {
  const char* text = getenv("SHIM_SYNC_MS");
  const long milliseconds = text == NULL ? 0 : atol(text);
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  if (milliseconds > 0) nanosleep(&time, NULL);
}

/* The path of the checkpoint folder that the folder `descriptor` is, or lies in; 0: neither. */
static int checkpoint_folder(int descriptor, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  static const char kName[] = "/checkpoints";
  char* found = strstr(path, kName);
  if (found == NULL) return 0;
  found[sizeof kName - 1] = '\0';
  return 1;
}

static long files_in(const char* path, int is_workspace) {
  long files = 0;
  DIR* folder = opendir(path);
  struct dirent* entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    const char* name = entry->d_name;
    const size_t length = strlen(name);
    if (!is_workspace && strncmp(name, "writer-", 7) == 0) {
      char inside[4096];
      snprintf(inside, sizeof inside, "%s/%s", path, name);
      files += files_in(inside, 1);
    } else if (is_workspace ? strncmp(name, "save-", 5) == 0 : length > 5 && strcmp(name + length - 5, ".spck") == 0) {
      ++files;
    }
  }
  if (folder != NULL) closedir(folder);
  return files;
}

static void count(int descriptor) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static long most = -1;
  const char* result = getenv("SHIM_COUNT");
  char path[4096];
  const int before = errno;
  if (result != NULL && checkpoint_folder(descriptor, path, sizeof path)) {
    pthread_mutex_lock(&mutex);
    const long files = files_in(path, 0);
    if (files > most) {
      most = files;
      FILE* file = fopen(result, "w");
      if (file != NULL) {
        fprintf(file, "%ld\n", most);
        fclose(file);
      }
    }
    pthread_mutex_unlock(&mutex);
  }
  errno = before;
}

static int fail(int error) {
  errno = error;
  return -1;
}

EXPORT int fsync(int descriptor) {
  rest();
  if (lacks("folder-sync") && is_folder(descriptor)) return fail(EINVAL);
  return ((int (*)(int))next("fsync"))(descriptor);
}

EXPORT int fdatasync(int descriptor) {
  rest();
  if (lacks("file-sync")) return fail(EINVAL);
  return ((int (*)(int))next("fdatasync"))(descriptor);
}

EXPORT int renameat(int from, const char* name, int to, const char* other) {
  const int result = ((int (*)(int, const char*, int, const char*))next("renameat"))(from, name, to, other);
  count(to);
  return result;
}

EXPORT int renameat2(int from, const char* name, int to, const char* other, unsigned flags) {
  if (flags != 0 && lacks("no-replace")) return fail(EINVAL);
  if (flags != 0 && lacks("ignores-flag")) flags = 0;
  const int result =
      ((int (*)(int, const char*, int, const char*, unsigned))next("renameat2"))(from, name, to, other, flags);
  count(to);
  return result;
}

EXPORT int linkat(int from, const char* name, int to, const char* other, int flags) {
  if (lacks("no-replace")) return fail(EPERM);
  const int result = ((int (*)(int, const char*, int, const char*, int))next("linkat"))(from, name, to, other, flags);
  count(to);
  return result;
}

EXPORT int unlinkat(int folder, const char* name, int flags) {
  const int result = ((int (*)(int, const char*, int))next("unlinkat"))(folder, name, flags);
  count(folder);
  return result;
}

EXPORT int openat(int folder, const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  const int descriptor = ((int (*)(int, const char*, int, ...))next("openat"))(folder, path, flags, mode);
  if ((flags & O_CREAT) != 0) count(folder);
  return descriptor;
}

EXPORT int openat64(int folder, const char* path, int flags, ...) __attribute__((alias("openat")));

EXPORT int fcntl(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_OFD_SETLK && lacks("locks")) return fail(ENOLCK);
  return ((int (*)(int, int, ...))next("fcntl"))(descriptor, command, argument);
}

EXPORT int fcntl64(int descriptor, int command, ...) __attribute__((alias("fcntl")));
