#include "data/image_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

struct Part {
  std::array<std::string_view, 2> splits;  ///< either of these names it
  std::string_view kind;                   ///< "images" or "labels"
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

using Parts = std::array<ImageFiles::Candidates, 4>;

constexpr Part kParts[] = {{{"train", "train"}, "images", "train-images-idx3-ubyte"},
                           {{"train", "train"}, "labels", "train-labels-idx1-ubyte"},
                           {{"t10k", "test"}, "images", "t10k-images-idx3-ubyte"},
                           {{"t10k", "test"}, "labels", "t10k-labels-idx1-ubyte"}};

bool is_there(const ImageFiles::Candidates& found) {
  return !found.empty();
}

bool is_complete(const Parts& parts) {
  return std::ranges::all_of(parts, is_there);
}

/// Adds the files of one part: those that lie in the folder itself to `here`, those of folders within it to `within`.
void find_part(const std::vector<Entry>& entries, const Part& part, ImageFiles::Candidates& here,
               ImageFiles::Candidates& within) {
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
}

/// Neither place has all parts, though both together do: what lies there may be of two datasets.
[[noreturn]] void refuse_mixture(const fs::path& folder, const Parts& here, const Parts& within) {
  const auto held = std::ranges::find_if(here, is_there);
  const auto missing = static_cast<std::size_t>(std::ranges::find_if_not(here, is_there) - here.begin());
  fail(Status::kData, cat("dataset folder '", folder.string(), "' has '", held->front().string(), "' but no '",
                          kParts[missing].example, "', and '", within[missing].front().string(),
                          "' may be of another dataset: put the four files of one dataset into one folder"));
}

ImageFiles::Candidates by_likelihood(ImageFiles::Candidates found) {
  const auto rank = [](const fs::path& path) {
    return std::tuple(path.extension() == ".gz", path.string().size(), path.string());
  };
  std::sort(found.begin(), found.end(), [&](const fs::path& a, const fs::path& b) { return rank(a) < rank(b); });
  return found;
}

}  // namespace

ImageFiles find_image_files(const fs::path& folder) {
  const std::vector<Entry> entries = entries_of(folder);
  Parts here, within;
  for (std::size_t i = 0; i < here.size(); ++i) {
    find_part(entries, kParts[i], here[i], within[i]);
    if (!here[i].empty() || !within[i].empty()) continue;
    fail(Status::kNotFound, cat("there is no '", kParts[i].example, "' (or .gz) in dataset folder '", folder.string(),
                                "', nor in a folder within it, and no .npz or x_train.npy"));
  }
  Parts& parts = is_complete(here) ? here : within;
  if (!is_complete(parts)) refuse_mixture(folder, here, within);
  for (std::size_t i = 0; i < here.size(); ++i) {
    // A stray file beside a folder that has all parts must hold the same as the one within.
    if (&parts == &within) parts[i].insert(parts[i].end(), here[i].begin(), here[i].end());
    parts[i] = by_likelihood(std::move(parts[i]));
  }
  return {std::move(parts[0]), std::move(parts[1]), std::move(parts[2]), std::move(parts[3])};
}

}  // namespace spot
