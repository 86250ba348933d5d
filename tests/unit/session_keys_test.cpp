#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "session/code_version.h"
#include "session/options.h"
#include "session/run_id.h"
#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

TEST_CASE("the commit of the working tree is found without running git") {
  const TemporaryDirectory directory;
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((directory / name).parent_path());
    std::ofstream(directory / name) << text;
  };
  CHECK(find_code_version(directory.path()).empty());

  write("tree/.git/HEAD", a + "\n");
  fs::create_directories(directory / "tree/src/deep");
  CHECK(find_code_version(directory / "tree/src/deep") == a);

  write("tree/.git/HEAD", "ref: refs/heads/main\n");
  CHECK(find_code_version(directory / "tree").empty());
  write("tree/.git/packed-refs", "# pack-refs with: peeled\n" + b + " refs/heads/main\n^" + a + "\n");
  CHECK(find_code_version(directory / "tree") == b);
  write("tree/.git/refs/heads/main", a + "\n");
  CHECK(find_code_version(directory / "tree") == a);

  write("worktree/.git", "gitdir: ../tree/.git/worktrees/w\n");
  write("tree/.git/worktrees/w/HEAD", "ref: refs/heads/main\n");
  write("tree/.git/worktrees/w/commondir", "../..\n");
  CHECK(find_code_version(directory / "worktree") == a);

  write("tree/.git/HEAD", "no commit\n");
  CHECK(find_code_version(directory / "tree").empty());
}

TEST_CASE("a run_id names files, so it is letters, digits, '-' and '_'") {
  FakeClock clock;
  clock.set_wall_ns(1795463735'000'000'000);
  CHECK(make_run_id(clock).starts_with("20261123-195535-"));
  CHECK(make_run_id(clock).size() == 20);
  check_run_id("run_7-b");
  for (const std::string bad : {"", "../x", "a.b", "a,b", "a b"}) {
    message_of(Status::kConfig, [&] { check_run_id(bad); });
  }
  message_of(Status::kConfig, [] { check_run_id(std::string(64, 'a')); });
}

TEST_CASE("a zero stands for the customary value of the optimizer") {
  const Place place;
  Config config = place.config("v");
  config.set_real("learning_rate", 0);
  const auto session = open(config);
  const auto rate = [&](const std::string& optimizer) {
    config.set_text("optimizer", optimizer);
    return training_plan(config, session->dataset()).schedule.base_rate;
  };
  CHECK(rate("sgd") == 0.01);
  CHECK(rate("adam") == 0.001);
  CHECK(rate("adadelta") == 1.0);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.95);
  CHECK(rate("rmsprop") == 0.001);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.9);
}

TEST_CASE("the engine is asked for the precision of the configuration") {
  const Place place;
  Config config = place.config("v");
  const auto session = open(config);
  CHECK(engine_spec(config, session->dataset()).precision == Precision::kFloat32);
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    config.set_text("precision", precision_name(precision));
    CHECK(engine_spec(config, session->dataset()).precision == precision);
  }
}
