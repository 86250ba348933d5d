#include "code_version.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "support/temporary_directory.h"

using spot::test::TemporaryDirectory;
using spotctl::find_code_version;
namespace fs = std::filesystem;

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
