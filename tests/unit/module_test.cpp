#include "engine/module.h"

#include <array>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "base/text.h"
#include "engine/engine.h"
#include "support/temporary_directory.h"
#include "support/text.h"

using namespace spot;
using spot::test::contains;

namespace {

const std::filesystem::path kModules = SPOT_TEST_MODULES;

EngineSpec small_spec() {
  EngineSpec spec;
  spec.model = parse_model(R"({"layers":[{"type":"flatten"},{"type":"dense","units":3}]})", "test model", {1, 2, 2}, 3);
  return spec;
}

/// With a driver that every machine has.
Backend open_module(const std::string& device, const std::filesystem::path& directory = kModules) {
  return open_engine_module(device, "libm.so.6", directory);
}

/// Why a module is of no use.
std::string refusal_of(const std::string& device, const std::filesystem::path& directory = kModules) {
  const Backend backend = open_module(device, directory);
  CHECK(backend.name == device);
  CHECK(backend.score == -1);
  CHECK((backend.create == nullptr));
  CHECK(backend.detail.find('\n') == std::string::npos);
  return backend.detail;
}

}  // namespace

TEST_CASE("an engine of a module computes like any other, and may be made on any thread") {
  std::array<Backend, 4> opened;
  std::vector<std::thread> threads;
  for (Backend& backend : opened) threads.emplace_back([&] { backend = open_module("usable"); });
  for (std::thread& thread : threads) thread.join();
  for (const Backend& backend : opened) {
    CHECK(backend.score == 7);
    CHECK(backend.detail == "softmax regression");
    CHECK((backend.create == opened[0].create));
  }

  std::vector<std::string> told;
  const Log log([&](LogLevel, std::string_view message) { told.emplace_back(message); });
  const auto engine = create_engine(opened, "usable", small_spec(), log);
  const std::vector<std::uint8_t> images = {0, 255, 128, 9}, labels = {2};
  const std::vector<std::uint32_t> indices = {0};
  CHECK(engine->train_step({images.data(), labels.data(), indices}, 0, 0.1F).samples == 1);
  std::vector<float> state(engine->layout().size());
  engine->read_state(state);
  CHECK(engine->layout().tensors().at(0).name == "softmax.weight");
  CHECK(told.back() == "made by a module");
}

TEST_CASE("an error of a module arrives as what it is") {
  const Backend backend = open_module("usable");
  REQUIRE((backend.create != nullptr));
  EngineSpec spec = small_spec();
  spec.precision = Precision::kTf32;
  try {
    backend.create(spec, Log());
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kNoMemory);
    CHECK(std::string(error.what()) == "the card is full");
    CHECK(error.details().os_errno == 12);
  }
  CHECK_THROWS_AS(backend.create(spec, Log()), std::runtime_error);
}

TEST_CASE("a module that declines, or fails to look, is unusable in its own words") {
  CHECK(refusal_of("declining") == "no such card here");
  CHECK(refusal_of("throwing") == "the driver is broken");
}

TEST_CASE("a module of another build is refused with both interfaces") {
  const std::string reason = refusal_of("foreign");
  CHECK(contains(reason, "'spot-trainer 0.0.1'"));
  CHECK(contains(reason, engine_interface()));
}

TEST_CASE("what is no module is refused in the loader's words, with what to do") {
  const std::string empty = refusal_of("empty");
  CHECK(contains(empty, "undefined symbol: spot_engine_module"));
  const std::string missing = refusal_of("missing");
  CHECK(contains(missing, "libspot_trainer_missing.so: cannot open shared object file"));
  CHECK(contains(missing, "SPOT_BUILD_CUDA=ON"));
  const test::TemporaryDirectory folder;
  std::ofstream(folder / "libspot_trainer_text.so") << std::string(4096, 'x');
  const std::string text = refusal_of("text", folder.path());
  CHECK(contains(text, "invalid ELF header"));
  CHECK(contains(text, "again"));
}

TEST_CASE("without its driver a module is not opened, for the reason that the loader gives") {
  const Backend backend = open_engine_module("usable", "libno-such-driver.so.7", kModules);
  CHECK(backend.score == 0);
  CHECK(contains(backend.detail, "libno-such-driver.so.7: cannot open shared object file"));
  CHECK(contains(backend.detail, "install the device's driver"));
}

TEST_CASE("auto takes the best engine, and says why others cannot be; a name takes that one or says why not") {
  const std::array<Backend, 3> all = {open_module("usable"), open_module("missing"), open_module("declining")};
  std::string told;
  const Log log([&](LogLevel, std::string_view message) { told += cat(message, "\n"); });
  CHECK(create_engine(all, "auto", small_spec(), log) != nullptr);
  CHECK(contains(told, "computing on usable (softmax regression)"));
  CHECK(contains(told, "missing is not used: "));
  CHECK(contains(told, "declining is not used: no such card here"));
  told.clear();
  create_engine(all, "usable", small_spec(), log);
  CHECK_FALSE(contains(told, "not used"));
  told.clear();
  const Log at_info([&](LogLevel level, std::string_view message) { told += level <= LogLevel::kInfo ? message : ""; });
  const std::array<Backend, 2> without_driver = {all[0],
                                                 open_engine_module("usable", "libno-such-driver.so.7", kModules)};
  CHECK(create_engine(without_driver, "auto", small_spec(), at_info) != nullptr);
  CHECK_FALSE(contains(told, "not used"));
  try {
    create_engine(all, "declining", small_spec(), log);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kUnsupported);
    CHECK(contains(error.what(), "device 'declining' cannot be used here: no such card here"));
  }
}

TEST_CASE("modules are looked for beside the file that the library is in") {
  CHECK(module_directory().filename() == "spot_trainer");
  CHECK(module_directory().parent_path() == std::filesystem::canonical("/proc/self/exe").parent_path());
}

TEST_CASE("the interface names release and compiler") {
  CHECK(contains(engine_interface(), "spot-trainer " SPOT_VERSION ", engine interface "));
  CHECK(contains(engine_interface(), __VERSION__));
}
