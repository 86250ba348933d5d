/*
 * A library to preload: a slow disk. Each fdatasync, which a save does before its file has its name, takes
 * SLOW_SYNC_MS milliseconds longer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

__attribute__((visibility("default"))) int fdatasync(int descriptor) {
  const char* delay = getenv("SLOW_SYNC_MS");
  const long milliseconds = delay == NULL ? 0 : atol(delay);
  struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0) {
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
