/*
 * A library to preload: a disk that becomes slow. From when a file SLOW_SYNC_FROM exists, each fdatasync, which a
 * save does before its file has its name, takes SLOW_SYNC_MS milliseconds longer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int descriptor) {
  const char* delay = getenv("SLOW_SYNC_MS");
  const char* from = getenv("SLOW_SYNC_FROM");
  const int is_slow = delay != NULL && from != NULL && access(from, F_OK) == 0;
  const long milliseconds = is_slow ? atol(delay) : 0;
  struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0) {
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
