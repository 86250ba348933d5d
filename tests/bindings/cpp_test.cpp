// The scenarios of every binding, through spot_trainer.hpp: tests/bindings/README.md says what each is.

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <pthread.h>
#include <span>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>
#include <spot_trainer.hpp>
#include <sys/wait.h>

#include "support/small_dataset.h"
#include "support/temporary_directory.h"

using namespace spottrainer;
using namespace std::chrono_literals;
using spot::test::TemporaryDirectory;

namespace {

constexpr std::uint32_t kSide = 28;
constexpr std::size_t kTrain = 320;
constexpr std::size_t kTest = 64;

/// The images of every binding's tests.
template <typename Value = std::uint8_t>
std::vector<Value> images(std::size_t count, std::size_t channels = 1) {
  std::vector<Value> values;
  for (std::size_t image = 0; image < count; ++image) {
    for (std::size_t place = 0; place < channels * kSide * kSide; ++place) {
      const std::size_t value = (image * 31 + place * 7 + image % 10 * 53) % 256;
      values.push_back(std::is_floating_point_v<Value> ? static_cast<Value>(value) / 255 : static_cast<Value>(value));
    }
  }
  return values;
}

template <typename Label = std::uint8_t>
std::vector<Label> labels(std::size_t count) {
  std::vector<Label> values;
  for (std::size_t image = 0; image < count; ++image) values.push_back(static_cast<Label>(image % 10));
  return values;
}

Dataset formula() {
  Arrays<> arrays;
  arrays.rows = arrays.columns = kSide;
  arrays.classes = 10;
  arrays.train_images = images(kTrain);
  arrays.train_labels = labels(kTrain);
  arrays.test_images = images(kTest);
  arrays.test_labels = labels(kTest);
  return Dataset::create(std::move(arrays));
}

/// Volumes, which are removed in the end.
class Place {
 public:
  [[nodiscard]] Config config(const std::string& volume, std::uint64_t steps = 40) const {
    std::filesystem::create_directories(root_ / volume);
    Config config = Config::create({{"volume", root_ / volume}, {"model", "mlp"}, {"metadata", "none"}});
    config.set("batch_size", 16);
    config.set("steps", steps);
    config.set("epochs", 1'000'000);
    config.set("threads", 1);
    return config;
  }
  [[nodiscard]] Trainer trainer(const std::string& volume, std::uint64_t steps = 40) const {
    return Trainer::create(config(volume, steps), formula());
  }
  std::filesystem::path operator/(const std::string& name) const { return root_ / name; }

