#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "checkpoint/commit_steps.h"
#include "checkpoint/encoder.h"
#include "checkpoint/lease.h"

namespace spot {

/// A file of the workspace that takes the bytes of the next checkpoint; removed unless it is published.
class SaveFile final : public BlockSink {
 public:
  SaveFile(const Fd& workspace, std::string name, Fd fd, bool recycled, const CommitPromise& promise,
           const Clock& clock);
  ~SaveFile() override;
  SaveFile(const SaveFile&) = delete;
  SaveFile& operator=(const SaveFile&) = delete;

  void begin(std::span<const std::byte> image) override;
  void ready(std::size_t begin, std::size_t end) override;
  /// Steps 3 and 4 of the protocol: fdatasync and close.
  void make_durable();

  [[nodiscard]] const std::string& name() const { return name_; }
  /// It has left the workspace.
  void release() { name_.clear(); }
  [[nodiscard]] std::int64_t write_ns() const { return write_ns_; }

 private:
  void check(int error, const char* what) const;

  const Fd& workspace_;
  std::string name_;
  Fd fd_;
  bool recycled_;
  const CommitPromise& promise_;
  const Clock& clock_;
  std::span<const std::byte> image_;
  std::int64_t write_ns_ = 0;
};

/// The files of a writer on their way into the checkpoint folder and out of it, and the folders of snapshots. Every
/// change that others can see is one rename between the folder and the workspace, so that it fails once the workspace
/// was taken away; it throws kFenced then.
class Workspace {
 public:
  /// Both must outlive it; `folder` is the checkpoint folder.
  Workspace(const Fd& folder, const WriterLease& lease, const CommitPromise& promise, const Clock& clock);
  /// Removes the spare files.
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// Steps 1 and 2: a file to write into, recycled when there is one.
  SaveFile open_save_file();
  /// A folder to fill, for what is more than one file: its name in the workspace. It stays until it is published or
  /// discarded.
  std::string make_folder();
  /// Step 5: gives it its name.
  void publish(SaveFile& file, const std::string& name);
  /// The same for a folder, which whoever made it has made durable with all that is in it.
  void publish(const std::string& own_name, const std::string& name);
  /// Removes something of the workspace.
  void discard(const std::string& own_name) const;
  /// Step 6: makes every change of the folder durable, the recycling of files too. Throws kIo or kNoSpace, beginning
  /// with `what`.
  void make_names_durable(const std::string& what);

  /// Takes a published file back, to be written over by a save after the next make_names_durable(). Of several the
  /// newest is kept.
  void recycle(const std::string& name);
  /// make_names_durable() when there is a recycled file.
  void make_recycling_durable();
  /// Sees to it that there is a spare file of about that size, unless `stop` says so in the middle.
  void prepare_spare(std::size_t size, const StopCheck& stop);

  /// How many files it holds for later saves: at most one spare and one recycled.
  [[nodiscard]] std::size_t files() const { return spares_.size() + recycled_.size(); }
  [[nodiscard]] bool has_spare() const { return !spares_.empty(); }
  /// Removes them to make room; false when there were none.
  bool release();

  /// Removes a file of the folder, or a folder in it, if it is there, durably.
  void remove(const std::string& name);
  /// The same, durably only with the next sync of the folder.
  void drop(const std::string& name);
  /// Renames what is damaged to *.corrupt, by way of the workspace.
  void set_aside(const std::string& name);

 private:
  [[nodiscard]] std::string next_name() { return "save-" + std::to_string(++names_); }
  /// False when there is no such file.
  bool take_out(const std::string& name, const std::string& own_name);
  [[noreturn]] void fail_publish(int error, const std::string& name) const;
  [[noreturn]] void fail_rename(int error, const std::string& what) const;

  const Fd& folder_;
  const WriterLease& lease_;
  const CommitPromise promise_;
  const Clock& clock_;
  std::uint64_t names_ = 0;
  std::vector<std::string> spares_;    ///< may be written over
  std::vector<std::string> recycled_;  ///< may be after make_names_durable()
};

}  // namespace spot
