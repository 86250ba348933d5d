#include "train/csv_log.h"

#include <cmath>
#include <cstddef>
#include <fstream>
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

constexpr std::string_view kEpochHeader =
    "run_id,epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,"
    "test_accuracy,learning_rate\n";
constexpr std::string_view kStepHeader = "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n";

template <typename Number>
void append_number(std::string& row, Number value) {
  char digits[32];
  row.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// The remaining cells and the end of a row, with the digits of a float: more would be noise. A
/// number that was not measured is an empty cell.
void finish_row(std::string& row, std::initializer_list<double> cells) {
  for (const double cell : cells) {
    row += ',';
    if (!std::isnan(cell)) append_number(row, static_cast<float>(cell));
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

/// Bytes at the start of the file that are the header and whole rows up to `step`; 0: not even the
/// header.
std::uint64_t size_of_rows_until(const std::filesystem::path& path, std::uint64_t step) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || file.eof() || cat(line, "\n") != kStepHeader) return 0;
  std::uint64_t size = kStepHeader.size();
  while (std::getline(file, line) && !file.eof()) {
    const auto row_step = step_of(line);
    if (!row_step || *row_step > step) break;
    size += line.size() + 1;
  }
  return size;
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
  for (const EpochRecord& record : history) {
    format(record);
    content += row_;
  }
  open(epochs_, staging, content);
}

void CsvLog::open_steps(const Fd& staging, std::uint64_t step) {
  std::string content;
  if (const std::uint64_t size = size_of_rows_until(steps_.path, step); size > 0) {
    content = read_text_file(steps_.path, UINT64_MAX);
    content.resize(size);
  } else {
    content = kStepHeader;
  }
  open(steps_, staging, content);
}

/// Always a new file in the place of the old one: a writer that lost the volume may still hold the old one open,
/// and adds its rows to that.
void CsvLog::open(File& file, const Fd& staging, const std::string& content) {
  file.fd = place_file(file.path, std::as_bytes(std::span(content)), &staging);
  file.size = content.size();
}

void CsvLog::start_row(std::uint64_t epoch, std::uint64_t step) {
  row_ = run_id_;
  row_ += ',';
  append_number(row_, epoch);
  row_ += ',';
  append_number(row_, step);
}

void CsvLog::format(const EpochRecord& record) {
  start_row(record.epoch, record.step);
  finish_row(row_, {record.train_loss, record.train_accuracy, record.validation_loss, record.validation_accuracy,
                    record.test_loss, record.test_accuracy, record.learning_rate});
}

void CsvLog::add(const EpochRecord& record) {
  format(record);
  append(epochs_);
}

void CsvLog::add(const StepRecord& record) {
  start_row(record.epoch, record.step);
  finish_row(row_, {record.loss, record.accuracy(), record.learning_rate, record.gradient_norm});
  append(steps_);
}

void CsvLog::append(File& file) {
  if (!file.fd.valid()) return;
  const int error = write_all(file.fd.get(), row_.data(), row_.size());
  if (error == 0) {
    file.size += row_.size();
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
