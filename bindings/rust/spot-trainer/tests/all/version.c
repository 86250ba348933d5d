// A library of ABI 2 as the test `version` gives it to the agent: it refuses, and whatever else is called ends it.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static char message[4096];

uint32_t spot_abi_version(void) {
  return 2 * 65536;
}

int32_t spot_abi_check(uint32_t wanted, void** error) {
  Dl_info self;
  dladdr(message, &self);
  snprintf(message, sizeof message, "wanted %u.%u, but %s has 2.0", wanted >> 16, wanted & 65535, self.dli_fname);
  *error = message;
  return 18;
}

int32_t spot_error_code(const void* error) {
  return 18;
}
const char* spot_error_message(const void* error) {
  return error;
}
int32_t spot_error_os_errno(const void* error) {
  return 0;
}
int32_t spot_error_http_status(const void* error) {
  return 0;
}
int64_t spot_error_byte_offset(const void* error) {
  return -1;
}
void spot_error_free(void* error) {}