 private:
  TemporaryDirectory root_;
};

/// The error that `function` throws.
template <typename Function>
Error failure(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  return {SPOT_OK, nullptr};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The agent as a process of its own; its stdout and stderr arrive as lines.
class Agent {
 public:
  explicit Agent(std::vector<std::string> arguments, std::vector<std::string> variables = {}) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    arguments.insert(arguments.begin(), SPOT_CPP_AGENT);
    for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
    const int failed = posix_spawn(&process_, SPOT_CPP_AGENT, &actions, nullptr, pointers(arguments).data(),
                                   pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed != 0) throw std::runtime_error("cannot start " SPOT_CPP_AGENT);
    output_ = fdopen(ends[0], "r");
  }
  ~Agent() {
    std::fclose(output_);
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Reads on to a line with `part`; empty: there is none.
  std::string line_with(const std::string& part) {
    std::array<char, 4096> line{};
    while (std::fgets(line.data(), line.size(), output_) != nullptr) {
      if (contains(line.data(), part)) return line.data();
    }
    return "";
  }
  void signal(int number) const { kill(process_, number); }
  /// The exit code, or minus the signal that ended it.
  int end() {
    line_with("\n\n");
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }

  pid_t process_ = -1;
  std::FILE* output_ = nullptr;
};

}  // namespace

TEST_CASE("train") {
  const Place place;
  std::vector<std::string> hashes;
  for (const int threads : {1, 2}) {
    const Config config = place.config(std::to_string(threads));
    config.set("threads", threads);
    const Trainer trainer = Trainer::create(config, formula());
    std::vector<std::int32_t> kinds;
    trainer.set_callback(SPOT_EVENT_ALL & ~SPOT_EVENT_STEP,
                         [&kinds](const spot_event& event) { kinds.push_back(event.kind); });
    const spot_run_result result = trainer.run();
    CHECK(result.reason == SPOT_RUN_DONE);
    CHECK(result.step == 40);
    CHECK(trainer.progress().step == 40);
    CHECK(trainer.info().threads == threads);
    CHECK(result.state_hash == trainer.state_hash());
    CHECK(kinds.front() == SPOT_EVENT_RUN_BEGIN);
    CHECK(kinds.back() == SPOT_EVENT_RUN_END);
    hashes.push_back(trainer.state_hash());
  }
  CHECK(hashes[0] == hashes[1]);
}

TEST_CASE("notice") {
  const Place place;
  {
    const Config config = place.config("v");
    const Poller poller = Poller::create(config);
    const Trainer trainer = Trainer::create(config, formula());
    trainer.set_callback(SPOT_EVENT_STEP, [&poller](const spot_event& event) {
      if (event.step == 7) poller.notify(SPOT_ACTION_TERMINATE, 30s, "the test says so");
    });
    const spot_run_result interrupted = trainer.run(poller);
    CHECK(interrupted.reason == SPOT_RUN_INTERRUPTED);
    CHECK(interrupted.durable == 1);
    CHECK(interrupted.step == 7);
    CHECK(interrupted.notice_to_durable_ms > 0);
    CHECK(interrupted.seconds_left <= 30);
  }
  const spot_run_result resumed = place.trainer("v").run();
  CHECK(resumed.resumed == 1);
  CHECK(resumed.reason == SPOT_RUN_DONE);
  CHECK(std::string(resumed.state_hash) == place.trainer("whole").run().state_hash);
}

TEST_CASE("kill") {
  const Place place;
  spot::test::SmallDataset::write(place / "data", kTrain, kTest);
  const auto arguments = [&place](const std::string& volume, std::uint64_t steps) {
    std::filesystem::create_directories(place / volume);
    return std::vector<std::string>{place / volume,       "dataset=" + (place / "data").string(),
                                    "model=mlp",          "batch_size=16",
                                    "epochs=1000000",     "steps=" + std::to_string(steps),
                                    "checkpoint_steps=5", "checkpoint_epochs=0",
                                    "metadata=none",      "threads=1"};
  };
  constexpr std::uint64_t kEndless = 1'000'000'000;
  {
    Agent killed(arguments("cut", kEndless));
    CHECK(contains(killed.line_with("checkpoint"), "is durable"));
    killed.signal(SIGKILL);
    CHECK(killed.end() == -SIGKILL);
  }
  const std::uint64_t saved = Checkpoint::open(place / "cut").info().step;
  CHECK(saved > 0);
  {
    Agent stopped(arguments("cut", kEndless));  // and the example's own way to stop
    stopped.line_with("checkpoint");
    stopped.signal(SIGTERM);
    CHECK(contains(stopped.line_with("{"), R"("reason": "cancelled")"));
    CHECK(stopped.end() == 75);
  }
  const std::uint64_t steps = Checkpoint::open(place / "cut").info().step + 7;
  CHECK(steps > saved + 7);
  Agent resumed(arguments("cut", steps));
  const std::string line = resumed.line_with("{");
  CHECK(contains(line,
                 R"({"reason": "done", "step": )" + std::to_string(steps) + R"(, "durable": true, "state_hash": ")"));
  CHECK(resumed.end() == 0);
  Agent whole(arguments("whole", steps));
  CHECK(whole.line_with("{") == line);
  CHECK(whole.end() == 0);
}

TEST_CASE("resume") {
  const Place place;
  {
    const Trainer trainer = place.trainer("v");
    trainer.set_callback(SPOT_EVENT_STEP, [](const spot_event& event) {
      return event.step == 13 ? SPOT_ANSWER_STOP : SPOT_ANSWER_CONTINUE;
    });
    const spot_run_result stopped = trainer.run();
    CHECK(stopped.reason == SPOT_RUN_STOPPED);
    CHECK(stopped.step == 13);
    CHECK(stopped.durable == 1);
  }
  const spot_run_result resumed = place.trainer("v").run();
  CHECK(resumed.resumed == 1);
  CHECK(std::string(resumed.state_hash) == place.trainer("whole").run().state_hash);
}

TEST_CASE("fence") {
  const Place place;
  const Trainer first = place.trainer("v", 1'000'000);
  std::atomic<bool> is_at_work = false;
  first.set_callback(SPOT_EVENT_STEP, [&is_at_work](const spot_event&) { is_at_work = true; });
  spot_status status = SPOT_OK;
  std::thread thread([&] { status = failure([&first] { first.run(); }).status(); });
  while (!is_at_work) std::this_thread::sleep_for(1ms);
  const Config config = place.config("v", 20);
  config.set("takeover", true);
  CHECK(Trainer::create(config, formula()).run().reason == SPOT_RUN_DONE);
  thread.join();
  CHECK(status == SPOT_E_FENCED);
}

TEST_CASE("cancel") {
  const Place place;
  const Trainer trainer = place.trainer("v", 1'000'000);
  std::stop_source source;
  trainer.set_callback(SPOT_EVENT_STEP, [&source](const spot_event& event) {
    if (event.step == 5) source.request_stop();
  });
  const spot_run_result cancelled = trainer.run({}, source.get_token());
  CHECK(cancelled.reason == SPOT_RUN_CANCELLED);
  CHECK(cancelled.durable == 1);
  CHECK(cancelled.step == 5);
  CHECK(trainer.step(3, source.get_token()).steps == 0);

  // A wait for the volume, which the first trainer has: the log tells when it begins.
  const Cancel cancel = Cancel::create();
  const Config config = place.config("v");
  config.set_log(SPOT_LOG_WARNING,
                 [shared = std::make_shared<Cancel>(cancel.share())](std::int32_t, std::string_view message) {
                   if (message.find("waiting for") != std::string_view::npos) shared->trigger();
                 });
  config.set("lease_wait_seconds", 1'000'000);
  const Trainer second = Trainer::create(config, formula());
  CHECK(second.run({}, cancel).reason == SPOT_RUN_CANCELLED);
  CHECK(cancel.is_triggered());
  CHECK(failure([&] { second.checkpoint(cancel); }).status() == SPOT_E_CANCELLED);
}

TEST_CASE("bad_input") {
  const Place place;
  const Config config = place.config("v");
  const Error unknown = failure([&config] { config.set("batch_siez", 16); });
  CHECK(unknown.status() == SPOT_E_CONFIG);
  CHECK(contains(unknown.what(), "'batch_siez'"));
  const Error bounds = failure([&config] { config.set("batch_size", 0); });
  CHECK(bounds.status() == SPOT_E_CONFIG);
  CHECK(contains(bounds.what(), "batch_size"));
  CHECK(contains(bounds.what(), "65536"));

  const std::string cut = place / std::string("v\0/elsewhere", 12);
  for (const auto& function : std::initializer_list<std::function<void()>>{
           [&] { config.set("volume", cut); }, [&] { config.set(std::string("steps\0", 6), 1); },
           [&] { Checkpoint::open(cut); }, [&] { Model::open(cut); },
           [&] { Poller::create(config).notify(SPOT_ACTION_STOP, 1s, std::string("a\0b", 3)); }}) {
    const Error zero = failure(function);
    CHECK(zero.status() == SPOT_E_INVALID_ARGUMENT);
    CHECK(contains(zero.what(), "\\0"));
    CHECK(contains(zero.what(), "contains a zero byte"));
  }

  Arrays<> arrays;
  arrays.rows = arrays.columns = kSide;
  arrays.train_images = images(9);
  arrays.train_labels = labels(10);
  CHECK(failure([&arrays] { Dataset::create(std::move(arrays)); }).status() == SPOT_E_INVALID_ARGUMENT);

  const Trainer trainer = place.trainer("v", 2);
  trainer.run();
  CHECK(failure([&trainer] { trainer.write_tensor("no such tensor", std::array<float, 1>{}); }).status() ==
        SPOT_E_NOT_FOUND);
  const std::string path = trainer.checkpoint().path;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1000, std::ios::end);
    file.put('\x5a');
    file.put('\xa5');
  }
  const Error damaged = failure([&path] { Checkpoint::open(path); });
  CHECK(damaged.status() == SPOT_E_CORRUPT);
  CHECK(contains(damaged.what(), path));
  CHECK(Checkpoint::verify(path).bad == 1);
}

