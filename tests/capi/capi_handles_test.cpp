// Through the public header only: what the rules of handles, structs and callbacks promise.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <memory>
#include <spot_trainer.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"
#include "support/text.h"

using namespace spot::test;

namespace {

void count(void* user) {
  ++*static_cast<std::atomic<int>*>(user);
}

std::int64_t integer_of(const Config& config, const char* key) {
  std::int64_t value = 0;
  call(spot_config_get_i64, config.get(), key, &value);
  return value;
}

spot_trainer_info info_of(const spot_trainer* trainer) {
  auto info = sized<spot_trainer_info>();
  call(spot_trainer_get_info, trainer, &info);
  return info;
}

spot_progress progress_of(const spot_trainer* trainer) {
  auto progress = sized<spot_progress>();
  call(spot_trainer_get_progress, trainer, &progress);
  return progress;
}

}  // namespace

TEST_CASE("a library serves programs of its own major version and of no later minor one") {
  ErrorSlot error;
  check_ok(spot_abi_check(SPOT_ABI_VERSION, error), error);
  CHECK(spot_abi_check(SPOT_ABI_VERSION + 1, error) == SPOT_E_UNSUPPORTED);
  CHECK(contains(error.message(), "ABI 1.1"));
  CHECK(contains(error.message(), "libspot_trainer"));
  CHECK(spot_abi_check(2 * 65536, nullptr) == SPOT_E_UNSUPPORTED);
  CHECK(spot_abi_check(0, nullptr) == SPOT_E_UNSUPPORTED);
}

TEST_CASE("every number of an enumeration has a word, and any other one is unknown") {
  CHECK(spot_action_name(SPOT_ACTION_HIBERNATE) == std::string("hibernate"));
  CHECK(spot_save_reason_name(SPOT_SAVE_EPOCH) == std::string("epoch"));
  CHECK(spot_run_reason_name(SPOT_RUN_STOPPED) == std::string("stopped"));
  CHECK(spot_run_reason_name(SPOT_RUN_FAILED) == std::string("failed"));
  for (const std::int32_t number : {-1, 0, 6, 1000}) {
    CHECK(spot_action_name(number) == std::string("unknown"));
    CHECK(spot_save_reason_name(number) == std::string("unknown"));
    CHECK(spot_run_reason_name(number) == std::string("unknown"));
  }
}

TEST_CASE("a configuration is cloned, unset and read in the types of its keys") {
  const Config config = make_config();
  set(config, "batch_size", "32");
  set(config, "nesterov", "true");
  const Config copy = make<Config>(spot_config_clone, config.get());
  call(spot_config_unset, config.get(), "batch_size");
  CHECK(integer_of(config, "batch_size") == 128);
  CHECK(integer_of(copy, "batch_size") == 32);
  CHECK(integer_of(copy, "nesterov") == 1);
  double rate = 0;
  set(copy, "learning_rate", "0.05");
  call(spot_config_get_f64, copy.get(), "learning_rate", &rate);
  CHECK(rate == 0.05);
  std::int64_t value = 0;
  CHECK(spot_config_get_i64(copy.get(), "learning_rate", &value, nullptr) == SPOT_E_CONFIG);
  CHECK(spot_config_get_f64(copy.get(), "model", &rate, nullptr) == SPOT_E_CONFIG);
  CHECK(spot_config_get_i64(copy.get(), "no_such_key", &value, nullptr) == SPOT_E_CONFIG);
}

TEST_CASE("a configuration may be read and set by many threads at once") {
  const Config config = make_config();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 200; ++j) {
        if (i == 0) CHECK(spot_config_set_i64(config.get(), "epochs", j + 1, nullptr) == SPOT_OK);
        CHECK(integer_of(config, "epochs") >= 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("user data is let go once: when it is replaced, or when the last that uses it is freed") {
  const Place place;
  std::atomic<int> first = 0, second = 0, of_log = 0;
  const auto ignore = [](void*, const spot_event*) -> std::int32_t { return SPOT_ANSWER_CONTINUE; };
  const auto listen = [](void*, std::int32_t, const char*, std::size_t) {};
  Config config = place.config("v");
  call(spot_config_set_log, config.get(), SPOT_LOG_INFO, listen, &of_log, count);
  Trainer trainer = make_trainer(config);
  config.reset();
  CHECK(of_log == 0);
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_STEP, ignore, &first, count);
  CHECK(spot_trainer_set_callback(trainer.get(), 1024, ignore, &second, count, nullptr) == SPOT_E_INVALID_ARGUMENT);
  CHECK(second == 0);
  CHECK(first == 0);
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_STEP, ignore, &second, count);
  CHECK(first == 1);
  trainer.reset();
  CHECK(first == 1);
  CHECK(second == 1);
  CHECK(of_log == 1);
}

