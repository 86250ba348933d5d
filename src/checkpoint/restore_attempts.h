#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/file.h"

namespace spot {

/// A checkpoint that ends its restorer so many times in a row is set aside.
constexpr int kMaxRestoreAttempts = 3;

/// The file that counts how often restoring a checkpoint was begun and not confirmed: lines of
/// "<checkpoint's name> <attempts> <boot>".
constexpr const char* kAttemptsName = "restoring";

/// Attempts to restore, by the checkpoint's name, since this machine was started: a machine that vanished in the
/// middle of a restore says nothing against the checkpoint.
class RestoreAttempts {
 public:
  /// What the folder's file says; nothing when there is none.
  void load(const std::filesystem::path& directory);
  [[nodiscard]] int of(const std::string& name) const;
  /// One more, written down before it is made.
  void count(const std::string& name, const Fd& staging);
  void clear() { attempts_.clear(); }

 private:
  std::filesystem::path path_;
  std::map<std::string, int> attempts_;
};

}  // namespace spot
