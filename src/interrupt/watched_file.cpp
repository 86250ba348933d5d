#include "interrupt/watched_file.h"

#include <cerrno>
#include <optional>
#include <system_error>

#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

// Schedulers give 30 s between the hook and the kill by default.
constexpr std::chrono::seconds kNotice{30};
constexpr std::uint64_t kMaxReason = 4096;
constexpr std::string_view kGroup = "file";

/// What changes when somebody writes a file, or another one takes its place.
struct Version {
  dev_t device;
  ino_t inode;
  off_t size;
  std::int64_t seconds, nanoseconds;
  bool regular;

  bool operator==(const Version&) const = default;
};

/// Nothing: there is no such file. Throws kIo when that cannot be told.
std::optional<Version> version_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    return Version{info.st_dev,         info.st_ino,          info.st_size,
                   info.st_mtim.tv_sec, info.st_mtim.tv_nsec, S_ISREG(info.st_mode)};
  }
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  fail(Status::kIo,
       cat("cannot look at '", path.string(), "': ", std::error_code(error, std::generic_category()).message()));
}

class FileSource final : public Source {
 public:
  /// A file that is there now was there before: no clock has to be asked, and none can be wrong.
  explicit FileSource(std::filesystem::path path) : path_(std::move(path)) {
    try {
      left_over_ = version_of(path_);
    } catch (const Error&) {  // the first look says so
    }
  }

  Observation look() override {
    try {
      const auto version = version_of(path_);
      if (version != left_over_) left_over_.reset();
      if (!version) return {.clear = {kGroup}};
      return {.sightings = {{.source = "file",
                             .group = kGroup,
                             .action = NoticeAction::kRequest,
                             .detail = reason(*version),
                             .notice = kNotice,
                             .left_over = left_over_.has_value()}},
              .clear = {kGroup}};
    } catch (const Error& error) {
      if (error.status() == Status::kNoMemory) throw;
      return {.unknown = error.what()};
    }
  }

  [[nodiscard]] std::string_view name() const override { return "file"; }

  [[nodiscard]] std::chrono::nanoseconds longest_period() const override {
    return std::chrono::milliseconds(100);  // a look costs microseconds
  }

 private:
  [[nodiscard]] std::string reason(const Version& version) const {
    try {
      if (!version.regular) return cat("'", path_.string(), "' appeared");  // reading a pipe could last for ever
      const std::string content = read_text_file(path_, kMaxReason);
      if (!trim(content).empty()) return std::string(trim(content));
    } catch (const Error&) {  // the file is there, whatever it holds: that is the notice
    }
    return cat("'", path_.string(), "' appeared");
  }

  std::filesystem::path path_;
  std::optional<Version> left_over_;  ///< of the file that was there at the start, while it is as it was
};

}  // namespace

std::unique_ptr<Source> make_file_source(std::filesystem::path path) {
  return std::make_unique<FileSource>(std::move(path));
}

}  // namespace spot
