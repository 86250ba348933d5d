#pragma once

#include <string>

#include "base/clock.h"

namespace spot {

/// A name for a new run: the time (UTC) and four random digits, e.g. "20261123-195535-7f3a". Names
/// sort by age.
std::string make_run_id(const Clock& clock);

/// Throws kConfig unless `run_id` is 1 to 63 letters, digits, '-' and '_': it names files and is a
/// CSV cell.
void check_run_id(const std::string& run_id);

}  // namespace spot
