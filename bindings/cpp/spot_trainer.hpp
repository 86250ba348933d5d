// spot_trainer.hpp: spot_trainer.h for C++17 and newer, in this one header.
//
// Handles free themselves, and a call that fails throws. Everything else is as spot_trainer.h says: which thread may
// do what, what a function returns and which errors it gives.
//
//     using namespace spottrainer;
//     const Config config = make<Config>(spot_config_create);
//     call(spot_config_set_str, config.get(), "volume", "/mnt/data");
//     const Trainer trainer = make<Trainer>(spot_trainer_create, config.get(), nullptr, nullptr);
//     auto result = sized<spot_run_result>();
//     call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
//
// SPDX-License-Identifier: Apache-2.0
#ifndef SPOT_TRAINER_HPP
#define SPOT_TRAINER_HPP

#include <cstdint>
#include <memory>
#include <spot_trainer.h>
#include <stdexcept>
#include <string>
#include <utility>

namespace spottrainer {

/// A call of the library that failed. what() is the library's one-line message.
class Error : public std::runtime_error {
 public:
  Error(spot_status status, const spot_error* error)
      : std::runtime_error(error == nullptr ? spot_status_name(status) : spot_error_message(error)),
        status_(status),
        os_errno_(spot_error_os_errno(error)),
        http_status_(spot_error_http_status(error)),
        byte_offset_(spot_error_byte_offset(error)) {}

  [[nodiscard]] spot_status status() const noexcept { return status_; }
  [[nodiscard]] std::int32_t os_errno() const noexcept { return os_errno_; }        ///< 0: none
  [[nodiscard]] std::int32_t http_status() const noexcept { return http_status_; }  ///< 0: none
  [[nodiscard]] std::int64_t byte_offset() const noexcept { return byte_offset_; }  ///< -1: unknown

 private:
  spot_status status_;
  std::int32_t os_errno_;
  std::int32_t http_status_;
  std::int64_t byte_offset_;
};

template <auto free_function>
struct Free {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    free_function(handle);
  }
};

// Owners of the handles, and of texts that the library returns.
using Config = std::unique_ptr<spot_config, Free<spot_config_free>>;
using Trainer = std::unique_ptr<spot_trainer, Free<spot_trainer_free>>;
using Poller = std::unique_ptr<spot_poller, Free<spot_poller_free>>;
using Cancel = std::unique_ptr<spot_cancel, Free<spot_cancel_free>>;
using Checkpoint = std::unique_ptr<spot_checkpoint, Free<spot_checkpoint_free>>;
using Model = std::unique_ptr<spot_model, Free<spot_model_free>>;
using Text = std::unique_ptr<char, Free<spot_text_free>>;

/// Throws Error unless `status` is SPOT_OK. Frees `error` in any case.
inline void check(spot_status status, spot_error* error) {
  const std::unique_ptr<spot_error, Free<spot_error_free>> owner(error);
  if (status != SPOT_OK) throw Error(status, error);
}

/// Calls a function whose last parameter is the error. Throws Error when it fails.
template <typename Function, typename... Arguments>
void call(Function function, Arguments&&... arguments) {
  spot_error* error = nullptr;
  const spot_status status = function(std::forward<Arguments>(arguments)..., &error);
  check(status, error);
}

/// Calls a function that returns a handle or text through its last parameter but one. Throws Error when it fails.
template <typename Handle, typename Function, typename... Arguments>
[[nodiscard]] Handle make(Function function, Arguments&&... arguments) {
  typename Handle::pointer raw = nullptr;
  call(function, std::forward<Arguments>(arguments)..., &raw);
  return Handle(raw);
}

/// A result struct that states its size and is zero otherwise.
template <typename Struct>
[[nodiscard]] Struct sized() {
  Struct result{};
  result.struct_size = sizeof result;
  return result;
}

/// The value of a configuration's key.
inline std::string value_of(const Config& config, const char* key) {
  return make<Text>(spot_config_get_str, config.get(), key).get();
}

}  // namespace spottrainer

#endif  // SPOT_TRAINER_HPP
