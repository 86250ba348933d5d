#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "train/records.h"

namespace spot {

/// The logs of one run: <run_id>.csv with a row an epoch and <run_id>.steps.csv with a row a step.
/// They hold no times, so a run that was interrupted leaves the same bytes as one that was not.
/// Rows reach the operating system within a tenth of a second of training, but are not forced to the disk; a log that
/// cannot be written never stops a run.
class CsvLog {
 public:
  /// Goes on at `step`: the epochs' file is written anew from the history, the steps' file without
  /// rows of later steps and a torn last line. Both are made in `staging`.
  CsvLog(const std::filesystem::path& directory, const Fd& staging, const std::string& run_id,
         const std::vector<EpochRecord>& history, std::uint64_t step, Log log);

  CsvLog(const CsvLog&) = delete;
  CsvLog& operator=(const CsvLog&) = delete;
  ~CsvLog();

  /// `now_ns`: by the monotonic clock. Steps' rows are written together, so that the thread which trains makes no
  /// system call a step.
  void add(std::span<const StepRecord> records, std::int64_t now_ns);
  /// Gives the operating system every row. To be called before a save: a run that resumes there needs them.
  void write_out();
  void add(const EpochRecord& record);

 private:
  /// A file that only whole rows are appended to.
  struct File {
    std::filesystem::path path;
    Fd fd;
    std::uint64_t size = 0;  ///< of the whole rows
    bool failing = false;    ///< the last rows could not be written
  };

  void open_epochs(const Fd& staging, const std::vector<EpochRecord>& history);
  void open_steps(const Fd& staging, std::uint64_t step);
  static void open(File& file, const Fd& staging, const std::string& content);
  void append_row(std::string& rows, const StepRecord& record) const;
  void append_row(std::string& rows, const EpochRecord& record) const;
  void start_row(std::string& rows, std::uint64_t epoch, std::uint64_t step) const;
  void append(File& file, const std::string& rows);

  std::string run_id_;
  Log log_;
  File epochs_;
  File steps_;
  std::string waiting_;  ///< rows of steps that are not written yet
  std::int64_t written_ns_ = 0;
};

}  // namespace spot
