#pragma once

#include <spot_trainer.h>

#include "base/cancel.h"
#include "capi/handles.h"

namespace spot {

/// An owner of a call's spot_cancel, which may be null, while the call lasts. Throws kForked.
class Cancel {
 public:
  explicit Cancel(spot_cancel* handle) : handle_(handle) {
    if (handle != nullptr) check_process(handle->owner);
    spot_cancel_retain(handle);
  }
  ~Cancel() { spot_cancel_free(handle_); }
  Cancel(const Cancel&) = delete;
  Cancel& operator=(const Cancel&) = delete;

  [[nodiscard]] const CancelToken* token() const { return handle_ == nullptr ? nullptr : &handle_->token; }
  /// For as long as this lives.
  [[nodiscard]] StopCheck stop() const { return stop_by(token()); }

 private:
  spot_cancel* handle_;
};

}  // namespace spot
