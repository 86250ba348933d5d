#include <cerrno>
#include <cmath>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/config.h"
#include "base/file.h"
#include "base/fork_guard.h"
#include "base/hash.h"
#include "base/key_names.h"
#include "base/philox.h"
#include "base/recipes.h"
#include "base/status.h"
#include "base/text.h"
#include "base/thread.h"
#include "support/failure.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::message_of, spot::test::status_of, spot::test::TemporaryDirectory;

TEST_CASE("what is no UTF-8 is replaced, what is stays") {
  CHECK(valid_utf8("") == "");
  CHECK(valid_utf8("plain, gr\xC3\xBC\xC3\x9F, \xE2\x82\xAC, \xF0\x9F\x98\x80") ==
        "plain, gr\xC3\xBC\xC3\x9F, \xE2\x82\xAC, \xF0\x9F\x98\x80");
  CHECK(valid_utf8("a\xE4z") == "a\xEF\xBF\xBDz");                                              // Latin-1
  CHECK(valid_utf8("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");                                  // cut
  CHECK(valid_utf8("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");                                  // overlong
  CHECK(valid_utf8("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");                  // surrogate
  CHECK(valid_utf8("\xF4\x90\x80\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // past the last one
}

TEST_CASE("a text is cut between its characters") {
  CHECK(cut_utf8("abc", 3) == "abc");
  CHECK(cut_utf8("abc", 2) == "ab");
  CHECK(cut_utf8("a\xE2\x82\xAC", 3) == "a");
  CHECK(cut_utf8("a\xE2\x82\xAC", 4) == "a\xE2\x82\xAC");
  CHECK(printable("a\xE2\x82\xAC\n\xE4", 4) == "a\xE2\x82\xAC...");
  CHECK(printable("a\n\xE4") == "a?\xEF\xBF\xBD");
}

TEST_CASE("Philox4x32-10 gives the words of its authors' known-answer tests") {
  // kat_vectors of Random123: philox4x32 10 rounds, counter, key, result.
  CHECK(Philox::block(0, {0, 0, 0, 0}) == Philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Philox::block(~0ULL, {~0U, ~0U, ~0U, ~0U}) == Philox::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox::block(0x299f31d0a4093822ULL, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        Philox::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a random stream is a function of seed, purpose and counters") {
  RandomStream a(7, RandomPurpose::kPermutation, 1, 2);
  RandomStream same(7, RandomPurpose::kPermutation, 1, 2);
  RandomStream other_purpose(7, RandomPurpose::kDropout, 1, 2);
  RandomStream other_counter(7, RandomPurpose::kPermutation, 1, 3);
  int differing = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t value = a.next_u32();
    CHECK(value == same.next_u32());
    differing += value != other_purpose.next_u32();
    differing += value != other_counter.next_u32();
  }
  CHECK(differing == 200);
}

TEST_CASE("next_below is even over its range") {
  RandomStream stream(1, RandomPurpose::kPermutation);
  int counts[7] = {};
  for (int i = 0; i < 70000; ++i) ++counts[stream.next_below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 400);  // four standard deviations
}

TEST_CASE("hashes are XXH3, and pieces make no difference") {
  CHECK(hash64("", 0) == 0x2d06800538d394c2ULL);  // XXH3_64bits of nothing, seed 0
  Hasher whole, pieces;
  whole.update("interruption", 12);
  pieces.update("inter", 5);
  pieces.update("ruption", 7);
  CHECK(whole.digest() == pieces.digest());
  CHECK(Hasher().digest().hex() == "99aa06d3014798d86001c324468d497f");  // XXH3_128bits of nothing
}

TEST_CASE("texts before each other do not run together in a hash") {
  Hasher first, second;
  first.update_text("ab");
  first.update_text("c");
  second.update_text("a");
  second.update_text("bc");
  CHECK_FALSE(first.digest() == second.digest());
}

TEST_CASE("numbers become the shortest text that reads back the same") {
  CHECK(cat("x=", 0.1, " n=", 42, " ", true) == "x=0.1 n=42 true");
  CHECK(parse_number<double>("1e-3") == 1e-3);
  CHECK_FALSE(parse_number<int>("12x").has_value());
  CHECK_FALSE(parse_number<int>("").has_value());
}

TEST_CASE("split, trim and printable") {
  CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "b"});
  CHECK(trim("  x y\n") == "x y");
  CHECK(trim(" \t") == "");
  CHECK(printable("a\nb", 10) == "a?b");
  CHECK(printable("abcdef", 3) == "abc...");
}

TEST_CASE("configuration: every key's default is allowed by its own bounds") {
  Config config;
  std::set<std::string_view> names;
  for (const ConfigKey& key : config_keys()) {
    CAPTURE(key.name);
    CHECK(names.insert(key.name).second);
    CHECK_NOTHROW(config.set_text(key.name, key.default_value));
    CHECK(config.text(key.name) == key.default_value);
    CHECK_FALSE(key.help.empty());
  }
}

TEST_CASE("configuration: errors name the key, the value and what is allowed") {
  Config config;
  CHECK(nearest_key("lr") == "learning_rate");
  CHECK(nearest_key("Batch-Size") == "batch_size");
  CHECK(nearest_key("epcohs") == "epochs");
  CHECK(nearest_key("checkpoint_sec") == "checkpoint_seconds");
  CHECK(nearest_key("zzzzzzzz").empty());
  CHECK(message_of([&] { config.set_text("batch_sise", "1"); }).find("did you mean 'batch_size'") != std::string::npos);
  const std::string bounds = message_of([&] { config.set_integer("batch_size", 0); });
  CHECK(bounds.find("'batch_size'") != std::string::npos);
  CHECK(bounds.find("'0'") != std::string::npos);
  CHECK(bounds.find("from 1 to 65536") != std::string::npos);
  CHECK(message_of([&] { config.set_text("optimizer", "sdg"); }).find("one of sgd|adam") != std::string::npos);
  CHECK(status_of([&] { config.set_text("batch_size", "12x"); }) == Status::kConfig);
  CHECK(status_of([&] { config.set_text("nesterov", "maybe"); }) == Status::kConfig);
  CHECK(status_of([&] { config.set_real("momentum", std::nan("")); }) == Status::kConfig);
  CHECK(config.integer("batch_size") == 128);
}

TEST_CASE("configuration: equal values have equal text, however they were set") {
  Config a, b;
  a.set_text("learning_rate", "1e-1");
  b.set_real("learning_rate", 0.1);
  CHECK(a.text("learning_rate") == b.text("learning_rate"));
  a.set_integer("learning_rate", 1);
  CHECK(a.real("learning_rate") == 1.0);
  CHECK(a.is_set("learning_rate"));
  CHECK_FALSE(a.is_set("momentum"));
}

TEST_CASE("configuration: a recipe sets what is not set otherwise, before or after it") {
  for (const std::string_view name : split(find_config_key("recipe").choices, '|')) {
    CAPTURE(std::string(name));
    Config plain, config;
    config.set_text("recipe", name);
    for (const auto& [key, value] : recipe(name)) {
      CHECK(config.text(key) == value);
      CHECK_FALSE(config.is_set(key));
      // In the form in which it would be kept had it been set.
      plain.set_text(key, value);
      CHECK(plain.text(key) == value);
    }
    config.set_text("recipe", "none");
    for (const ConfigKey& key : config_keys()) CHECK(config.text(key.name) == key.default_value);
  }
  Config config;
  config.set_text("batch_size", "32");
  config.set_text("recipe", "fastest");
  config.set_text("learning_rate", "0.5");
  CHECK(config.integer("batch_size") == 32);
  CHECK(config.real("learning_rate") == 0.5);
  CHECK(config.text("model") == "light-cnn");
  config.set_text("recipe", "fastest-keras-cnn");
  CHECK(config.integer("batch_size") == 32);
  CHECK(config.text("model") == "keras-cnn");
  CHECK(config.integer("augment_shift") == 0);
}

TEST_CASE("an atomic write replaces the whole file and leaves nothing beside it") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  write_file_atomically(path, std::string("first"));
  write_file_atomically(path, std::string("second, longer"));
  CHECK(read_text_file(path, 100) == "second, longer");
  const auto entries = std::filesystem::directory_iterator(directory.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("an atomic write that fails leaves the old file") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  write_file_atomically(path, std::string("old"));
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &limit);
  const Status status = status_of([&] { write_file_atomically(path, std::string("much longer than ten bytes")); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(status == Status::kNoSpace);
  CHECK(read_text_file(path, 100) == "old");
  const auto entries = std::filesystem::directory_iterator(directory.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("reading says what is missing, and refuses what is too large") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  CHECK(status_of([&] { read_file(path, 10); }) == Status::kNotFound);
  write_file_atomically(path, std::string("0123456789"));
  CHECK(read_file(path, 10).size() == 10);
  CHECK(status_of([&] { read_file(path, 9); }) == Status::kData);
  CHECK(status_of([&] { read_file(directory.path(), 9); }) == Status::kIo);
}

TEST_CASE("a mapped file shows the file's bytes, and an empty one none") {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "file", std::string("bytes"));
  MappedFile map(directory.path() / "file");
  const MappedFile moved(std::move(map));
  CHECK(std::string(reinterpret_cast<const char*>(moved.bytes().data()), moved.bytes().size()) == "bytes");
  write_file_atomically(directory.path() / "empty", std::string());
  CHECK(MappedFile(directory.path() / "empty").bytes().empty());
}

TEST_CASE("files are for their owner alone, and so are folders") {
  const TemporaryDirectory directory;
  const auto mode_of = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  const mode_t before = umask(0);
  write_file_atomically(directory.path() / "file", std::string("x"));
  make_directory(directory.path() / "folder");
  umask(before);
  CHECK(mode_of(directory.path() / "file") == 0600);
  CHECK(mode_of(directory.path() / "folder") == 0700);
}

TEST_CASE("a symbolic link is followed where the user gave the path, never where it lies on a volume") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "target", link = directory.path() / "link";
  write_file_atomically(target, std::string("precious"));
  std::filesystem::create_symlink(target, link);
  CHECK(read_text_file(link, 100) == "precious");
  CHECK(status_of([&] { read_text_file(link, 100, Links::kRefuse); }) == Status::kIo);
  CHECK(status_of([&] { MappedFile map(link); }) == Status::kIo);
  // Writing replaces the link and leaves its target alone.
  write_file_atomically(link, std::string("new"));
  CHECK_FALSE(std::filesystem::is_symlink(link));
  CHECK(read_text_file(target, 100) == "precious");
  // So does the temporary file, whose name can be guessed.
  std::filesystem::create_symlink(target, directory.path() / cat(".tmp-file-", getpid()));
  write_file_atomically(directory.path() / "file", std::string("new"));
  CHECK(read_text_file(target, 100) == "precious");

  std::filesystem::create_directory(directory.path() / "elsewhere");
  std::filesystem::create_symlink(directory.path() / "elsewhere", directory.path() / "logs");
  CHECK(status_of([&] { make_directory(directory.path() / "logs"); }) == Status::kIo);
}

TEST_CASE("a pipe in a file's place is refused and holds nothing up") {
  const TemporaryDirectory directory;
  const auto pipe = directory.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(status_of([&] { read_file(pipe, 100); }) == Status::kIo);
  CHECK(status_of([&] { MappedFile map(pipe); }) == Status::kIo);
  write_file_atomically(pipe, std::string("a file now"));
  CHECK(read_text_file(pipe, 100) == "a file now");
}

TEST_CASE("threads of the library block every signal and carry a name") {
  sigset_t blocked;
  char name[16] = {};
  std::thread thread = start_thread("spot-a-very-long-name", [&] {
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    pthread_getname_np(pthread_self(), name, sizeof name);
  });
  thread.join();
  CHECK(sigismember(&blocked, SIGTERM) == 1);
  CHECK(sigismember(&blocked, SIGUSR1) == 1);
  CHECK(std::string(name).starts_with("spot-a-very-lo"));
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  CHECK(sigismember(&own, SIGTERM) == 0);
}

TEST_CASE("a fork guard knows the child from the parent") {
  const ForkGuard guard;
  CHECK_FALSE(guard.forked());
  const pid_t child = fork();
  if (child == 0) _exit(guard.forked() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}