TEST_CASE("own_data") {
  const Place place;
  int released = 0;
  {
    const auto values = std::make_shared<std::vector<float>>(images<float>(kTrain, 3));
    const std::vector<std::int64_t> classes = labels<std::int64_t>(kTrain);
    Arrays<std::span<const float>, std::vector<std::int64_t>> arrays;
    arrays.rows = arrays.columns = kSide;
    arrays.channels = 3;
    arrays.name = "mine";
    arrays.train_images = *values;
    arrays.train_labels = classes;
    arrays.owner = std::shared_ptr<const void>(values->data(), [values, &released](const void*) { ++released; });
    Dataset dataset = Dataset::create(std::move(arrays));
    CHECK(dataset.info().channels == 3);
    CHECK(dataset.info().classes == 10);
    CHECK(dataset.info().test_samples == 0);
    CHECK(std::string(dataset.info().name) == "mine");

    const Trainer trainer = Trainer::create(place.config("floats", 5), dataset);
    dataset.reset();
    CHECK(trainer.run().reason == SPOT_RUN_DONE);
    CHECK(released == 0);
  }
  CHECK(released == 1);

  Arrays<> colours;
  colours.rows = colours.columns = kSide;
  colours.channels = 3;
  colours.train_images = images(kTrain, 3);
  colours.train_labels = labels(kTrain);
  const Trainer trainer = Trainer::create(place.config("bytes", 5), Dataset::create(std::move(colours)));
  CHECK(trainer.run().reason == SPOT_RUN_DONE);
  CHECK(failure([&trainer] { return trainer.evaluate(SPOT_SPLIT_TEST); }).status() == SPOT_E_ORDER);
  CHECK(trainer.confusion(SPOT_SPLIT_TRAIN).size() == 100);
}

