#include "data/image_files.h"

#include <algorithm>
#include <cctype>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <tuple>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

struct Part {
  std::vector<std::string_view> splits;  ///< any of these names it
  std::string_view kind;                 ///< "images" or "labels"
  std::string_view example;
};

/// Its words in lower case: "Train-images.idx3-ubyte.gz" is train, images, idx3, ubyte, gz.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c == '-' || c == '.' || c == '_') {
      words.emplace_back();
    } else {
      words.back().push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
  }
  return words;
}

/// "..., train, images" or "..., train, images, idx3, ...", with or without "gz" at the end.
bool names_part(std::string_view name, const Part& part) {
  if (name.starts_with('.')) return false;  // what a system keeps beside the files, "._train-images-idx3-ubyte"
  std::vector<std::string> words = words_of(name);
  if (words.back() == "gz") words.pop_back();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] != part.kind || std::find(part.splits.begin(), part.splits.end(), words[i - 1]) == part.splits.end()) {
      continue;
    }
    if (i + 1 == words.size() || words[i + 1].starts_with("idx")) return true;
  }
  return false;
}

struct Entry {
  fs::path path;
  std::string name;
  bool is_folder = false;
};

/// Files and folders; links are followed, in a folder of the user's own.
std::vector<Entry> entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  // Not std::filesystem's iterator, which ends the process when there is no memory.
  for (std::string& name : entry_names(open_file(folder, O_RDONLY | O_DIRECTORY))) {
    std::error_code error;
    const fs::path path = folder / name;
    const fs::file_status status = fs::status(path, error);
    const bool is_folder = fs::is_directory(status);
    if (is_folder || fs::is_regular_file(status)) entries.push_back({path, std::move(name), is_folder});
  }
  return entries;
}

ImageFiles::Candidates find_part(const fs::path& folder, const std::vector<Entry>& entries, const Part& part) {
  ImageFiles::Candidates here, within;
  for (const Entry& entry : entries) {
    if (!entry.is_folder) {
      if (names_part(entry.name, part)) here.push_back(entry.path);
      continue;
    }
    // Some unpackers put each file into a folder of its own name; that is as good as the file itself.
    ImageFiles::Candidates& found = names_part(entry.name, part) ? here : within;
    try {
      for (const Entry& inner : entries_of(entry.path)) {
        if (!inner.is_folder && names_part(inner.name, part)) found.push_back(inner.path);
      }
    } catch (const Error&) {
      // A folder that may not be read is not the user's dataset.
    }
  }
  ImageFiles::Candidates& found = here.empty() ? within : here;
  if (found.empty()) {
    fail(Status::kNotFound, cat("there is no '", part.example, "' (or .gz) in dataset folder '", folder.string(),
                                "', nor in a folder within it"));
  }
  const auto rank = [](const fs::path& path) {
    return std::tuple(path.extension() == ".gz", path.string().size(), path.string());
  };
  std::sort(found.begin(), found.end(), [&](const fs::path& a, const fs::path& b) { return rank(a) < rank(b); });
  return std::move(found);
}

}  // namespace

ImageFiles find_image_files(const fs::path& folder) {
  const std::vector<Entry> entries = entries_of(folder);
  return {.train_images = find_part(folder, entries, {{"train"}, "images", "train-images-idx3-ubyte"}),
          .train_labels = find_part(folder, entries, {{"train"}, "labels", "train-labels-idx1-ubyte"}),
          .test_images = find_part(folder, entries, {{"t10k", "test"}, "images", "t10k-images-idx3-ubyte"}),
          .test_labels = find_part(folder, entries, {{"t10k", "test"}, "labels", "t10k-labels-idx1-ubyte"})};
}

}  // namespace spot
