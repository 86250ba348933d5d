#include "base/processors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sched.h>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "base/text.h"

// A quota is processor time for each period: 50,000 of 100,000 microseconds are half a processor. A group obeys its own
// and those of all groups around it. Version 2 keeps both numbers in cpu.max, version 1 in cpu.cfs_quota_us and
// cpu.cfs_period_us. /proc/self/cgroup names the process's group in each hierarchy, /proc/self/mountinfo where the
// hierarchy's folders are. In a container the mounted part may begin below the hierarchy's top.

namespace spot {
namespace {

namespace fs = std::filesystem;

/// A hierarchy of groups that may limit the processor.
struct Mount {
  bool is_v2;
  std::string top;  ///< the group that the folder shows
  std::string folder;
};

struct Quota {
  std::uint64_t time;
  std::uint64_t period;  ///< > 0, in the same unit
  std::string file;

  [[nodiscard]] double processors() const { return static_cast<double>(time) / static_cast<double>(period); }
};

int permitted_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  return split(line, ' ');
}

bool lists(const std::string& list, std::string_view word) {
  const std::vector<std::string> words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// mountinfo writes white space and backslashes as three octal digits.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] != '\\' || !is_octal(i + 1) || !is_octal(i + 2) || !is_octal(i + 3)) {
      result += text[i];
      continue;
    }
    result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return result;
}

/// "36 35 98:0 <top> <folder> rw,relatime shared:1 - <type> <source> <options>"
std::optional<Mount> parse_mount(const std::string& line) {
  const std::vector<std::string> words = words_of(line);
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (dash - words.begin() < 6 || words.end() - dash < 4) return std::nullopt;
  const bool is_v2 = dash[1] == "cgroup2";
  if (!is_v2 && (dash[1] != "cgroup" || !lists(dash[3], "cpu"))) return std::nullopt;
  return Mount{is_v2, unescaped(words[3]), unescaped(words[4])};
}

std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> found;
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) {
    if (const auto mount = parse_mount(line)) found.push_back(*mount);
  }
  if (!found.empty()) return found;
  return {{true, "/", "/sys/fs/cgroup"}, {false, "/", "/sys/fs/cgroup/cpu"}};
}

/// The process's group in the hierarchies of that version; "/" when it is not known. Lines are
/// "<number>:<controllers>:<group>", without controllers in version 2.
std::string group_of_process(const fs::path& root, bool is_v2) {
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

/// The group's path below the mounted folder; empty when it is the folder's own or is not in it.
fs::path path_below(const Mount& mount, const std::string& group) {
  const fs::path relative = fs::path(group).lexically_relative(mount.top);
  const bool is_below = !relative.empty() && relative != "." && *relative.begin() != "..";
  return is_below ? relative : fs::path();
}

std::optional<std::uint64_t> number_in(const fs::path& path) {
  const std::vector<std::string> lines = lines_of(path);
  return lines.empty() ? std::nullopt : parse_number<std::uint64_t>(trim(lines[0]));
}

/// Nothing when the group has none, or says what is no quota.
std::optional<Quota> quota_of(const fs::path& root, const fs::path& group, bool is_v2) {
  const fs::path folder = root / group.relative_path();
  const fs::path file = group / (is_v2 ? "cpu.max" : "cpu.cfs_quota_us");
  std::optional<std::uint64_t> time, period;
  if (is_v2) {
    const std::vector<std::string> lines = lines_of(folder / "cpu.max");
    const std::vector<std::string> words = lines.empty() ? std::vector<std::string>() : words_of(lines[0]);
    if (words.size() == 2) {
      time = parse_number<std::uint64_t>(words[0]);  // or "max"
      period = parse_number<std::uint64_t>(words[1]);
    }
  } else {
    time = number_in(folder / "cpu.cfs_quota_us");  // or -1
    period = number_in(folder / "cpu.cfs_period_us");
  }
  if (!time || period.value_or(0) == 0) return std::nullopt;
  return Quota{*time, *period, file.string()};
}

/// The smallest of the group and all around it.
std::optional<Quota> smallest_quota(const fs::path& root) {
  std::optional<Quota> smallest;
  for (const Mount& mount : mounts(root)) {
    fs::path below = path_below(mount, group_of_process(root, mount.is_v2));
    for (;; below = below.parent_path()) {
      const auto quota = quota_of(root, below.empty() ? fs::path(mount.folder) : mount.folder / below, mount.is_v2);
      if (quota && (!smallest || quota->processors() < smallest->processors())) smallest = quota;
      if (below.empty()) break;
    }
  }
  return smallest;
}

}  // namespace

Processors available_processors(const fs::path& root) {
  const int permitted = permitted_processors();
  const std::optional<Quota> quota = smallest_quota(root);
  if (!quota || std::ceil(quota->processors()) >= permitted) return {permitted, "one for each processor"};
  const double rounded = std::round(quota->processors() * 100) / 100;
  return {std::max(1, static_cast<int>(std::ceil(quota->processors()))),
          cat("because of a CPU quota of ", rounded, " processors (", quota->file, ")")};
}

}  // namespace spot