TEST_CASE("predict") {
  const Place place;
  const Trainer trainer = place.trainer("v");
  trainer.run();
  trainer.export_to(place / "exported");
  const std::vector<std::uint8_t> given = images(kTest);
  const Model model = Model::open(trainer);
  const std::vector<float> expected = model.predict(given);
  CHECK(expected.size() == kTest * 10);
  CHECK(Model::open(place / "v").predict(given) == expected);
  CHECK(Model::open(Checkpoint::open(place / "v")).predict(given) == expected);
  CHECK(Model::open(place / "exported.json").predict(given) == expected);
  CHECK(Model::open(place / "exported.safetensors").predict(given) == expected);
  CHECK(model.read_tensors().size() == model.info().state_size);
  CHECK(model.read_tensor(model.tensors()[0].name) == trainer.read_tensor(trainer.tensors()[0].name));
  const Error wrong = failure([&] { return model.predict(std::span(given).first(kSide * kSide + 1)); });
  CHECK(wrong.status() == SPOT_E_INVALID_ARGUMENT);

  std::atomic<int> same = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { same += model.predict(given) == expected ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == 8);
}

TEST_CASE("poller") {
  const Poller poller = Poller::create(Config::create({{"metadata", "none"}}));
  CHECK(poller.health().disabled == 1);
  std::uint64_t nothing = 0;
  CHECK_FALSE(poller.wait(nothing, 0ms).has_value());
  std::array<std::thread, 2> waiters;
  std::atomic<int> seen = 0;
  for (std::thread& waiter : waiters) {
    waiter = std::thread([&] {
      std::uint64_t position = 0;
      const auto notice = poller.wait(position);
      const auto withdrawal = poller.wait(position);
      if (notice->action == SPOT_ACTION_STOP && std::string(notice->source) == "battery" && notice->withdrawn == 0 &&
          withdrawal->withdrawn == 1 && withdrawal->id == notice->id) {
        ++seen;
      }
    });
  }
  const std::uint64_t id = poller.notify(SPOT_ACTION_STOP, 60s, "at 5 %", "battery");
  poller.withdraw(id);
  for (std::thread& waiter : waiters) waiter.join();
  CHECK(seen == 2);
  CHECK(failure([&] { poller.withdraw(id); }).status() == SPOT_E_NOT_FOUND);

  std::stop_source source;
  source.request_stop();
  std::uint64_t position = 2;
  CHECK(failure([&] { return poller.wait(position, forever, source.get_token()); }).status() == SPOT_E_CANCELLED);
}

TEST_CASE("memory") {
  const Place place;
  const Trainer trainer = place.trainer("v");
  CHECK(trainer.step(7).steps == 7);
  const Bytes bytes = trainer.serialize();
  const Checkpoint checkpoint = Checkpoint::open_memory(bytes);
  CHECK(checkpoint.info().step == 7);
  CHECK(checkpoint.config().get_value<std::int64_t>("batch_size") == 16);
  const Trainer other = place.trainer("w");
  other.restore(checkpoint);
  CHECK(other.state_hash() == trainer.state_hash());
  other.write_tensors(trainer.read_tensors());
  CHECK(other.state_hash() == trainer.state_hash());
}

