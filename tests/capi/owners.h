#pragma once

#include <cstdint>
#include <spot_trainer.h>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "handle_owners.h"
#include "small_dataset.h"
#include "temporary_directory.h"

// Calls of the C ABI, and what they need, for tests.

namespace spot::test {

/// Receives the error of one call.
class ErrorSlot {
 public:
  ~ErrorSlot() { spot_error_free(error_); }
  ErrorSlot() = default;
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;

  operator spot_error**() { return &error_; }
  [[nodiscard]] const spot_error* get() const { return error_; }
  [[nodiscard]] std::string message() const { return spot_error_message(error_); }

 private:
  spot_error* error_ = nullptr;
};

inline void check_ok(spot_status status, const ErrorSlot& error) {
  CAPTURE(error.message());
  CHECK(status == SPOT_OK);
}

/// Takes over a text of the library.
inline std::string take(char* text) {
  std::string copy = text == nullptr ? "" : text;
  spot_text_free(text);
  return copy;
}

inline ConfigHandle make_config() {
  spot_config* config = nullptr;
  REQUIRE(spot_config_create(&config, nullptr) == SPOT_OK);
  return ConfigHandle(config);
}

inline void set(const ConfigHandle& config, const char* key, const std::string& value) {
  ErrorSlot error;
  check_ok(spot_config_set_str(config.get(), key, value.c_str(), error), error);
}

inline PollerHandle make_poller(const ConfigHandle& config) {
  spot_poller* poller = nullptr;
  ErrorSlot error;
  check_ok(spot_poller_create(config.get(), &poller, error), error);
  return PollerHandle(poller);
}

inline CancelHandle make_cancel() {
  spot_cancel* cancel = nullptr;
  REQUIRE(spot_cancel_create(&cancel, nullptr) == SPOT_OK);
  return CancelHandle(cancel);
}

inline TrainerHandle make_trainer(const ConfigHandle& config) {
  spot_trainer* trainer = nullptr;
  ErrorSlot error;
  check_ok(spot_trainer_create(config.get(), nullptr, &trainer, error), error);
  REQUIRE(trainer != nullptr);
  return TrainerHandle(trainer);
}

/// A folder with a small dataset (10 steps an epoch) and any number of volumes.
class Place {
 public:
  Place() { SmallDataset::write(directory_ / "data", 150, 40); }

  [[nodiscard]] ConfigHandle config(const std::string& volume) const {
    std::filesystem::create_directories(directory_ / volume);
    ConfigHandle config = make_config();
    set(config, "dataset", (directory_ / "data").string());
    set(config, "volume", (directory_ / volume).string());
    set(config, "model", "mlp");
    set(config, "metadata", "none");
    set(config, "batch_size", "16");
    set(config, "epochs", "2");
    set(config, "run_id", "r1");
    return config;
  }
  std::filesystem::path operator/(const std::string& name) const { return directory_ / name; }

 private:
  TemporaryDirectory directory_;
};

template <typename Struct>
Struct sized() {
  Struct result{};
  result.struct_size = sizeof(Struct);
  return result;
}

inline std::string hash_of(spot_trainer* trainer) {
  char hash[33] = "";
  ErrorSlot error;
  check_ok(spot_trainer_state_hash(trainer, hash, error), error);
  return hash;
}

}  // namespace spot::test
