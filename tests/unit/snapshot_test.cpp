#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "snapshot/completeness.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot_store.h"
#include "snapshot/tree.h"
#include "snapshot/verify.h"
#include "support/failure.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::message_of, spot::test::status_of, spot::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
  return read_text_file(path, 1 << 24);
}

/// What a script would find below the folder: files with their content, folders and links.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (is_own_name(name)) continue;
    found[name] = entry.is_symlink()     ? "-> " + fs::read_symlink(entry.path()).string()
                  : entry.is_directory() ? "folder"
                                         : read(entry.path());
  }
  return found;
}

/// A folder that a script writes to, and the volume that its snapshots are kept on.
struct Place {
  TemporaryDirectory temporary;
  fs::path volume = temporary / "snapshots", folder = temporary / "out";
  std::vector<std::string> said{};
  SnapshotOptions options{};

  Place() { fs::create_directory(volume); }

  SnapshotStore open() { return open(folder); }
  SnapshotStore open(const fs::path& into) {
    const auto say = [this](LogLevel, std::string_view message) { said.emplace_back(message); };
    return {volume, into, options, system_clock(), Log(say), {}};
  }
  static SnapshotReport save(SnapshotStore& store) {
    store.copy({});
    return store.commit({});
  }
  /// What a machine finds that has nothing but a copy of the volume.
  [[nodiscard]] std::map<std::string, std::string> restored() const {
    const TemporaryDirectory machine;
    fs::create_directory(machine / "volume");
    for (const auto& entry : fs::directory_iterator(volume)) {
      if (!entry.path().filename().string().starts_with("snap-")) continue;
      fs::copy(entry.path(), machine / "volume" / entry.path().filename(),
               fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
    SnapshotStore store(machine / "volume", machine / "out", options, system_clock(), Log(), {});
    store.restore(false, {});
    return contents(machine / "out");
  }
  [[nodiscard]] bool said_that(const std::string& what) const {
    for (const std::string& message : said) {
      if (message.find(what) != std::string::npos) return true;
    }
    return false;
  }
};

/// Calls act() at the n-th question whether to stop, counted from 1.
StopCheck at_question(int n, const std::function<bool()>& act) {
  return [n, act, asked = 0]() mutable { return ++asked == n && act(); };
}

void flip_last_byte(const fs::path& path) {
  std::string text = read(path);
  text.back() = static_cast<char>(text.back() ^ 1);
  fs::permissions(path, fs::perms::owner_all);
  std::ofstream(path, std::ios::binary) << text;
}

Manifest one_entry(const std::string& path, SavedEntry entry = {}) {
  return {1, 1, 0, {{path, std::move(entry)}}};
}

}  // namespace

TEST_CASE("a snapshot puts back all that was in the folder, by whatever names") {
  Place place;
  const std::string odd = "new\nline \xff\xfe";
  write(place.folder / "model.bin", std::string(3'000'000, 'm'));
  write(place.folder / "step-1" / odd, "odd");
  write(place.folder / "empty.txt", "");
  fs::create_directories(place.folder / "nothing" / "in it");
  fs::create_symlink("step-1", place.folder / "latest");
  fs::permissions(place.folder / "model.bin", fs::perms(0640));
  const auto time = fs::last_write_time(place.folder / "model.bin") - std::chrono::hours(100);
  fs::last_write_time(place.folder / "model.bin", time);
  const auto before = contents(place.folder);
  {
    SnapshotStore store = place.open();
    const SnapshotReport saved = Place::save(store);
    CHECK(saved.outcome == SnapshotOutcome::kSaved);
    CHECK(saved.generation == 1);
    CHECK(saved.extent.files == 3);
    CHECK(saved.extent.bytes == 3'000'003);
    CHECK(saved.bytes_copied == 3'000'003);
  }
  fs::remove_all(place.folder);
  SnapshotStore store = place.open();
  const SnapshotReport restored = store.restore(false, {});
  CHECK(restored.outcome == SnapshotOutcome::kRestored);
  CHECK(restored.generation == 1);
  CHECK(restored.moved_to.empty());
  CHECK(contents(place.folder) == before);
  CHECK(fs::status(place.folder / "model.bin").permissions() == fs::perms(0640));
  CHECK(fs::last_write_time(place.folder / "model.bin") == time);
  CHECK_FALSE(fs::exists(place.folder / ".spot-restore"));
}

TEST_CASE("holes in a file stay holes") {
  Place place;
  write(place.folder / "sparse", "begin");
  fs::resize_file(place.folder / "sparse", 8 << 20);
  SnapshotStore store = place.open();
  const SnapshotReport saved = Place::save(store);
  struct stat info {};
  REQUIRE(::stat((fs::path(saved.path) / "files" / "sparse").c_str(), &info) == 0);
  CHECK(info.st_size == 8 << 20);
  CHECK(info.st_blocks * 512 < 2 << 20);
  CHECK(place.restored().at("sparse").size() == 8 << 20);
}

TEST_CASE("what did not change is neither copied nor saved again") {
  Place place;
  write(place.folder / "a", std::string(1000, 'a'));
  write(place.folder / "b", std::string(1000, 'b'));
  SnapshotStore store = place.open();
  CHECK(Place::save(store).bytes_copied == 2000);
  CHECK(Place::save(store).outcome == SnapshotOutcome::kUnchanged);
  write(place.folder / "b", std::string(500, 'B'));
  const SnapshotReport second = Place::save(store);
  CHECK(second.outcome == SnapshotOutcome::kSaved);
  CHECK(second.generation == 2);
  CHECK(second.bytes_copied == 500);
  CHECK(second.extent.bytes == 1500);
  CHECK(place.restored().at("a") == std::string(1000, 'a'));
  CHECK(place.restored().at("b") == std::string(500, 'B'));
}

TEST_CASE("a write of the same size and with the old time is noticed all the same") {
  Place place;
  write(place.folder / "a", "one");
  const auto time = fs::last_write_time(place.folder / "a");
  SnapshotStore store = place.open();
  Place::save(store);
  write(place.folder / "a", "two");
  fs::last_write_time(place.folder / "a", time);
  Place::save(store);
  CHECK(place.restored().at("a") == "two");
}

TEST_CASE("what changes during the copy is copied again, so that the snapshot is of one moment") {
  Place place;
  write(place.folder / "a", std::string(3'000'000, 'a'));
  write(place.folder / "z", "one");
  SnapshotStore store = place.open();
  // In the middle of the copy of 'a': both files belong to the next moment.
  const StopCheck change = at_question(8, [&] {
    write(place.folder / "a", std::string(3'000'000, 'b'));
    write(place.folder / "z", "two");
    return false;
  });
  store.copy(change);
  store.commit({});
  const auto restored = place.restored();
  CHECK(restored.at("a") == std::string(3'000'000, 'b'));
  CHECK(restored.at("z") == "two");
}

TEST_CASE("a folder that changes in every attempt is no snapshot, and the next quiet moment is") {
  Place place;
  write(place.folder / "log", "");
  SnapshotStore store = place.open();
  const StopCheck append = [&] {
    std::ofstream(place.folder / "log", std::ios::app) << "more\n";
    return false;
  };
  CHECK(message_of(Status::kBusy, [&] { store.copy(append); }).find("is written to all the time") != std::string::npos);
  CHECK(status_of([&] { store.commit({}); }) == Status::kOrder);
  CHECK(Place::save(store).generation == 1);
}

TEST_CASE("what cannot be kept is left out with a warning: pipes, sockets, links that lead out") {
  Place place;
  write(place.folder / "model", "m");
  REQUIRE(::mkfifo((place.folder / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("/etc/passwd", place.folder / "absolute");
  fs::create_symlink("../secret", place.folder / "up");
  SnapshotStore store = place.open();
  Place::save(store);
  CHECK(place.restored() == std::map<std::string, std::string>{{"model", "m"}});
  for (const char* name : {"'pipe' (a pipe)", "'absolute' (a link", "'up' (a link"}) CHECK(place.said_that(name));
}

TEST_CASE("only links that stay inside do, whatever other links there are") {
  for (const char* target : {"b", "./b", "c/d"}) CHECK(stays_inside("a", target));
  CHECK(stays_inside("x/a", "../b"));
  CHECK(stays_inside("x/y/a", "../../b/c"));
  for (const char* target : {"", "/b", "..", "../b", "b/../c", "./../b"}) CHECK_FALSE(stays_inside("a", target));
  CHECK_FALSE(stays_inside("x/a", "../../b"));
  CHECK_FALSE(stays_inside("x/a", "../b/../c"));
}

TEST_CASE("a folder without a file is no snapshot: it could only replace better ones") {
  Place place;
  write(place.folder / "a", "a");
  SnapshotStore store = place.open();
  Place::save(store);
  fs::remove(place.folder / "a");
  CHECK(status_of([&] { store.copy({}); }) == Status::kNotFound);
  fs::remove_all(place.folder);
  CHECK(status_of([&] { store.copy({}); }) == Status::kNotFound);
  // A script may remove its folder and make it anew.
  write(place.folder / "a", "again");
  CHECK(Place::save(store).generation == 2);
  CHECK(place.restored().at("a") == "again");
}

TEST_CASE("a folder that is as new as its newest snapshot is left alone, an older one is moved aside") {
  Place place;
  const fs::path stale = place.temporary / "stale";
  write(place.folder / "a", "1");
  {
    SnapshotStore store = place.open();
    Place::save(store);
    fs::copy(place.folder, stale);  // the disk of a machine that vanished now
    write(place.folder / "a", "2");
    Place::save(store);
    write(place.folder / "a", "not saved yet");
  }
  {
    SnapshotStore store = place.open();
    CHECK(store.restore(false, {}).outcome == SnapshotOutcome::kKept);
    CHECK(read(place.folder / "a") == "not saved yet");
  }
  {
    SnapshotStore store = place.open(stale);
    const SnapshotReport done = store.restore(false, {});
    CHECK(done.outcome == SnapshotOutcome::kRestored);
    CHECK(read(stale / "a") == "2");
    CHECK(done.moved_to == fs::canonical(stale).string() + ".replaced-1");
    CHECK(read(fs::path(done.moved_to) / "a") == "1");
  }
  // A folder of the repository, as new as the clone of this morning, is no reason to start over.
  const fs::path fresh = place.temporary / "fresh";
  write(fresh / ".gitkeep", "");
  SnapshotStore store = place.open(fresh);
  CHECK(store.restore(false, {}).outcome == SnapshotOutcome::kRestored);
  CHECK(read(fresh / "a") == "2");
  CHECK(store.restore(false, {}).outcome == SnapshotOutcome::kKept);
  CHECK(store.restore(true, {}).outcome == SnapshotOutcome::kRestored);
}

TEST_CASE("a restore that was interrupted is undone or finished") {
  Place place;
  write(place.folder / "a", "new");
  write(place.folder / "d" / "b", "new");
  {
    SnapshotStore store = place.open();
    Place::save(store);
  }
  const auto whole = contents(place.folder);
  const fs::path target = place.temporary / "target";
  SUBCASE("while it was copied: the folder is as it was") {
    write(target / "a", "old");
    write(target / ".spot-restore" / "copying" / "a", "ne");
    const LiveFolder live(target, Log());
    CHECK(contents(target) == std::map<std::string, std::string>{{"a", "old"}});
  }
  SUBCASE("while the old was moved out: the new comes in") {
    write(target / "a", "old");
    write(target / ".spot-restore" / "whole" / "a", "new");
    write(target / ".spot-restore" / "whole" / "d" / "b", "new");
    const LiveFolder live(target, Log());
    CHECK(contents(target) == whole);
    CHECK(read(fs::canonical(target).string() + ".replaced-1/a") == "old");
  }
  SUBCASE("while the new was moved in: the rest follows") {
    write(target / "d" / "b", "new");
    write(target / ".spot-restore" / "ready" / "a", "new");
    const LiveFolder live(target, Log());
    CHECK(contents(target) == whole);
    CHECK_FALSE(fs::exists(fs::canonical(target).string() + ".replaced-1"));
  }
  CHECK_FALSE(fs::exists(target / ".spot-restore"));
}

TEST_CASE("a damaged snapshot is passed over and set aside, and never a silent fresh start") {
  Place place;
  std::string newest, older;
  {
    SnapshotStore store = place.open();
    write(place.folder / "a", "1");
    older = Place::save(store).path;
    write(place.folder / "a", "2");
    newest = Place::save(store).path;
  }
  SUBCASE("a file of it") {
    flip_last_byte(fs::path(newest) / "files" / "a");
  }
  SUBCASE("a file of it is missing") {
    fs::remove(fs::path(newest) / "files" / "a");
  }
  SUBCASE("a file of it is a pipe") {
    fs::remove(fs::path(newest) / "files" / "a");
    REQUIRE(::mkfifo((fs::path(newest) / "files" / "a").c_str(), 0600) == 0);
  }
  SUBCASE("its manifest") {
    flip_last_byte(fs::path(newest) / "manifest");
  }
  SUBCASE("its manifest is missing") {
    fs::remove(fs::path(newest) / "manifest");
  }
  const std::vector<SnapshotVerdict> verdicts = verify_snapshots(place.volume);
  REQUIRE(verdicts.size() == 2);
  CHECK(verdicts[0].state == FileState::kDamaged);
  CHECK_FALSE(verdicts[0].restore);
  CHECK(verdicts[1].restore);
  const fs::path next = place.temporary / "next";
  place.open(next).restore(false, {});
  CHECK(read(next / "a") == "1");
  CHECK(fs::exists(newest + ".corrupt"));
  CHECK(place.said_that("set aside as 'snap-00000002.corrupt'"));
  // Nothing is left to fall back to.
  flip_last_byte(fs::path(older) / "files" / "a");
  const fs::path elsewhere = place.temporary / "last";
  SnapshotStore store = place.open(elsewhere);
  CHECK(message_of(Status::kCorrupt, [&] { store.restore(false, {}); }).find("none of the 2 snapshots") !=
        std::string::npos);
  CHECK(contents(elsewhere).empty());
  CHECK(fs::exists(older));
}

TEST_CASE("no manifest makes a restore write outside of the folder") {
  const SavedEntry folder{
      .kind = EntryKind::kFolder, .mode = 0700, .modified_ns = 0, .size = 0, .hash = {}, .target = ""};
  const auto link_to = [](const char* target) {
    return SavedEntry{
        .kind = EntryKind::kLink, .mode = 0777, .modified_ns = 0, .size = 0, .hash = {}, .target = target};
  };
  const auto is_refused = [](const Manifest& manifest) {
    return status_of([&] { decode_manifest(encode(manifest), "forged"); }) == Status::kCorrupt;
  };
  CHECK_FALSE(is_refused(one_entry("a")));
  for (const char* path : {"", "/a", "../a", "a/../../b", ".", "..", "a/", "a//b", "./a", "b/c", ".spot-snapshot",
                           ".spot-restore", "lost+found"}) {
    CAPTURE(path);
    CHECK(is_refused(one_entry(path)));
  }
  CHECK(is_refused(one_entry(std::string("a\0b", 3))));
  CHECK(is_refused(one_entry("a", link_to("/etc"))));
  CHECK(is_refused(one_entry("a", link_to("../x"))));
  SavedEntry setuid;
  setuid.mode = 04755;
  CHECK(is_refused(one_entry("a", setuid)));
  Manifest through_link = one_entry("a", link_to("b"));
  through_link.entries.emplace("a/x", SavedEntry());
  CHECK(is_refused(through_link));
  Manifest in_folder = one_entry("a", folder);
  in_folder.entries.emplace("a/x", SavedEntry());
  CHECK_FALSE(is_refused(in_folder));
}

TEST_CASE("of a manifest that is cut off or changed nothing is believed") {
  Manifest manifest = one_entry("a");
  manifest.entries.emplace("b", SavedEntry());
  const std::vector<std::byte> bytes = encode(manifest);
  CHECK(decode_manifest(bytes, "m").entries == manifest.entries);
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    std::vector<std::byte> changed = bytes;
    changed[at] ^= std::byte{4};
    CHECK(status_of([&] { decode_manifest(changed, "m"); }) != Status::kOk);
    CHECK(status_of([&] { decode_manifest(std::span(bytes).first(at), "m"); }) == Status::kCorrupt);
  }
}

TEST_CASE("so many generations are kept, and never fewer than two good ones") {
  Place place;
  place.options.keep_last = 2;
  const auto names = [&] {
    std::vector<std::string> found;
    for (const SnapshotVerdict& verdict : verify_snapshots(place.volume)) found.push_back(verdict.path.filename());
    return found;
  };
  for (int process = 0; process < 2; ++process) {
    SnapshotStore store = place.open();
    for (int i = 0; i < 3; ++i) {
      write(place.folder / "a", cat(process, " ", i));
      Place::save(store);
    }
  }
  CHECK(names() == std::vector<std::string>{"snap-00000006", "snap-00000005"});
  // A process that knows but one good generation removes none.
  SnapshotStore store = place.open();
  write(place.folder / "a", "last");
  Place::save(store);
  CHECK(names().size() == 3);
}

TEST_CASE("a snapshot that is cancelled leaves the earlier ones and no rest of itself") {
  Place place;
  write(place.folder / "a", std::string(5'000'000, 'a'));
  SnapshotStore store = place.open();
  const auto count = [&] {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(place.volume)) files += entry.is_regular_file() ? 1U : 0U;
    return files;
  };
  const std::size_t before = count();
  const auto is_cancelled = [&](const std::function<void()>& action) {
    const Status status = status_of(action);
    if (status == Status::kCancelled) CHECK(count() == before);
    return status == Status::kCancelled;
  };
  const auto yes = [] { return true; };
  int asked = 1;
  while (is_cancelled([&] { store.copy(at_question(asked, yes)); })) ++asked;
  CHECK(asked > 3);
  asked = 1;
  const auto commit = [&] {
    store.copy({});
    store.commit(at_question(asked, yes));
  };
  while (is_cancelled(commit)) ++asked;
  CHECK(asked > 1);
  CHECK(verify_snapshots(place.volume).size() == 1);
}

TEST_CASE("a writer that was taken over from changes nothing any more") {
  Place place;
  write(place.folder / "a", "1");
  SnapshotStore first = place.open();
  Place::save(first);
  first.copy({});
  place.options.lease.takeover = true;
  SnapshotStore second = place.open(place.temporary / "other");
  CHECK(status_of([&] { first.commit({}); }) == Status::kFenced);
  CHECK(status_of([&] { first.copy({}); }) == Status::kFenced);
  CHECK(second.restore(false, {}).generation == 1);
}

TEST_CASE("a folder and the place of its own snapshots are apart") {
  Place place;
  CHECK(status_of([&] { place.open(place.volume); }) == Status::kConfig);
  CHECK(status_of([&] { place.open(place.volume / "inside"); }) == Status::kConfig);
  CHECK(status_of([&] { place.open(place.temporary.path()); }) == Status::kConfig);
}

TEST_CASE("checkpoints of the frameworks are whole when their last file is") {
  const TemporaryDirectory folder;
  const auto why = [&](CompletenessRule rule) { return why_incomplete(folder.path(), rule, {}); };
  for (const char* rule : {"hugging-face", "pytorch", "pytorch-dcp", "orbax", "keras"}) {
    CHECK(why(completeness_rule(rule)) != "");
  }
  CHECK(why(completeness_rule("quiet")) == "");
  CHECK(status_of([] { completeness_rule("keras2"); }) == Status::kConfig);
  SUBCASE("Hugging Face") {
    write(folder / "checkpoint-10" / "trainer_state.json", "{}");
    CHECK(why(CompletenessRule::kHuggingFace) == "");
    write(folder / "checkpoint-20" / "model.safetensors", "m");
    CHECK(why(CompletenessRule::kHuggingFace) == "'checkpoint-20' has no trainer_state.json");
    write(folder / "checkpoint-20" / "trainer_state.json", "{\"step\": 2");
    CHECK(why(CompletenessRule::kHuggingFace) == "'checkpoint-20/trainer_state.json' is not whole");
  }
  SUBCASE("PyTorch DCP") {
    fs::create_directory(folder / "step");
    CHECK(why(CompletenessRule::kPytorchDcp) == "'step' is empty");
    write(folder / "step" / "__0_0.distcp", "d");
    CHECK(why(CompletenessRule::kPytorchDcp) == "'step/__0_0.distcp' has no .metadata beside it");
    write(folder / "step" / ".metadata", "m");
    CHECK(why(CompletenessRule::kPytorchDcp) == "");
  }
  SUBCASE("PyTorch") {
    const std::string end = std::string("PK\5\6", 4) + std::string(18, '\0');
    for (const char* name : {"last.pt", "best.pth", "epoch=1.ckpt"}) {
      write(folder / name, "PK...content" + end);
      CHECK(why(CompletenessRule::kPytorch) == "");
      write(folder / name, "PK...content");
      CHECK(why(CompletenessRule::kPytorch) == cat("'", name, "' is not a whole zip file"));
      fs::remove(folder / name);
    }
  }
  SUBCASE("Orbax") {
    write(folder / "7.orbax-checkpoint-tmp-1" / "x", "x");
    CHECK(why(CompletenessRule::kOrbax) != "");
    write(folder / "6" / "_CHECKPOINT_METADATA", "{}");
    CHECK(why(CompletenessRule::kOrbax) == "");
    write(folder / "7" / "state", "x");
    CHECK(why(CompletenessRule::kOrbax).find("step '7'") == 0);
    write(folder / "7" / "commit_success.txt", "yes");
    CHECK(why(CompletenessRule::kOrbax) == "");
  }
  SUBCASE("Keras") {
    const std::string end = std::string("PK\5\6", 4) + std::string(16, '\0') + std::string("\2\0hi", 4);
    write(folder / "model.keras", "PK...content" + end);
    CHECK(why(CompletenessRule::kKeras) == "");
    write(folder / "model.keras", "PK...content" + end.substr(0, end.size() - 1));
    CHECK(why(CompletenessRule::kKeras) == "'model.keras' is not a whole zip file");
    write(folder / "model.keras", "");
    CHECK(why(CompletenessRule::kKeras) != "");
    fs::remove(folder / "model.keras");
    std::string hdf5 = std::string("\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0", 16) + std::string(24, '\0');
    hdf5 += std::string("\x60\0\0\0\0\0\0\0", 8) + std::string(48, 'x');
    write(folder / "model.h5", hdf5);
    REQUIRE(hdf5.size() == 0x60);
    CHECK(why(CompletenessRule::kKeras) == "");
    write(folder / "model.h5", hdf5 + "x");
    CHECK(why(CompletenessRule::kKeras) == "'model.h5' is not a whole HDF5 file");
  }
}