TEST_CASE("only messages as grave as the level arrive, and none wakes a host whose receiver throws") {
  const Place place;
  for (const std::int32_t level : {SPOT_LOG_ERROR, SPOT_LOG_INFO}) {
    const Config config = place.config("v");
    std::vector<std::int32_t> levels;
    const auto keep = [](void* user, std::int32_t of, const char*, std::size_t) {
      static_cast<std::vector<std::int32_t>*>(user)->push_back(of);
      throw std::runtime_error("a receiver's own trouble");
    };
    call(spot_config_set_log, config.get(), level, keep, &levels, nullptr);
    make_trainer(config);
    CHECK(levels.empty() == (level == SPOT_LOG_ERROR));
    for (const std::int32_t of : levels) CHECK(of <= level);
  }
  CHECK(spot_config_set_log(make_config().get(), 7, nullptr, nullptr, nullptr, nullptr) == SPOT_E_INVALID_ARGUMENT);
}

TEST_CASE("a log queue keeps the newest messages, says how many it dropped, and outlives its handle") {
  using Queue = std::unique_ptr<spot_log_queue, Free<spot_log_queue_free>>;
  const Place place;
  const Config config = place.config("v");
  Queue queue = make<Queue>(spot_log_queue_create, SPOT_LOG_INFO, std::size_t{2});
  call(spot_config_set_log_queue, config.get(), queue.get());
  const Trainer trainer = make_trainer(config);
  auto result = sized<spot_run_result>();
  call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
  std::int32_t level = -1;
  const auto next = [&] {
    char* text = nullptr;
    call(spot_log_queue_next, queue.get(), 0, nullptr, &level, &text);
    return take(text);
  };
  CHECK(contains(next(), "log messages were dropped"));
  CHECK(level == SPOT_LOG_WARNING);
  next();
  CHECK(level == SPOT_LOG_INFO);
  next();
  char* text = nullptr;
  CHECK(spot_log_queue_next(queue.get(), 0, nullptr, nullptr, &text, nullptr) == SPOT_E_TIMEOUT);
  const Cancel cancel = make_cancel();
  spot_cancel_trigger(cancel.get());
  CHECK(spot_log_queue_next(queue.get(), -1, cancel.get(), nullptr, &text, nullptr) == SPOT_E_CANCELLED);
  queue.reset();
  call(spot_trainer_step, trainer.get(), 1, nullptr, nullptr);  // whose messages nobody keeps
  CHECK(spot_log_queue_create(SPOT_LOG_INFO, 0, nullptr, nullptr) == SPOT_E_INVALID_ARGUMENT);
}

TEST_CASE("a callback that asks to stop ends a run with a durable state, and other calls as cancelled") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const auto stop_at_three = [](void*, const spot_event* event) -> std::int32_t {
    return event->step == 3 ? SPOT_ANSWER_STOP : SPOT_ANSWER_CONTINUE;
  };
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_STEP, stop_at_three, nullptr, nullptr);
  auto result = sized<spot_run_result>();
  call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
  CHECK(result.reason == SPOT_RUN_STOPPED);
  CHECK(result.durable == 1);
  CHECK(result.save_status == SPOT_OK);
  CHECK(result.step == 3);
  CHECK(result.epoch == 1);
  call(spot_trainer_run, trainer.get(), nullptr, nullptr, &result);
  CHECK(result.reason == SPOT_RUN_DONE);

  const Trainer another = make_trainer(place.config("w"));
  call(spot_trainer_set_callback, another.get(), SPOT_EVENT_STEP, stop_at_three, nullptr, nullptr);
  auto metrics = sized<spot_metrics>();
  ErrorSlot error;
  CHECK(spot_trainer_step(another.get(), 9, nullptr, &metrics, error) == SPOT_E_CANCELLED);
  CHECK(contains(error.message(), "callback"));
  CHECK(metrics.steps == 3);
  CHECK(metrics.step == 3);
  CHECK(std::isfinite(metrics.loss));
}

