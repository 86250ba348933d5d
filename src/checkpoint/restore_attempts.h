#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"

namespace spot {

/// A checkpoint that ends its restorer so many times in a row is set aside.
constexpr int kMaxRestoreAttempts = 3;

/// The file that counts how often a restore was begun and not confirmed: "<checkpoint's name> <attempts> <boot>".
constexpr const char* kAttemptsName = "restoring";

/// Attempts to restore the checkpoint of that name, since this machine was started: a machine that vanished in the
/// middle of a restore says nothing against the checkpoint. 0 for every other one than the last.
int restore_attempts(const std::filesystem::path& directory, const std::string& name);
void write_restore_attempts(const std::filesystem::path& directory, const Fd& staging, const std::string& name,
                            int attempts);

}  // namespace spot
