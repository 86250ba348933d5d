#include "base/processors.h"

#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>

#include <doctest/doctest.h>

#include "support/temporary_directory.h"
#include "support/text.h"

using namespace spot;
using spot::test::contains, spot::test::TemporaryDirectory;

namespace {

/// A made-up /proc and /sys.
class Machine {
 public:
  Machine() {
    write("proc/self/cgroup", "0::/\n");
    write("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ / path); }
  [[nodiscard]] Processors processors() const { return available_processors(root_.path()); }

 private:
  TemporaryDirectory root_;
};

int permitted() {
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  return CPU_COUNT(&set);
}

}  // namespace

TEST_CASE("without a quota there is one thread for each processor") {
  const Machine machine;
  CHECK(machine.processors().count == permitted());
  CHECK(machine.processors().reason == "one for each processor");
  for (const char* none : {"max 100000\n", "max\n", "", "\n", "many 100000\n", "50000\n", "50000 0\n", "-1 100000\n",
                           "50000 100000 1\n", "99999999999999999999 100000\n"}) {
    CAPTURE(none);
    machine.write("sys/fs/cgroup/cpu.max", none);
    CHECK(machine.processors().count == permitted());
  }
  machine.write("sys/fs/cgroup/cpu.max", "100000000 100000\n");  // more than there are
  CHECK(machine.processors().count == permitted());
}

TEST_CASE("a quota is rounded up to whole threads, at least one, and named") {
  const Machine machine;
  machine.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK(machine.processors().count == 1);
  if (permitted() == 1) return;  // where the processor is the limit already
  CHECK(machine.processors().reason == "because of a CPU quota of 0.5 processors (/sys/fs/cgroup/cpu.max)");
  machine.write("sys/fs/cgroup/cpu.max", "0 100000\n");
  CHECK(machine.processors().count == 1);
  machine.write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  CHECK(machine.processors().count == 1);
  machine.write("sys/fs/cgroup/cpu.max", "100001 100000\n");
  CHECK(machine.processors().count == 2);
}

TEST_CASE("every group around the process's own counts, and the smallest quota does") {
  if (permitted() == 1) return;
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/a/b/c\n");
  for (const std::string group : {"a", "a/b", "a/b/c"}) {
    CAPTURE(group);
    machine.write("sys/fs/cgroup/" + group + "/cpu.max", "70000 100000\n");
    CHECK(machine.processors().count == 1);
    CHECK(contains(machine.processors().reason, "/sys/fs/cgroup/" + group + "/cpu.max"));
    machine.write("sys/fs/cgroup/" + group + "/cpu.max", "max 100000\n");
  }
  machine.write("sys/fs/cgroup/a/cpu.max", "60000 100000\n");
  machine.write("sys/fs/cgroup/a/b/cpu.max", "70000 100000\n");
  CHECK(contains(machine.processors().reason, "0.6 processors (/sys/fs/cgroup/a/cpu.max)"));
  machine.write("sys/fs/cgroup/other/cpu.max", "10000 100000\n");
  CHECK(contains(machine.processors().reason, "/sys/fs/cgroup/a/cpu.max"));
}

TEST_CASE("version 1 keeps the quota in two files, beside other controllers or in a hybrid with version 2") {
  if (permitted() == 1) return;
  const Machine machine;
  machine.write("proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/user/job\n0::/x\n");
  machine.write("proc/self/mountinfo",
                "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/user/job/cpu.cfs_period_us", "100000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/user/job/cpu.cfs_quota_us", "-1\n");
  CHECK(machine.processors().count == permitted());
  machine.write("sys/fs/cgroup/cpu,cpuacct/user/job/cpu.cfs_quota_us", "25000\n");
  CHECK(machine.processors().count == 1);
  CHECK(
      contains(machine.processors().reason, "0.25 processors (/sys/fs/cgroup/cpu,cpuacct/user/job/cpu.cfs_quota_us)"));
  machine.write("sys/fs/cgroup/unified/x/cpu.max", "20000 100000\n");
  CHECK(contains(machine.processors().reason, "0.2 processors (/sys/fs/cgroup/unified/x/cpu.max)"));
}

TEST_CASE("in a container the mounted part of the hierarchy begins below its top") {
  if (permitted() == 1) return;
  const Machine machine;
  machine.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  machine.write("sys/fs/cgroup/inner/cpu.max", "30000 100000\n");
  // Seen from the host: the mounted part is the container's own group.
  machine.write("proc/self/mountinfo", "30 24 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  machine.write("proc/self/cgroup", "0::/docker/1\n");
  CHECK(contains(machine.processors().reason, "0.5 processors (/sys/fs/cgroup/cpu.max)"));
  machine.write("proc/self/cgroup", "0::/docker/1/inner\n");
  CHECK(contains(machine.processors().reason, "0.3 processors (/sys/fs/cgroup/inner/cpu.max)"));
  // The process is in a group that the mount does not show.
  for (const char* group : {"0::/../elsewhere\n", "0::/docker/12\n", "0::/\n"}) {
    CAPTURE(group);
    machine.write("proc/self/cgroup", group);
    CHECK(contains(machine.processors().reason, "0.5 processors (/sys/fs/cgroup/cpu.max)"));
  }
}

TEST_CASE("white space in a mount's folder is understood, and what is no mount is passed over") {
  if (permitted() == 1) return;
  const Machine machine;
  machine.write("proc/self/mountinfo",
                "\nnonsense\n1 2 3:4 / /x - \n5 6 0:2 / /proc rw - proc proc rw\n"
                "30 24 0:26 / /my\\040groups rw shared:1 master:2 - cgroup2 cgroup2 rw\n");
  machine.write("my groups/cpu.max", "50000 100000\n");
  CHECK(machine.processors().count == 1);
}

TEST_CASE("without /proc/self/mountinfo the usual folders are looked into") {
  if (permitted() == 1) return;
  const Machine machine;
  machine.remove("proc");
  CHECK(machine.processors().count == permitted());
  machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  machine.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(machine.processors().count == 1);
  machine.write("sys/fs/cgroup/cpu.max", "40000 100000\n");
  CHECK(contains(machine.processors().reason, "/sys/fs/cgroup/cpu.max"));
}
