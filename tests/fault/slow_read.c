/*
 * A library to preload: a disk that is slow to read. Each read of 64 KiB or more takes SLOW_READ_MS milliseconds
 * longer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) ssize_t read(int descriptor, void* bytes, size_t size) {
  const char* delay = getenv("SLOW_READ_MS");
  const long milliseconds = delay == NULL || size < 65536 ? 0 : atol(delay);
  struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0) {
  }
  return ((ssize_t(*)(int, void*, size_t))dlsym(RTLD_NEXT, "read"))(descriptor, bytes, size);
}
