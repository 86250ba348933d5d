#include <spot_trainer.h>

#include "capi/guard.h"
#include "capi/handles.h"

spot_status spot_cancel_create(spot_cancel** out, spot_error** error) {
  return spot::guard(error, [&] {
    spot::required(out, "out");
    *out = new spot_cancel;
  });
}

void spot_cancel_retain(spot_cancel* cancel) {
  if (cancel != nullptr) cancel->owners.fetch_add(1, std::memory_order_relaxed);
}

void spot_cancel_free(spot_cancel* cancel) {
  if (cancel == nullptr || cancel->owner.forked()) return;
  if (cancel->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete cancel;
}

void spot_cancel_trigger(spot_cancel* cancel) {
  if (cancel != nullptr) cancel->token.trigger();
}

int32_t spot_cancel_is_triggered(const spot_cancel* cancel) {
  return cancel != nullptr && cancel->token.triggered() ? 1 : 0;
}

void spot_cancel_reset(spot_cancel* cancel) {
  if (cancel != nullptr) cancel->token.reset();
}
