#include "kept_folder.h"

#include <cerrno>
#include <filesystem>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include <sys/eventfd.h>

#include "terminal.h"
#include "thread.h"

namespace spotctl {
namespace {

namespace fs = std::filesystem;

constexpr int kLookAgainMs = 1000;
/// A folder that is written to all the time is snapshotted after so many times `settle`, while no file of it is open.
constexpr int kMostSettles = 10;

std::string megabytes(std::uint64_t bytes) {
  return format("%.1f MB", static_cast<double>(bytes) * 1e-6);
}

}  // namespace

std::string snapshots_name(const std::string& folder) {
  std::string path = fs::path(folder).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::string name;
  for (const char c : path) {
    const bool is_plain = c > ' ' && c < 127 && c != '/' && c != '%' && !(c == '.' && name.empty());
    name += is_plain ? std::string(1, c) : format("%%%02x", static_cast<unsigned char>(c));
  }
  return name;
}

KeptFolder::KeptFolder(const Config& config, const std::string& folder, const KeepRules& rules, bool restore,
                       Children& children, spot_cancel* cancel)
    : folder_(folder),
      rules_(rules),
      children_(children),
      cancel_(cancel),
      snapshots_(Snapshots::open(config, folder, snapshots_name(folder), cancel)),
      watch_(folder),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw Failure(kInternal, "cannot make an event for folder '" + folder + "'");
  if (!watch_.hears_all()) {
    terminal().line("folder '" + folder + "' has too many folders to be watched: raise fs.inotify.max_user_watches; " +
                    "until then what changes in some of them is kept with the next snapshot");
  }
  if (restore) put_back();
}

void KeptFolder::begin(pid_t command) {
  command_ = command;
  stopped_ = false;
  // What is there already may be newer than any snapshot.
  hurried_ = true;
  thread_ = start_thread("folder", [this] { keep(); });
}

KeptFolder::~KeptFolder() {
  end_thread();
  close(wake_);
}

