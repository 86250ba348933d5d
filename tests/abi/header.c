#include <spot_trainer.h>
#include <spot_trainer.h> /* twice must be once */

uint32_t header_compiles_as_c99(void);
uint32_t header_compiles_as_c99(void) {
  return SPOT_ABI_VERSION;
}
