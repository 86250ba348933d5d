#include <spot_trainer.h>
#include <spot_trainer.h>  // twice must be once

uint32_t header_compiles_as_cxx17();
uint32_t header_compiles_as_cxx17() {
  return SPOT_ABI_VERSION;
}