void KeptFolder::end_thread() {
  stopped_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void KeptFolder::wake() {
  eventfd_write(wake_, 1);
}

void KeptFolder::hurry() {
  hurried_ = true;
  wake();
}

void KeptFolder::put_back() {
  std::error_code error;
  const bool is_empty = fs::is_empty(folder_, error);
  const bool replace = !is_empty && !is_whole(folder_);
  const spot_snapshot_report report = snapshots_.restore(replace, cancel_);
  if (report.outcome == SPOT_SNAPSHOT_NONE) return;
  const std::string which = "snapshot " + std::to_string(report.generation) + " of '" + folder_ + "'";
  if (report.outcome == SPOT_SNAPSHOT_KEPT) return terminal().line("'" + folder_ + "' is at least as new as " + which);
  terminal().line(which + " put back: " + std::to_string(report.files) + " files, " + megabytes(report.bytes));
  if (*report.moved_to != '\0') {
    terminal().line("what was in '" + folder_ + "' is now in '" + report.moved_to + "'");
  }
}

bool KeptFolder::is_whole(const std::string& folder) {
  std::string lack;
  if (rules_.command.empty()) {
    lack = Snapshots::lack_of(folder, rules_.rule, cancel_);
  } else {
    const pid_t check = children_.start_in(folder, {"/bin/sh", "-c", rules_.command});
    std::optional<ChildEnd> end;
    while (!end) end = children_.wait(check, -1);
    if (end->code != 0) lack = "the command of --complete says so (exit code " + std::to_string(end->code) + ")";
  }
  if (!lack.empty() && lack != last_lack_) {
    terminal().log(SPOT_LOG_INFO, "'" + folder_ + "' is not whole: " + lack);
  }
  last_lack_ = lack;
  return lack.empty();
}

bool KeptFolder::hear() {
  FolderChange change = watch_.take_changes();
  if (change == FolderChange::kNone && watch_.look_again()) change = FolderChange::kWritten;
  if (change == FolderChange::kWritten) written_at_ = Clock::now();
  return change != FolderChange::kNone;
}

bool KeptFolder::has_rule() const {
  return !rules_.command.empty() || rules_.rule != "quiet";
}

bool KeptFolder::quiet() const {
  return Clock::now() - written_at_.load() >= rules_.settle;
}

void KeptFolder::keep() {
  bool dirty = false, has_warned = false;
  Clock::time_point first_change = Clock::now(), last_change = first_change;
  while (!stopped_) {
    int timeout = kLookAgainMs;
    if (dirty) {
      const std::chrono::duration<double, std::milli> left = last_change + rules_.settle - Clock::now();
      timeout = left.count() <= 0 ? 0 : std::min(kLookAgainMs, static_cast<int>(left.count()) + 1);
    }
    pollfd heard[] = {{watch_.fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
    poll(heard, 2, timeout);
    eventfd_t ignored = 0;
    eventfd_read(wake_, &ignored);
    if (hear()) {
      last_change = Clock::now();
      if (!dirty) first_change = last_change;
      dirty = true;
    }
    const auto now = Clock::now();
    const bool is_quiet = now - last_change >= rules_.settle;
    const bool is_due = dirty && (is_quiet || now - first_change >= kMostSettles * rules_.settle);
    if (stopped_ || !(is_due || hurried_)) continue;
    const bool while_written = dirty && !is_quiet && !has_rule();
    if (const std::string open = watch_.open_file(); while_written && !open.empty()) {
      if (is_due && !has_warned) {
        terminal().line("'" + folder_ + "' is never quiet: '" + open +
                        "' is written to all the time, so there is no snapshot; let it be written elsewhere, or say by "
                        "--rule or --complete what is whole");
        has_warned = true;
      }
      continue;
    }
    hurried_ = false;
    dirty = save(while_written) == Saved::kLater;
    first_change = last_change = Clock::now();
  }
}

KeptFolder::Saved KeptFolder::save(bool while_written) {
  try {
    return try_to_save(while_written);
  } catch (const Error& error) {
    if (error.status() == SPOT_E_FENCED) fenced_ = true;
    terminal().line("no snapshot of '" + folder_ + "': " + error.what());
  } catch (const std::exception& error) {
    terminal().line("no snapshot of '" + folder_ + "': " + error.what());
  }
  return Saved::kFailed;
}

KeptFolder::Saved KeptFolder::try_to_save(bool while_written) {
  std::string copy;
  try {
    copy = snapshots_.copy(cancel_);
  } catch (const Error& error) {
    if (error.status() == SPOT_E_BUSY) return Saved::kLater;
    if (error.status() == SPOT_E_NOT_FOUND) return Saved::kNothingToSave;
    throw;
  }
  if (while_written && !Children::runs(command_)) return Saved::kLater;
  if (!is_whole(copy)) return Saved::kNothingToSave;
  const spot_snapshot_report report = snapshots_.commit(cancel_);
  longest_ms_ = std::max(longest_ms_.load(), report.total_ms);
  if (report.outcome == SPOT_SNAPSHOT_UNCHANGED) return Saved::kYes;
  terminal().log(SPOT_LOG_INFO, format("snapshot %llu of '%s': %llu files, %s (%s copied), durable after %.0f ms",
                                       static_cast<unsigned long long>(report.generation), folder_.c_str(),
                                       static_cast<unsigned long long>(report.files), megabytes(report.bytes).c_str(),
                                       megabytes(report.bytes_copied).c_str(), report.total_ms));
  return Saved::kYes;
}

bool KeptFolder::finish(bool cut_off) {
  end_thread();
  if (fenced_) return false;
  hear();
  if (cut_off && !has_rule() && !quiet()) {
    terminal().line("no snapshot of '" + folder_ + "' at the end: the command was killed while it wrote there");
    return true;
  }
  const Saved saved = save(false);
  return saved == Saved::kYes || saved == Saved::kNothingToSave;
}

}  // namespace spotctl