TEST_CASE("log") {
  const Place place;
  const Config config = place.config("v", 2);
  std::mutex mutex;
  std::vector<std::int32_t> levels;
  const auto kept = std::make_shared<int>();
  config.set_log(SPOT_LOG_INFO, [&, kept](std::int32_t level, std::string_view message) {
    const std::lock_guard lock(mutex);
    if (!message.empty()) levels.push_back(level);
  });
  CHECK(kept.use_count() == 2);
  { const Trainer trainer = Trainer::create(config, formula()); }
  CHECK_FALSE(levels.empty());
  for (const std::int32_t level : levels) CHECK(level <= SPOT_LOG_INFO);
  config.set_log(nullptr);
  CHECK(kept.use_count() == 1);

  const LogQueue queue = LogQueue::create(SPOT_LOG_INFO, 100);
  config.set_log_queue(queue);
  { const Trainer trainer = Trainer::create(config, formula()); }
  const auto message = queue.next(0ms);
  REQUIRE(message.has_value());
  CHECK(message->level == SPOT_LOG_INFO);
  CHECK_FALSE(message->text.empty());
  while (queue.next(0ms).has_value()) {
  }
}

TEST_CASE("version") {
  const TemporaryDirectory folder;
  const std::string source = folder / "stub.c";
  const std::string library = folder / "stub.so";
  std::ofstream(source) << R"(
    int spot_abi_check(unsigned wanted, void** error) { *error = 0; return wanted >> 16 == 7 ? 0 : 18; }
    const char* spot_status_name(int status) { return status == 18 ? "built for 1.0, but this is 7.3" : "?"; })";
  REQUIRE(std::system(("cc -shared -fPIC -o " + library + " " + source).c_str()) == 0);
  Agent agent({folder.path()}, {"LD_PRELOAD=" + library, "ASAN_OPTIONS=verify_asan_link_order=0"});
  CHECK(agent.line_with("agent: ") == "agent: built for 1.0, but this is 7.3\n");
  CHECK(agent.end() == 1);
}

TEST_CASE("what a callback throws comes out as it was thrown") {
  const Place place;
  const Trainer outer = place.trainer("outer");
  const Trainer inner = place.trainer("inner");
  struct Mine {
    int number;
  };
  inner.set_callback(SPOT_EVENT_STEP, [](const spot_event& event) { throw Mine{static_cast<int>(event.step)}; });
  int caught = 0;
  outer.set_callback(SPOT_EVENT_STEP, [&](const spot_event&) {
    try {
      inner.step(1);
    } catch (const Mine& mine) {
      caught = mine.number;
      throw std::out_of_range("mine, too");
    }
  });
  CHECK_THROWS_AS(outer.run(), std::out_of_range);
  CHECK(caught == 1);
  CHECK(outer.info().step == 1);
  outer.set_callback(SPOT_EVENT_STEP, [](const spot_event&) { return SPOT_ANSWER_FAIL; });
  CHECK(failure([&outer] { outer.step(1); }).status() == SPOT_E_CALLBACK);
}

TEST_CASE("a callback is destroyed when it is replaced, and stays the caller's when it is refused") {
  const Place place;
  const Trainer trainer = place.trainer("v");
  const auto kept = std::make_shared<int>();
  const auto callback = [kept](const spot_event&) {};
  trainer.set_callback(SPOT_EVENT_STEP, callback);
  CHECK(kept.use_count() == 3);
  CHECK(failure([&] { trainer.set_callback(1U << 31U, callback); }).status() == SPOT_E_INVALID_ARGUMENT);
  CHECK(kept.use_count() == 3);
  trainer.set_callback(nullptr);
  CHECK(kept.use_count() == 2);
}

TEST_CASE("a thread that ends within a callback leaves the trainer usable") {
  const Place place;
  const Trainer trainer = place.trainer("v");
  trainer.set_callback(SPOT_EVENT_STEP, [](const spot_event& event) {
    if (event.step == 1) pthread_exit(nullptr);
  });
  std::thread([&trainer] { trainer.step(3); }).join();
  CHECK(trainer.step(2).step == 3);
}
