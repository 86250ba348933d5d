#pragma once

#include <memory>
#include <spot_trainer.h>

namespace spot {

/// A callback's user data. Whoever may call the callback holds it; the last one to let it go calls the host's destroy
/// function, once keep() was called: until then, when something fails, it stays the host's.
class UserData {
 public:
  UserData(void* user, spot_destroy_fn destroy) : user_(user), destroy_(destroy) {}
  ~UserData() {
    if (is_ours_ && destroy_ != nullptr) destroy_(user_);
  }
  UserData(const UserData&) = delete;
  UserData& operator=(const UserData&) = delete;

  [[nodiscard]] void* get() const { return user_; }
  void keep() { is_ours_ = true; }

 private:
  void* user_;
  spot_destroy_fn destroy_;
  bool is_ours_ = false;
};

}  // namespace spot
