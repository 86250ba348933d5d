#include "session/csv_log.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <fcntl.h>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::int64_t kWriteEveryNs = 100'000'000;
constexpr std::string_view kEpochHeader =
    "run_id,epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,"
    "test_accuracy,learning_rate\n";
constexpr std::string_view kStepHeader = "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n";

template <typename Number>
void append_number(std::string& row, Number value) {
  char digits[32];
  row.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// The remaining cells and the end of a row, with the digits of a float: more would be noise. A number that was not
/// measured or is not finite is an empty cell.
void finish_row(std::string& row, std::initializer_list<double> cells) {
  for (const double cell : cells) {
    row += ',';
    if (std::isfinite(cell)) append_number(row, static_cast<float>(cell));
  }
  row += '\n';
}

/// The step of a row "run_id,epoch,step,…", or nothing when it is no such row.
std::optional<std::uint64_t> step_of(std::string_view row) {
  const std::size_t first = row.find(',');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = row.find(',', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::size_t third = row.find(',', second + 1);
  if (third == std::string_view::npos) return std::nullopt;
  return parse_number<std::uint64_t>(row.substr(second + 1, third - second - 1));
}

/// The start of the file: the header and whole rows up to `step`; empty when there is not even the header. The
/// file may hold anything: beside such rows no more than a piece of it is ever in memory.
std::string rows_until(const std::filesystem::path& path, std::uint64_t step) {
  constexpr std::size_t kLongestRow = 1024, kPiece = std::size_t{1} << 16;
  std::error_code error;
  if (std::filesystem::symlink_status(path, error).type() != std::filesystem::file_type::regular) return {};
  const Fd fd = open_regular_file(path, O_RDONLY | O_NOFOLLOW);
  std::string content;
  std::size_t good = 0;
  for (;;) {
    const std::size_t had = content.size();
    content.resize(had + kPiece);
    const ssize_t got = ::read(fd.get(), content.data() + had, kPiece);
    content.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    bool over = got <= 0;
    for (std::size_t end = 0; !over && (end = content.find('\n', good)) != std::string::npos;) {
      const std::string_view row(content.data() + good, end + 1 - good);
      over = good == 0 ? row != kStepHeader : step_of(row).value_or(step + 1) > step;
      if (!over) good = end + 1;
    }
    if (!over && content.size() - good <= kLongestRow) continue;
    content.resize(good);
    return content;
  }
}

}  // namespace

CsvLog::CsvLog(const std::filesystem::path& directory, const Fd& staging, const std::string& run_id,
               const std::vector<EpochRecord>& history, std::uint64_t step, Log log)
    : run_id_(run_id), log_(std::move(log)) {
  epochs_.path = directory / cat(run_id, ".csv");
  steps_.path = directory / cat(run_id, ".steps.csv");
  try {
    open_epochs(staging, history);
    open_steps(staging, step);
  } catch (const Error& error) {
    log_.warning(cat("training goes on without a CSV log: ", error.what()));
  }
}

void CsvLog::open_epochs(const Fd& staging, const std::vector<EpochRecord>& history) {
  std::string content(kEpochHeader);
  for (const EpochRecord& record : history) append_row(content, record);
  open(epochs_, staging, content);
}

void CsvLog::open_steps(const Fd& staging, std::uint64_t step) {
  std::string content = rows_until(steps_.path, step);
  if (content.empty()) content = kStepHeader;
  open(steps_, staging, content);
}

/// Always a new file in the place of the old one: a writer that lost the volume may still hold the old one open,
/// and adds its rows to that.
void CsvLog::open(File& file, const Fd& staging, const std::string& content) {
  file.fd = place_file(file.path, std::as_bytes(std::span(content)), &staging, kByUmask);
  file.size = content.size();
}

void CsvLog::start_row(std::string& rows, std::uint64_t epoch, std::uint64_t step) const {
  rows += run_id_;
  rows += ',';
  append_number(rows, epoch);
  rows += ',';
  append_number(rows, step);
}

void CsvLog::append_row(std::string& rows, const EpochRecord& record) const {
  start_row(rows, record.epoch, record.step);
  finish_row(rows, {record.train_loss, record.train_accuracy, record.validation_loss, record.validation_accuracy,
                    record.test_loss, record.test_accuracy, record.learning_rate});
}

void CsvLog::append_row(std::string& rows, const StepRecord& record) const {
  start_row(rows, record.epoch, record.step);
  finish_row(rows, {record.loss, record.accuracy(), record.learning_rate, record.gradient_norm});
}

CsvLog::~CsvLog() {
  try {
    write_out();
  } catch (...) {
    // The receiver of the warning threw: whatever ends the run is more important than its last rows.
  }
}

void CsvLog::add(const EpochRecord& record) {
  write_out();
  std::string row;
  append_row(row, record);
  append(epochs_, row);
}

void CsvLog::add(std::span<const StepRecord> records, std::int64_t now_ns) {
  for (const StepRecord& record : records) append_row(waiting_, record);
  if (now_ns - written_ns_ < kWriteEveryNs) return;
  written_ns_ = now_ns;
  write_out();
}

void CsvLog::write_out() {
  if (waiting_.empty()) return;
  append(steps_, waiting_);
  waiting_.clear();
}

void CsvLog::append(File& file, const std::string& rows) {
  if (!file.fd.valid()) return;
  const int error = write_all(file.fd.get(), rows.data(), rows.size());
  if (error == 0) {
    file.size += rows.size();
    file.failing = false;
    return;
  }
  // The file must not keep half a row. Should this fail too, the next resume cuts the half row off.
  [[maybe_unused]] const int ignored = ::ftruncate(file.fd.get(), static_cast<off_t>(file.size));
  if (!file.failing) {
    log_.warning(cat("rows are missing in '", file.path.string(), "': ", std::generic_category().message(error)));
  }
  file.failing = true;
}

}  // namespace spot
