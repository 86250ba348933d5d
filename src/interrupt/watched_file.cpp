#include "interrupt/watched_file.h"

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

// Schedulers give 30 s between the hook and the kill by default.
constexpr std::chrono::seconds kNotice{30};
constexpr std::uint64_t kMaxReason = 4096;

class FileSource final : public Source {
 public:
  explicit FileSource(std::filesystem::path path) : path_(std::move(path)) {}

  Observation look() override {
    std::error_code error;
    const auto status = std::filesystem::status(path_, error);
    if (status.type() == std::filesystem::file_type::not_found) return {};
    if (error) return {.unknown = cat("cannot look at '", path_.string(), "': ", error.message())};
    return {.sightings = {{.source = "file", .action = NoticeAction::kRequest, .detail = reason(), .notice = kNotice}}};
  }

  [[nodiscard]] std::chrono::nanoseconds longest_period() const override {
    return std::chrono::milliseconds(100);  // a look costs microseconds
  }

 private:
  [[nodiscard]] std::string reason() const {
    try {
      const std::string content = read_text_file(path_, kMaxReason);
      if (!trim(content).empty()) return std::string(trim(content));
    } catch (const Error&) {  // the file is there, whatever it holds: that is the notice
    }
    return cat("'", path_.string(), "' appeared");
  }

  std::filesystem::path path_;
};

}  // namespace

std::unique_ptr<Source> make_file_source(std::filesystem::path path) {
  return std::make_unique<FileSource>(std::move(path));
}

}  // namespace spot
