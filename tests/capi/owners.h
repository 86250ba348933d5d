#pragma once

#include <cstdint>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <spot_trainer.hpp>

#include "support/small_dataset.h"
#include "support/temporary_directory.h"

// Calls of the C ABI, and what they need, for tests.

namespace spot::test {

using namespace spottrainer;

/// Receives the error of one call.
class ErrorSlot {
 public:
  ~ErrorSlot() { spot_error_free(error_); }
  ErrorSlot() = default;
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;

  /// For one call; that of the call before is freed.
  operator spot_error**() {
    spot_error_free(error_);
    error_ = nullptr;
    return &error_;
  }
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

inline Config make_config() {
  return make<Config>(spot_config_create);
}

inline void set(const Config& config, const char* key, const std::string& value) {
  call(spot_config_set_str, config.get(), key, value.c_str());
}

inline Poller make_poller(const Config& config) {
  return make<Poller>(spot_poller_create, config.get());
}

inline Cancel make_cancel() {
  return make<Cancel>(spot_cancel_create);
}

inline Trainer make_trainer(const Config& config) {
  return make<Trainer>(spot_trainer_create, config.get(), nullptr, nullptr);
}

/// A folder with a small dataset (10 steps an epoch) and any number of volumes.
class Place {
 public:
  Place() { SmallDataset::write(directory_ / "data", 150, 40); }

  [[nodiscard]] Config config(const std::string& volume) const {
    std::filesystem::create_directories(directory_ / volume);
    Config config = make_config();
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

inline std::string hash_of(spot_trainer* trainer) {
  char hash[33] = "";
  ErrorSlot error;
  check_ok(spot_trainer_get_state_hash(trainer, hash, error), error);
  return hash;
}

}  // namespace spot::test
