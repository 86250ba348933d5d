#pragma once

#include <filesystem>
#include <string>

namespace spotctl {

/// The commit that is checked out in the git working tree around `directory`, in hex; empty when
/// there is none. Reads git's files and never runs git: nothing in a working tree may make us run a
/// program.
std::string find_code_version(const std::filesystem::path& directory);

}  // namespace spotctl
