#include "snapshot/completeness.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fcntl.h>
#include <initializer_list>
#include <set>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "snapshot/tree.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, CompletenessRule> kRules[] = {
    {"quiet", CompletenessRule::kQuiet},     {"hugging-face", CompletenessRule::kHuggingFace},
    {"pytorch", CompletenessRule::kPytorch}, {"pytorch-dcp", CompletenessRule::kPytorchDcp},
    {"orbax", CompletenessRule::kOrbax},     {"keras", CompletenessRule::kKeras}};

std::string name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i - 1]);
  return value;
}

/// A zip ends with the record that is written last, which ends where the file does.
bool is_whole_zip(const Fd& file, std::uint64_t size) {
  constexpr std::size_t kRecord = 22, kLongestComment = 65535;
  constexpr std::array kSignature = {std::byte{'P'}, std::byte{'K'}, std::byte{5}, std::byte{6}};
  std::vector<std::byte> end(std::min<std::uint64_t>(size, kRecord + kLongestComment));
  if (::pread(file.get(), end.data(), end.size(), static_cast<off_t>(size - end.size())) !=
      static_cast<ssize_t>(end.size())) {
    return false;
  }
  for (std::size_t at = end.size() < kRecord ? 0 : end.size() - kRecord + 1; at-- > 0;) {
    const auto record = std::span(end).subspan(at);
    if (!std::ranges::equal(record.first(kSignature.size()), kSignature)) continue;
    if (kRecord + little_endian(record.subspan(20, 2)) == record.size()) return true;
  }
  return false;
}

/// The first block of an HDF5 file says where the file ends, once it was closed.
bool is_whole_hdf5(const Fd& file, std::uint64_t size) {
  constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  std::array<std::byte, 64> block{};
  const ssize_t got = ::pread(file.get(), block.data(), block.size(), 0);
  if (got != static_cast<ssize_t>(block.size())) return false;
  const bool has_signature =
      std::equal(kSignature.begin(), kSignature.end(), block.begin(),
                 [](std::uint8_t a, std::byte b) { return a == std::to_integer<std::uint8_t>(b); });
  if (!has_signature) return false;
  const auto version = std::to_integer<unsigned>(block[8]);
  const std::size_t widths_at = version < 2 ? 13 : 9;
  // Of the end's address, which follows those of the base and of the free space or the extension.
  const std::size_t end_at = version == 0 ? 40 : version == 1 ? 44 : 28;
  constexpr std::byte kEightBytes{8};
  if (version > 3 || block[widths_at] != kEightBytes) return false;
  return little_endian(std::span<const std::byte>(block).subspan(end_at, 8)) == size;
}

class Examination {
 public:
  Examination(const fs::path& folder, const StopCheck& stop)
      : folder_(folder), tree_(scan_folder(open_file(folder, O_RDONLY | O_DIRECTORY), stop).tree) {}

  std::string hugging_face() {
    for (const auto& [path, entry] : tree_) {
      const std::string name = name_of(path);
      constexpr std::string_view kPrefix = "checkpoint-";
      if (entry.kind != EntryKind::kFolder || !name.starts_with(kPrefix) || !is_number(name.substr(kPrefix.size()))) {
        continue;
      }
      found_ = true;
      const std::string state = path + "/trainer_state.json";
      if (!is_file(state)) return cat("'", path, "' has no trainer_state.json");
      if (!is_json(state)) return cat("'", state, "' is not whole");
    }
    return result("checkpoint-N");
  }

  std::string pytorch_dcp() {
    for (const auto& [path, entry] : tree_) {
      // Its writer makes the folder first.
      if (entry.kind == EntryKind::kFolder && is_empty(path)) return cat("'", path, "' is empty");
      if (entry.kind != EntryKind::kFile || !path.ends_with(".distcp")) continue;
      found_ = true;
      const std::size_t slash = path.rfind('/');
      const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash + 1);
      if (!is_file(parent + ".metadata")) return cat("'", path, "' has no .metadata beside it");
    }
    return result("*.distcp");
  }

  std::string orbax() {
    for (const auto& [path, entry] : tree_) {
      const bool is_step = path.find('/') == std::string::npos && entry.kind == EntryKind::kFolder && is_number(path);
      if (!is_step) continue;
      found_ = true;
      if (is_file(path + "/_CHECKPOINT_METADATA") || is_file(path + "/commit_success.txt")) continue;
      return cat("step '", path, "' has neither _CHECKPOINT_METADATA nor commit_success.txt");
    }
    return result("step");
  }

  /// Files with these ends are whole zips, files with those whole HDF5.
  std::string archives(std::initializer_list<std::string_view> zips, std::initializer_list<std::string_view> hdf5s,
                       std::string_view what) {
    for (const auto& [path, entry] : tree_) {
      const auto is_end = [&path = path](std::string_view end) { return path.ends_with(end); };
      const bool is_zip = std::ranges::any_of(zips, is_end);
      if (entry.kind != EntryKind::kFile || !(is_zip || std::ranges::any_of(hdf5s, is_end))) continue;
      found_ = true;
      const Fd file(::open((folder_ / path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      if (!file.valid()) return cat("'", path, "' cannot be opened");
      if (is_zip ? !is_whole_zip(file, entry.size) : !is_whole_hdf5(file, entry.size)) {
        return cat("'", path, "' is not a whole ", is_zip ? "zip" : "HDF5", " file");
      }
    }
    return result(what);
  }

 private:
  [[nodiscard]] std::string result(std::string_view what) const {
    return found_ ? std::string() : cat("there is no ", what, " in it yet");
  }

  [[nodiscard]] bool is_file(const std::string& path) const {
    const auto found = tree_.find(path);
    return found != tree_.end() && found->second.kind == EntryKind::kFile && found->second.size > 0;
  }

  [[nodiscard]] bool is_empty(const std::string& folder) const {
    const auto next = tree_.upper_bound(folder + "/");
    return next == tree_.end() || !next->first.starts_with(folder + "/");
  }

  [[nodiscard]] bool is_json(const std::string& path) const {
    constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 26;
    try {
      return JsonValue::parse(read_text_file(folder_ / path, kMaxSize, Links::kRefuse)).has_value();
    } catch (const Error&) {
      return false;
    }
  }

  const fs::path& folder_;
  Tree tree_;
  bool found_ = false;
};

}  // namespace

CompletenessRule completeness_rule(std::string_view name) {
  for (const auto& [word, rule] : kRules) {
    if (word == name) return rule;
  }
  fail(Status::kConfig, cat("there is no completeness rule '", printable(name),
                            "': it is quiet, hugging-face, pytorch, pytorch-dcp, orbax or keras"));
}

std::string why_incomplete(const fs::path& folder, CompletenessRule rule, const StopCheck& stop) {
  if (rule == CompletenessRule::kQuiet) return {};
  Examination examination(folder, stop);
  switch (rule) {
    case CompletenessRule::kHuggingFace: return examination.hugging_face();
    case CompletenessRule::kPytorchDcp: return examination.pytorch_dcp();
    case CompletenessRule::kOrbax: return examination.orbax();
    case CompletenessRule::kPytorch:
      return examination.archives({".pt", ".pth", ".ckpt"}, {}, ".pt, .pth or .ckpt file");
    case CompletenessRule::kKeras: return examination.archives({".keras"}, {".h5", ".hdf5"}, ".keras or .h5 file");
    case CompletenessRule::kQuiet: break;
  }
  return {};
}

}  // namespace spot
