// Through the public header only: training that has failed.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"

using namespace spot::test;

namespace {

/// sgd with a rate that no network survives.
Config failing(const Place& place, const std::string& volume) {
  Config config = place.config(volume);
  set(config, "optimizer", "sgd");
  set(config, "learning_rate", "1e6");
  return config;
}

void write_first(spot_trainer* trainer, float value) {
  auto tensor = sized<spot_tensor_info>();
  REQUIRE(spot_trainer_get_tensor_info(trainer, 0, &tensor, nullptr) == SPOT_OK);
  std::vector<float> values(tensor.size);
  REQUIRE(spot_trainer_read_tensor(trainer, tensor.name, values.data(), values.size(), nullptr) == SPOT_OK);
  values[0] = value;
  REQUIRE(spot_trainer_write_tensor(trainer, tensor.name, values.data(), values.size(), nullptr) == SPOT_OK);
}

std::size_t files_in(const std::filesystem::path& folder) {
  const std::filesystem::directory_iterator files(folder);
  return static_cast<std::size_t>(std::count_if(begin(files), end(files), [](const auto& entry) {
    return entry.path().extension() == ".spck" || entry.path().extension() == ".safetensors";
  }));
}

}  // namespace

TEST_CASE("steps and runs that diverge answer so, and leave neither checkpoint nor model") {
  const Place place;
  const Trainer stepped = make_trainer(failing(place, "stepped"));
  ErrorSlot error;
  CHECK(spot_trainer_step(stepped.get(), 50, nullptr, nullptr, error) == SPOT_E_DIVERGED);
  CHECK(error.message().find(" of step ") != std::string::npos);
  CHECK(error.message().find("learning_rate") != std::string::npos);

  const Trainer trainer = make_trainer(failing(place, "run"));
  auto result = sized<spot_run_result>();
  CHECK(spot_trainer_run(trainer.get(), nullptr, nullptr, &result, nullptr) == SPOT_E_DIVERGED);
  CHECK(spot_trainer_run(trainer.get(), nullptr, nullptr, &result, nullptr) == SPOT_E_DIVERGED);
  CHECK(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, nullptr) == SPOT_E_DIVERGED);
  CHECK(files_in(place / "run" / "checkpoints") == 0);
  CHECK(files_in(place / "run" / "models") == 0);
}

TEST_CASE("a host that writes a NaN finds out when it saves, and can restore what it saved before") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  REQUIRE(spot_trainer_step(trainer.get(), 3, nullptr, nullptr, nullptr) == SPOT_OK);
  REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, nullptr) == SPOT_OK);
  const std::string hash = hash_of(trainer.get());
  write_first(trainer.get(), NAN);
  ErrorSlot error;
  CHECK(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, error) == SPOT_E_DIVERGED);
  CHECK(error.message().find("after step 3") != std::string::npos);
  REQUIRE(spot_trainer_restore(trainer.get(), nullptr, nullptr, nullptr) == SPOT_OK);
  CHECK(hash_of(trainer.get()) == hash);
  CHECK(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_OK);
}

TEST_CASE("a checkpoint that is not finite is opened and restored by its path, and not exported") {
  const Place place;
  const Config config = place.config("v");
  set(config, "on_nan", "continue");
  const Trainer trainer = make_trainer(config);
  write_first(trainer.get(), NAN);
  auto report = sized<spot_save_report>();
  REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, &report, nullptr) == SPOT_OK);
  const auto checkpoint = make<Checkpoint>(spot_checkpoint_open, (place / "v").c_str(), nullptr);
  CHECK(spot_checkpoint_export(checkpoint.get(), (place / "exported").c_str(), nullptr, nullptr) == SPOT_E_DIVERGED);
  CHECK_FALSE(std::filesystem::exists(place / "exported.safetensors"));

  const Trainer strict = make_trainer(place.config("other"));
  CHECK(spot_trainer_restore(strict.get(), report.path, nullptr, nullptr) == SPOT_OK);
  auto metrics = sized<spot_metrics>();
  CHECK(spot_trainer_evaluate(strict.get(), SPOT_SPLIT_TEST, nullptr, &metrics, nullptr) == SPOT_OK);
  CHECK(spot_trainer_checkpoint(strict.get(), nullptr, nullptr, nullptr) == SPOT_E_DIVERGED);
}
