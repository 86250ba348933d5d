#pragma once

#include <string>
#include <vector>

namespace spotctl {

std::string lower(std::string text);

/// The word that was probably meant: the only one that begins so, or the one that is the fewest edits away (a
/// character inserted, dropped or replaced, two neighbours exchanged), if those are few beside its length. Upper and
/// lower case are the same. Empty: none.
std::string nearest_word(const std::string& typed, const std::vector<std::string>& words);

}  // namespace spotctl
