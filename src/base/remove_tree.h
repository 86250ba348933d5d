#pragma once

#include <string>

#include "base/file.h"

namespace spot {

/// Removes `name` of an open folder: a file, a link, which is not followed, or a folder with all that is in it. What
/// cannot be removed stays, without a word.
void remove_tree(const Fd& folder, const std::string& name);

}  // namespace spot