TEST_CASE("an exception that leaves a callback fails the call and says what it was, however far the steps came") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const auto fail_at_two = [](void*, const spot_event* event) -> std::int32_t {
    if (event->step == 2) throw std::runtime_error("out of coffee");
    return SPOT_ANSWER_CONTINUE;
  };
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_STEP, fail_at_two, nullptr, nullptr);
  auto metrics = sized<spot_metrics>();
  ErrorSlot error;
  CHECK(spot_trainer_step(trainer.get(), 9, nullptr, &metrics, error) == SPOT_E_CALLBACK);
  CHECK(contains(error.message(), "out of coffee"));
  CHECK(metrics.steps == 2);
  CHECK(std::isnan(metrics.loss));
  call(spot_trainer_step, trainer.get(), 1, nullptr, nullptr);
}

TEST_CASE("any thread may look at a run, and ask it to save") {
  const Place place;
  const Config config = place.config("v");
  set(config, "epochs", "50");
  set(config, "checkpoint_epochs", "0");
  set(config, "checkpoint_seconds", "0");
  const Trainer trainer = make_trainer(config);
  CHECK(std::isnan(progress_of(trainer.get()).seconds));
  CHECK(spot_trainer_request_checkpoint(trainer.get(), nullptr) == SPOT_E_ORDER);
  std::atomic<int> saves = 0;
  const auto count_saves = [](void* user, const spot_event* event) -> std::int32_t {
    if (event->save_reason == SPOT_SAVE_REQUEST) ++*static_cast<std::atomic<int>*>(user);
    return SPOT_ANSWER_CONTINUE;
  };
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_CHECKPOINT, count_saves, &saves, nullptr);
  const Cancel cancel = make_cancel();
  auto result = sized<spot_run_result>();
  std::thread runner([&] { call(spot_trainer_run, trainer.get(), nullptr, cancel.get(), &result); });
  while (progress_of(trainer.get()).running == 0) std::this_thread::yield();
  CHECK(spot_trainer_request_checkpoint(trainer.get(), nullptr) == SPOT_OK);
  while (saves == 0 && progress_of(trainer.get()).running == 1) std::this_thread::yield();
  const spot_progress progress = progress_of(trainer.get());
  const spot_trainer_info info = info_of(trainer.get());
  CHECK(info.run_id == std::string("r1"));
  runner.join();
  CHECK(saves == 1);
  CHECK(progress.total_steps == 500);
  CHECK(progress.seconds > 0);
  const spot_progress end = progress_of(trainer.get());
  CHECK(end.running == 0);
  CHECK(end.step == 500);
  CHECK(end.epoch == 50);
  CHECK(end.saved_step == 500);
  CHECK(end.save_status == SPOT_OK);
  CHECK(end.seconds >= progress.seconds);
  CHECK(std::isfinite(end.loss));
  CHECK(info_of(trainer.get()).epochs_done == 50);
}

TEST_CASE("without a volume a trainer trains, and the host keeps its checkpoints") {
  const Place place;
  const Config config = place.config("v");
  call(spot_config_unset, config.get(), "volume");
  const Trainer trainer = make_trainer(config);
  call(spot_trainer_step, trainer.get(), 7, nullptr, nullptr);
  ErrorSlot error;
  CHECK(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, error) == SPOT_E_CONFIG);
  CHECK(contains(error.message(), "volume is not set"));
  auto result = sized<spot_run_result>();
  CHECK(spot_trainer_run(trainer.get(), nullptr, nullptr, &result, nullptr) == SPOT_E_CONFIG);
  CHECK(spot_trainer_restore(trainer.get(), nullptr, nullptr, nullptr) == SPOT_E_CONFIG);

  std::uint8_t* bytes = nullptr;
  std::size_t length = 0;
  call(spot_trainer_serialize, trainer.get(), &bytes, &length);
  const std::vector<std::uint8_t> kept(bytes, bytes + length);
  spot_bytes_free(bytes);
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open_memory, kept.data(), kept.size(), nullptr);
  auto info = sized<spot_checkpoint_info>();
  call(spot_checkpoint_get_info, checkpoint.get(), &info);
  CHECK(info.save_reason == 0);
  CHECK(info.step == 7);
  CHECK(info.epoch == 1);
  CHECK(info.bytes == kept.size());
  CHECK(info.path == std::string());
  CHECK(info.state_hash == hash_of(trainer.get()));
  const Trainer second = make_trainer(config);
  call(spot_trainer_restore_from, second.get(), checkpoint.get());
  CHECK(info_of(second.get()).step == 7);
  CHECK(hash_of(second.get()) == hash_of(trainer.get()));

  spot_checkpoint* never = nullptr;
  std::vector<std::uint8_t> damaged = kept;
  damaged[damaged.size() / 2] ^= 0x55U;
  CHECK(spot_checkpoint_open_memory(damaged.data(), damaged.size(), nullptr, &never, error) == SPOT_E_CORRUPT);
  CHECK(spot_checkpoint_open_memory(kept.data(), kept.size() / 2, nullptr, &never, error) == SPOT_E_CORRUPT);
  CHECK(contains(error.message(), "the checkpoint in memory"));
}

