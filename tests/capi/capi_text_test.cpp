// Texts and paths that leave the library.

#include <filesystem>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"
#include "support/text.h"

using namespace spot::test;

namespace {

const std::string kReplacement = "\xEF\xBF\xBD";

void keep_line(void* user, int32_t /*level*/, const char* message, size_t length) {
  static_cast<std::vector<std::string>*>(user)->emplace_back(message, length);
}

int32_t keep_path(void* user, const spot_event* event) {
  if (event->kind == SPOT_EVENT_CHECKPOINT) *static_cast<std::string*>(user) = event->path;
  return 0;
}

}  // namespace

TEST_CASE("an error and the log show a path that is no UTF-8 as UTF-8") {
  const Place place;
  const Config config = place.config("v");
  std::vector<std::string> lines;
  call(spot_config_set_log, config.get(), SPOT_LOG_DEBUG, keep_line, &lines, nullptr);
  set(config, "dataset", (place / "m\xE4rz").string());
  spot_trainer* trainer = nullptr;
  ErrorSlot error;
  CHECK(spot_trainer_create(config.get(), nullptr, nullptr, &trainer, error) == SPOT_E_NOT_FOUND);
  CHECK(contains(error.message(), "m" + kReplacement + "rz"));

  set(config, "dataset", (place / "data").string());
  std::filesystem::create_directories(place / "v\xE4");
  set(config, "volume", (place / "v\xE4").string());
  {
    const Trainer writer = make_trainer(config);
    call(spot_trainer_step, writer.get(), 1, nullptr, nullptr);
    auto result = sized<spot_run_result>();
    call(spot_trainer_run, writer.get(), nullptr, nullptr, &result);
  }
  bool told = false;
  for (const std::string& line : lines) {
    CHECK_FALSE(contains(line, "\xE4"));
    told = told || contains(line, "v" + kReplacement + "/checkpoints");
  }
  CHECK(told);
}

TEST_CASE("a path is given as its bytes, and opens what it names") {
  const Place place;
  const Config config = place.config("v\xE4");
  const Trainer trainer = make_trainer(config);
  std::string told;
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_ALL, keep_path, &told, nullptr);
  auto report = sized<spot_save_report>();
  call(spot_trainer_checkpoint, trainer.get(), nullptr, &report);
  const std::string path = report.path;
  CHECK(contains(path, "v\xE4/checkpoints/ckpt-"));
  CHECK(told == path);
  const auto checkpoint = make<Checkpoint>(spot_checkpoint_open, (place / "v\xE4").c_str(), nullptr);
  auto info = sized<spot_checkpoint_info>();
  call(spot_checkpoint_get_info, checkpoint.get(), &info);
  CHECK(info.path == path);
  CHECK(spot_trainer_restore(trainer.get(), path.c_str(), nullptr, nullptr) == SPOT_OK);
}

TEST_CASE("a path of more than a thousand bytes is whole") {
  const Place place;
  std::string volume = "v";
  for (int i = 0; i < 6; ++i) volume += "/" + std::string(200, static_cast<char>('a' + i));
  const Trainer trainer = make_trainer(place.config(volume));
  auto report = sized<spot_save_report>();
  call(spot_trainer_checkpoint, trainer.get(), nullptr, &report);
  CHECK(std::string(report.path).size() > 1200);
  CHECK(std::filesystem::exists(report.path));
  auto result = sized<spot_run_result>();
  call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
  CHECK(result.reason == SPOT_RUN_DONE);
  CHECK(std::filesystem::exists(result.model_path));
}
