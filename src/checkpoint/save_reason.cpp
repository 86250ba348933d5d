#include "checkpoint/save_reason.h"

namespace spot {

const char* to_text(SaveReason reason) {
  switch (reason) {
    case SaveReason::kInterval: return "interval";
    case SaveReason::kEpoch: return "epoch";
    case SaveReason::kNotice: return "notice";
    case SaveReason::kRequest: return "request";
    case SaveReason::kFinal: return "final";
  }
  return "unknown";
}

}  // namespace spot