TEST_CASE("a key without a default is an error that names it") {
  const Place place;
  const Config config = place.config("v");
  call(spot_config_unset, config.get(), "dataset");
  spot_trainer* trainer = nullptr;
  ErrorSlot error;
  CHECK(spot_trainer_create(config.get(), nullptr, nullptr, &trainer, error) == SPOT_E_CONFIG);
  CHECK(contains(error.message(), "dataset is not set"));
  call(spot_config_unset, config.get(), "volume");
  char* json = nullptr;
  CHECK(spot_volume_check(config.get(), nullptr, nullptr, nullptr, &json, error) == SPOT_E_CONFIG);
  CHECK(contains(error.message(), "volume is not set"));
}

TEST_CASE("all tensors are read at once as they are one by one, of a trainer, a checkpoint and a model") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  call(spot_trainer_step, trainer.get(), 3, nullptr, nullptr);
  call(spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, (place / "v").c_str(), nullptr);
  const Model model = make<Model>(spot_model_open_checkpoint, checkpoint.get(), nullptr);
  const spot_trainer_info info = info_of(trainer.get());
  std::vector<float> all(info.state_size), saved(info.state_size);
  call(spot_trainer_read_tensor, trainer.get(), nullptr, all.data(), all.size());
  call(spot_checkpoint_read_tensor, checkpoint.get(), nullptr, saved.data(), saved.size());
  CHECK((all == saved));
  for (std::uint64_t i = 0; i < info.tensor_count; ++i) {
    auto tensor = sized<spot_tensor_info>();
    call(spot_trainer_get_tensor_info, trainer.get(), i, &tensor);
    std::vector<float> values(tensor.size);
    call(spot_trainer_read_tensor, trainer.get(), tensor.name, values.data(), values.size());
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(tensor.offset);
    CHECK(std::equal(values.begin(), values.end(), begin));
    if (tensor.role == SPOT_ROLE_ACCUMULATOR) continue;
    call(spot_model_read_tensor, model.get(), tensor.name, values.data(), values.size());
    CHECK(std::equal(values.begin(), values.end(), begin));
  }
  for (float& value : all) value *= 2;
  call(spot_trainer_write_tensor, trainer.get(), nullptr, all.data(), all.size());
  call(spot_trainer_read_tensor, trainer.get(), nullptr, saved.data(), saved.size());
  CHECK((all == saved));
}

TEST_CASE("a save that fails ends an interrupted run with its reason") {
  const Place place;
  const Config config = place.config("v");
  const Trainer trainer = make_trainer(config);
  const Cancel cancel = make_cancel();
  struct Host {
    std::filesystem::path folder;
    spot_cancel* cancel;
  } host{place / "v/checkpoints", cancel.get()};
  const auto lose_folder = [](void* user, const spot_event* event) -> std::int32_t {
    const auto* self = static_cast<Host*>(user);
    if (event->step != 2) return SPOT_ANSWER_CONTINUE;
    std::filesystem::rename(self->folder, self->folder.string() + "-away");
    spot_cancel_trigger(self->cancel);
    return SPOT_ANSWER_CONTINUE;
  };
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_STEP, lose_folder, &host, nullptr);
  auto result = sized<spot_run_result>();
  call(spot_trainer_run, trainer.get(), nullptr, cancel.get(), &result);
  CHECK(result.reason == SPOT_RUN_CANCELLED);
  CHECK(result.durable == 0);
  CHECK(result.save_status == SPOT_E_IO);
  CHECK(contains(result.save_message, "checkpoints"));
}
