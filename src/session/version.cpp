#include "session/version.h"

namespace spot {

const char* library_version() {
  return SPOT_VERSION;
}

}  // namespace spot
