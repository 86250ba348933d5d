#include "data/image_files.h"

#include <algorithm>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

struct Part {
  std::vector<std::string_view> splits;  ///< any of these names it
  std::string_view kind;                 ///< "images" or "labels"
  std::string_view rank;                 ///< "idx3" or "idx1"
};

bool names_part(std::string_view name, const Part& part) {
  return std::any_of(part.splits.begin(), part.splits.end(), [&](std::string_view split) {
    for (const char* separator : {"-", "."}) {
      const std::string stem = cat(split, "-", part.kind, separator, part.rank, "-ubyte");
      for (const std::string& full : {stem, stem + ".gz"}) {
        if (!name.ends_with(full)) continue;
        const std::size_t prefix = name.size() - full.size();
        if (prefix == 0 || name[prefix - 1] == '-') return true;
      }
    }
    return false;
  });
}

std::filesystem::path find_part(const std::filesystem::path& folder, const std::vector<std::string>& names,
                                const Part& part) {
  std::vector<std::string> plain, zipped;
  for (const std::string& name : names) {
    if (names_part(name, part)) (name.ends_with(".gz") ? zipped : plain).push_back(name);
  }
  const auto& found = plain.empty() ? zipped : plain;
  if (found.size() == 1) return folder / found.front();
  if (found.empty()) {
    fail(Status::kNotFound, cat("there is no '", part.splits.front(), "-", part.kind, "-", part.rank,
                                "-ubyte' (or .gz) in dataset folder '", folder.string(), "'"));
  }
  fail(Status::kData, cat("'", found[0], "' and '", found[1], "' in dataset folder '", folder.string(),
                          "' could both be the ", part.splits.front(), " ", part.kind, ": keep one dataset a folder"));
}

}  // namespace

ImageFiles find_image_files(const std::filesystem::path& folder) {
  // Not std::filesystem's iterator, which ends the process when there is no memory.
  std::vector<std::string> names = entry_names(open_file(folder, O_RDONLY | O_DIRECTORY));
  std::sort(names.begin(), names.end());
  return {.train_images = find_part(folder, names, {{"train"}, "images", "idx3"}),
          .train_labels = find_part(folder, names, {{"train"}, "labels", "idx1"}),
          .test_images = find_part(folder, names, {{"t10k", "test"}, "images", "idx3"}),
          .test_labels = find_part(folder, names, {{"t10k", "test"}, "labels", "idx1"})};
}

}  // namespace spot
