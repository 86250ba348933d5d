// Through the public header only: snapshots of a folder that another program writes.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <spot_trainer.h>
#include <string>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "capi/owners.h"

using namespace spot::test;
namespace fs = std::filesystem;

namespace {

struct SnapshotPlace {
  TemporaryDirectory temporary;
  fs::path folder = temporary / "out";
  Config config = make_config();

  SnapshotPlace() {
    fs::create_directory(temporary / "volume");
    set(config, "volume", (temporary / "volume").string());
    set(config, "lease_wait_seconds", "0");
  }
  Snapshots open(const fs::path& into, const char* name = "out") const {
    return make<Snapshots>(spot_snapshots_open, config.get(), into.c_str(), name, nullptr);
  }
  [[nodiscard]] spot_status try_open(const std::string& into, const char* name, ErrorSlot& error) const {
    spot_snapshots* out = nullptr;
    const spot_status status = spot_snapshots_open(config.get(), into.c_str(), name, nullptr, &out, error);
    spot_snapshots_free(out);
    return status;
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
};

spot_snapshot_report save(const Snapshots& snapshots) {
  call(spot_snapshots_copy, snapshots.get(), nullptr, nullptr);
  auto report = sized<spot_snapshot_report>();
  call(spot_snapshots_commit, snapshots.get(), nullptr, &report);
  return report;
}

spot_snapshot_report restore(const Snapshots& snapshots) {
  auto report = sized<spot_snapshot_report>();
  call(spot_snapshots_restore, snapshots.get(), 0, nullptr, &report);
  return report;
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a host keeps a folder on the volume, and finds it again on the next machine") {
  const SnapshotPlace place;
  place.write("a/model", "weights");
  {
    const Snapshots snapshots = place.open(place.folder);
    CHECK(restore(snapshots).outcome == SPOT_SNAPSHOT_NONE);
    Text path = make<Text>(spot_snapshots_copy, snapshots.get(), nullptr);
    CHECK(read(fs::path(path.get()) / "a/model") == "weights");
    auto report = sized<spot_snapshot_report>();
    call(spot_snapshots_commit, snapshots.get(), nullptr, &report);
    CHECK(report.outcome == SPOT_SNAPSHOT_SAVED);
    CHECK(report.generation == 1);
    CHECK(report.files == 1);
    CHECK(report.bytes == 7);
    CHECK(report.bytes_copied == 7);
    CHECK(report.total_ms >= report.copy_ms);
    CHECK(read(fs::path(report.path) / "files/a/model") == "weights");
    CHECK(save(snapshots).outcome == SPOT_SNAPSHOT_UNCHANGED);
  }
  const fs::path elsewhere = place.temporary / "elsewhere";
  const Snapshots snapshots = place.open(elsewhere);
  const spot_snapshot_report report = restore(snapshots);
  CHECK(report.outcome == SPOT_SNAPSHOT_RESTORED);
  CHECK(std::string(report.moved_to).empty());
  CHECK(read(elsewhere / "a/model") == "weights");
  CHECK(restore(snapshots).outcome == SPOT_SNAPSHOT_KEPT);
}

TEST_CASE("each folder of a volume has a name, and each name one writer") {
  const SnapshotPlace place;
  place.write("model", "1");
  const Snapshots first = place.open(place.folder, "one");
  const Snapshots second = place.open(place.temporary / "two", "two");
  save(first);
  CHECK(restore(second).outcome == SPOT_SNAPSHOT_NONE);
  ErrorSlot error;
  CHECK(place.try_open(place.folder, "one", error) == SPOT_E_TIMEOUT);
  for (const char* name : {"", "a/b", ".hidden", "line\nfeed"})
    CHECK(place.try_open(place.folder, name, error) == SPOT_E_CONFIG);
  CHECK(place.try_open((place.temporary / "volume").string(), "three", error) == SPOT_E_CONFIG);
  set(place.config, "volume_access", "read-only");
  CHECK(place.try_open(place.folder, "three", error) == SPOT_E_CONFIG);
  call(spot_config_unset, place.config.get(), "volume");
  CHECK(place.try_open(place.folder, "three", error) == SPOT_E_CONFIG);
}

TEST_CASE("only the volume's snapshots/ is made for them") {
  const SnapshotPlace place;
  place.open(place.folder);
  std::string found;
  for (const auto& entry : fs::directory_iterator(place.temporary / "volume")) found += entry.path().filename();
  CHECK(found == "snapshots");
}

TEST_CASE("misuse of the functions is an error") {
  const SnapshotPlace place;
  place.write("model", "1");
  const Snapshots snapshots = place.open(place.folder);
  ErrorSlot error;
  CHECK(spot_snapshots_commit(snapshots.get(), nullptr, nullptr, error) == SPOT_E_ORDER);
  CHECK(error.message().find("copy the folder first") != std::string::npos);
  spot_snapshot_report small{};
  small.struct_size = 8;
  call(spot_snapshots_copy, snapshots.get(), nullptr, nullptr);
  CHECK(spot_snapshots_commit(snapshots.get(), nullptr, &small, error) == SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_snapshots_commit(snapshots.get(), nullptr, nullptr, error) == SPOT_OK);
  CHECK(spot_snapshots_copy(nullptr, nullptr, nullptr, error) == SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_snapshots_restore(nullptr, 0, nullptr, nullptr, error) == SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_snapshots_open(place.config.get(), nullptr, "a", nullptr, nullptr, error) == SPOT_E_INVALID_ARGUMENT);
  spot_snapshots_free(nullptr);
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  spot_cancel_trigger(cancel.get());
  CHECK(spot_snapshots_copy(snapshots.get(), cancel.get(), nullptr, error) == SPOT_E_CANCELLED);
  const pid_t child = fork();
  if (child == 0) {
    _exit(spot_snapshots_copy(snapshots.get(), nullptr, nullptr, nullptr) == SPOT_E_FORKED ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("calls of several threads on one handle wait for each other") {
  const SnapshotPlace place;
  place.write("model", std::string(1 << 20, 'm'));
  const Snapshots snapshots = place.open(place.folder);
  std::atomic<int> failed = 0;
  const auto copy_often = [&] {
    for (int i = 0; i < 20; ++i)
      failed += spot_snapshots_copy(snapshots.get(), nullptr, nullptr, nullptr) == SPOT_OK ? 0 : 1;
  };
  std::thread other(copy_often);
  copy_often();
  other.join();
  CHECK(failed == 0);
}

TEST_CASE("whether a folder is whole is told with what is missing") {
  const SnapshotPlace place;
  place.write("checkpoint-5/model.safetensors", "m");
  std::int32_t whole = -1;
  ErrorSlot error;
  char* why = nullptr;
  check_ok(spot_snapshots_is_whole(place.folder.c_str(), "hugging-face", nullptr, &whole, &why, error), error);
  CHECK(whole == 0);
  CHECK(take(why) == "'checkpoint-5' has no trainer_state.json");
  place.write("checkpoint-5/trainer_state.json", "{}");
  check_ok(spot_snapshots_is_whole(place.folder.c_str(), "hugging-face", nullptr, &whole, nullptr, error), error);
  CHECK(whole == 1);
  CHECK(spot_snapshots_is_whole(place.folder.c_str(), "tensorflow", nullptr, &whole, nullptr, error) == SPOT_E_CONFIG);
  CHECK(error.message().find("it is quiet, hugging-face, pytorch, pytorch-dcp, orbax or keras") != std::string::npos);
}

TEST_CASE("snapshots are verified byte by byte") {
  const SnapshotPlace place;
  const std::string volume = (place.temporary / "volume").string();
  ErrorSlot error;
  CHECK(spot_snapshots_verify(volume.c_str(), nullptr, nullptr, nullptr, nullptr, error) == SPOT_E_NOT_FOUND);
  place.write("model", "one");
  const Snapshots snapshots = place.open(place.folder);
  save(snapshots);
  place.write("model", "two");
  const std::string newest = save(snapshots).path;
  std::uint64_t good = 0, bad = 0;
  check_ok(spot_snapshots_verify(volume.c_str(), nullptr, &good, &bad, nullptr, error), error);
  CHECK(good == 2);
  CHECK(bad == 0);
  std::ofstream(newest + "/files/model") << "TWO";
  const auto json =
      nlohmann::json::parse(make<Text>(spot_snapshots_verify, volume.c_str(), nullptr, &good, &bad).get());
  CHECK(good == 1);
  CHECK(bad == 1);
  CHECK(json[0]["path"] == newest);
  CHECK(json[0]["state"] == "damaged");
  CHECK(json[0]["restore"] == false);
  CHECK(json[1]["restore"] == true);
  CHECK(json[1]["bytes"] == 3);
}
