#pragma once

#include <filesystem>
#include <string>

namespace spot {

/// A folder is shared when its group may do all in it and its files get its group (mode 2770).
constexpr unsigned kSharedFolder = 02770;
constexpr unsigned kSharedFile = 0660;
bool is_shared(int folder);

/// Shares a file or folder that was made just now in `folder` when that is shared, whatever the umask. Returns errno.
int share_like(int folder, int made);
/// The same for a file that is, or will be, in the folder `parent`; one that cannot be opened shares nothing.
int share_in(const std::filesystem::path& parent, int made);

/// What the owner of a volume's folder does so that another user of its group may use it.
constexpr const char* kShareVolume =
    "let its owner run once with volume_mode=group, or 'chmod -R g+rwX' it and 'chmod g+s' its folders";

/// Throws like fail_errno. Where the system forbids it, the message also says whose `path` is, its mode, who asks, and
/// `remedy`. A path that cannot be looked at is spoken of by the folder above it.
[[noreturn]] void fail_path(const std::string& message, int os_errno, const std::filesystem::path& path,
                            const std::string& remedy = {});

}  // namespace spot
