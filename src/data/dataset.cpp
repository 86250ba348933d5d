#include "data/dataset.h"

#include <cstring>
#include <fcntl.h>
#include <optional>

#include "base/file.h"
#include "base/hash.h"
#include "base/lower_case.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "data/content_cache.h"
#include "data/dataset_builder.h"
#include "data/download.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/image_files.h"
#include "data/named_dataset.h"
#include "data/npz.h"
#include "data/synthetic.h"

namespace spot {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 33;  // 8 GiB uncompressed

Content mapped(std::shared_ptr<const MappedFile> file, std::string origin) {
  const auto bytes = file->bytes();
  return {bytes, std::move(file), std::move(origin)};
}

Content held(std::vector<std::byte> bytes, std::string origin) {
  auto memory = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view = *memory;
  return {view, std::move(memory), std::move(origin)};
}

/// The content of a file, unpacked when it is gzip: what is in it decides, not its name.
Content open_content(const std::filesystem::path& path, const ContentCache& cache, const StopCheck& stop) {
  std::vector<std::byte> bytes = read_file(path, kMaxFile, Links::kFollow, stop);
  if (!is_gzip(bytes)) return held(std::move(bytes), path.string());
  Hasher hasher;
  in_pieces(bytes, stop, cat("reading '", path.string(), "'"),
            [&](std::span<const std::byte> piece) { hasher.update(piece.data(), piece.size()); });
  const std::string key = cat(kUnpackedPrefix, hasher.digest().hex());
  if (auto file = cache.find(key, stop)) return mapped(std::move(file), path.string());
  bytes = gunzip(bytes, kMaxFile, path.string(), stop);
  cache.put(key, bytes, stop);
  return held(std::move(bytes), path.string());
}

bool is_same(const Content& a, const Content& b, const StopCheck& stop) {
  if (a.bytes.size() != b.bytes.size()) return false;
  bool same = true;
  in_pieces(a.bytes, stop, cat("comparing '", a.origin, "'"), [&](std::span<const std::byte> piece) {
    const auto at = piece.data() - a.bytes.data();
    same = same && std::memcmp(piece.data(), b.bytes.data() + at, piece.size()) == 0;
  });
  return same;
}

/// The content that all candidates have which can be read at all. One that cannot is reported, unless it is the only.
Content open_candidate(const ImageFiles::Candidates& paths, const ContentCache& cache, const StopCheck& stop,
                       const Log& log) {
  std::optional<Content> chosen;
  for (const std::filesystem::path& path : paths) {
    std::optional<Content> content;
    try {
      content = open_content(path, cache, stop);
    } catch (const Error& error) {
      const bool unreadable = error.status() == Status::kData || error.status() == Status::kIo;
      if (!unreadable || (!chosen && path == paths.back())) throw;
      log.warning(cat("passed over, for there is another file of that kind: ", error.what()));
      continue;
    }
    if (chosen && !is_same(*chosen, *content, stop)) {
      fail(Status::kData, cat("'", chosen->origin, "' and '", path.string(),
                              "' could both be meant, and differ: keep one dataset a folder"));
    }
    if (!chosen) chosen = std::move(content);
  }
  return std::move(*chosen);
}

}  // namespace

ImageSet ImageSet::part(std::uint32_t first, std::uint32_t length) const {
  const std::size_t size = image_bytes();
  ImageSet result = *this;
  result.images = images.subspan(first * size, length * size);
  result.labels = labels.subspan(first, length);
  result.count = length;
  return result;
}

void Dataset::split_off_validation(std::uint32_t size) {
  ImageSet whole = train;
  // The validation set lies right behind.
  whole.count += validation.count;
  whole.images = {train.images.data(), whole.count * train.image_bytes()};
  whole.labels = {train.labels.data(), whole.count};
  if (size >= whole.count) {
    fail(Status::kConfig,
         cat("validation_size ", size, " leaves none of the ", whole.count, " training samples to train on"));
  }
  train = whole.part(0, whole.count - size);
  validation = whole.part(whole.count - size, size);
}

namespace {

bool is_npz(const std::filesystem::path& path) {
  return lower_case(path.extension().string()) == ".npz";
}

Dataset open_npz(const std::filesystem::path& path, const DatasetRequest& request, const StopCheck& stop,
                 const Log& log) {
  const Content archive = held(read_file(path, kMaxFile, Links::kFollow, stop), path.string());
  DatasetBuilder builder(request.name, stop, log);
  add_arrays(list_npz(archive, kMaxFile, stop), archive.origin, stop, builder);
  return builder.build(request.validation_size);
}

/// NumPy's files in a folder.
struct ArrayFiles {
  std::vector<std::filesystem::path> archives;
  std::vector<ArraySource> arrays;  ///< those that have the name of a dataset's part
};

ArrayFiles find_array_files(const std::filesystem::path& folder, const ContentCache& cache, const StopCheck& stop) {
  ArrayFiles files;
  for (const std::string& file : entry_names(open_file(folder, O_RDONLY | O_DIRECTORY))) {
    const std::filesystem::path path = folder / file;
    if (is_npz(path) && !file.starts_with('.')) files.archives.push_back(path);
    const std::string name = array_name(file);
    if (names_array(name))
      files.arrays.push_back({name, [=, &cache, &stop] { return open_content(path, cache, stop); }});
  }
  return files;
}

Dataset open_arrays(const ArrayFiles& files, const DatasetRequest& request, const StopCheck& stop, const Log& log) {
  if (files.archives.size() + (files.arrays.empty() ? 0 : 1) > 1) {
    fail(Status::kData,
         cat("dataset folder '", request.name, "' has '", files.archives[0].filename().string(),
             "' and more of NumPy's files: give the path of one .npz file, or keep one dataset a folder"));
  }
  if (!files.archives.empty()) return open_npz(files.archives[0], request, stop, log);
  DatasetBuilder builder(request.name, stop, log);
  add_arrays(files.arrays, request.name, stop, builder);
  return builder.build(request.validation_size);
}

Dataset open_idx_files(const DatasetRequest& request, const ContentCache& cache, const StopCheck& stop,
                       const Log& log) {
  const ImageFiles files = find_image_files(request.name);
  const auto open = [&](const ImageFiles::Candidates& paths) { return open_candidate(paths, cache, stop, log); };
  DatasetBuilder builder(request.name, stop, log);
  builder.add_train(read_idx_part(open(files.train_images), open(files.train_labels), stop));
  builder.add_test(read_idx_part(open(files.test_images), open(files.test_labels), stop));
  return builder.build(request.validation_size);
}

/// IDX files where they are there, else NumPy's.
Dataset open_folder(const DatasetRequest& request, const ContentCache& cache, const StopCheck& stop, const Log& log) {
  const ArrayFiles arrays = find_array_files(request.name, cache, stop);
  const bool has_arrays = !arrays.archives.empty() || !arrays.arrays.empty();
  try {
    return open_idx_files(request, cache, stop, log);
  } catch (const Error& error) {
    if (error.status() != Status::kNotFound || !has_arrays) throw;
  }
  return open_arrays(arrays, request, stop, log);
}

bool holds_images(const NamedFile& file) {
  return file.name.find("idx3") != std::string_view::npos;
}

/// The size of that file: a server must not make us unpack more.
std::uint64_t content_size(const NamedFile& file) {
  return holds_images(file) ? 16 + std::uint64_t{file.count} * 28 * 28 : 8 + std::uint64_t{file.count};
}

/// Throws unless the uncompressed bytes are that file.
void check_named_file(const NamedFile& file, std::span<const std::byte> bytes, const std::string& url,
                      const StopCheck& stop) {
  const IdxArray array = parse_idx(bytes, url);
  if (array.extents[0] != file.count || bytes.size() != content_size(file)) {
    fail(Status::kData, cat(url, " holds ", array.extents[0], " entries where ", file.count, " are expected"));
  }
  if (file.sha256.empty()) return;
  const std::string digest = sha256_hex(bytes, stop);
  if (digest != file.sha256) {
    fail(Status::kData, cat(url, " has SHA-256 ", digest, " where ", file.sha256, " is expected"));
  }
}

Content open_named_file(const NamedDataset& dataset, const NamedFile& file, const DatasetRequest& request,
                        const ContentCache& cache, const StopCheck& stop, const Log& log) {
  const std::string key = cat(dataset.name, "-", file.name);
  if (auto found = cache.find(key, stop)) return mapped(std::move(found), key);
  if (request.cache_directory.empty()) {
    fail(Status::kNetwork,
         cat("dataset '", dataset.name,
             "' is downloaded to a volume, and none is set: set volume, or give a folder as dataset"));
  }
  if (request.read_only) {
    fail(Status::kNetwork, cat("dataset '", dataset.name, "' is not in '", request.cache_directory.string(),
                               "' and cannot be fetched to it, which is read-only: give a folder as dataset"));
  }
  Download download{.name = cat(file.name, ".gz"),
                    .mirrors = {},
                    .part = request.cache_directory / (key + ".gz.part"),
                    .limit = std::uint64_t{1} << 28};
  for (const std::string& mirror : request.mirrors) {
    download.mirrors.push_back(mirror.ends_with('/') ? mirror : mirror + '/');
  }
  download.mirrors.insert(download.mirrors.end(), dataset.mirrors.begin(), dataset.mirrors.end());
  std::vector<std::byte> content;
  fetch(
      download,
      [&](std::span<const std::byte> bytes, const std::string& url) {
        if (!is_gzip(bytes)) fail(Status::kData, cat(url, " sent something that is no gzip file"));
        content = gunzip(bytes, content_size(file), url, stop);
        check_named_file(file, content, url, stop);
      },
      stop, log);
  cache.put(key, content, stop);
  return held(std::move(content), key);
}

Dataset open_named(const NamedDataset& named, const DatasetRequest& request, const ContentCache& cache,
                   const StopCheck& stop, const Log& log) {
  std::vector<Content> contents;
  for (const NamedFile& file : named.files) {
    contents.push_back(open_named_file(named, file, request, cache, stop, log));
  }
  DatasetBuilder builder(std::string(named.name), stop, log);
  builder.add_train(read_idx_part(contents[0], contents[1], stop));
  builder.add_test(read_idx_part(contents[2], contents[3], stop));
  return builder.build(request.validation_size);
}

std::vector<std::byte> to_idx(const std::vector<std::uint32_t>& extents, std::span<const std::uint8_t> values) {
  std::vector<std::byte> bytes = {std::byte{0}, std::byte{0}, std::byte{8}, static_cast<std::byte>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::byte>(extent >> shift));
  }
  const auto tail = std::as_bytes(values);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

/// Images and labels of one split of the synthetic digits, drawn once a volume.
std::pair<Content, Content> open_synthetic(const DatasetRequest& request, const char* split, std::uint32_t first,
                                           std::uint32_t count, const ContentCache& cache, const StopCheck& stop) {
  const std::string key = cat("synthetic-1-", request.synthetic_seed, "-", first, "-", count, "-", split);
  auto images = cache.find(key + "-images", stop);
  auto labels = cache.find(key + "-labels", stop);
  if (images && labels) return {mapped(std::move(images), key), mapped(std::move(labels), key)};
  const SyntheticDigits digits = draw_synthetic_digits(request.synthetic_seed, first, count, stop);
  std::vector<std::byte> image_bytes = to_idx({count, kSyntheticSize, kSyntheticSize}, digits.images);
  std::vector<std::byte> label_bytes = to_idx({count}, digits.labels);
  cache.put(key + "-images", image_bytes, stop);
  cache.put(key + "-labels", label_bytes, stop);
  return {held(std::move(image_bytes), key), held(std::move(label_bytes), key)};
}

Dataset open_synthetic(const DatasetRequest& request, const ContentCache& cache, const StopCheck& stop,
                       const Log& log) {
  const auto train = open_synthetic(request, "train", 0, request.synthetic_train, cache, stop);
  const auto test = open_synthetic(request, "test", request.synthetic_train, request.synthetic_test, cache, stop);
  DatasetBuilder builder("synthetic", stop, log);
  builder.add_train(read_idx_part(train.first, train.second, stop));
  builder.add_test(read_idx_part(test.first, test.second, stop));
  return builder.build(request.validation_size);
}

/// Digits drawn by program in the place of MNIST.
Dataset open_fallback(const DatasetRequest& request, const ContentCache& cache, const StopCheck& stop, const Log& log) {
  Dataset dataset = open_synthetic(request, cache, stop, log);
  dataset.fallback = true;
  return dataset;
}

Dataset open_auto(const DatasetRequest& request, const ContentCache& cache, const StopCheck& stop, const Log& log) {
  if (request.begun_with == "synthetic") {
    log.warning(
        "SYNTHETIC DATA: this run began with digits drawn by program in the place of MNIST, and goes on with them; for "
        "MNIST start a run on another volume");
    return open_fallback(request, cache, stop, log);
  }
  const bool is_known = find_named_dataset(request.begun_with) != nullptr;
  const std::string name = is_known ? request.begun_with : "mnist";
  try {
    return open_named(*find_named_dataset(name), request, cache, stop, log);
  } catch (const Error& error) {
    if (error.status() != Status::kNetwork) throw;
    if (is_known) {
      throw Error(Status::kNetwork,
                  cat("this run began with ", name, ", which is not cached any more, and nothing else can take its ",
                      "place: ", error.what()),
                  error.details());
    }
    log.debug(error.what());
    log.warning(
        "SYNTHETIC DATA: MNIST is neither cached nor to be had now, so this run trains on digits drawn by program, to "
        "its end; for MNIST set dataset_mirrors, or dataset to a folder of its files, before the first checkpoint");
  }
  return open_fallback(request, cache, stop, log);
}

}  // namespace

bool is_known_dataset(const std::string& name) {
  return name == "auto" || name == "synthetic" || find_named_dataset(name) != nullptr;
}

Dataset open_dataset(const DatasetRequest& request, const StopCheck& stop, const Log& log) {
  const ContentCache cache(request.cache_directory, log, request.read_only);
  if (!request.read_only) cache.sweep();
  if (request.name == "synthetic") return open_synthetic(request, cache, stop, log);
  if (request.name == "auto") return open_auto(request, cache, stop, log);
  if (const NamedDataset* named = find_named_dataset(request.name)) {
    return open_named(*named, request, cache, stop, log);
  }
  std::error_code error;
  if (std::filesystem::is_directory(request.name, error)) return open_folder(request, cache, stop, log);
  if (std::filesystem::exists(request.name, error)) {
    if (is_npz(request.name)) return open_npz(request.name, request, stop, log);
    fail(Status::kConfig,
         cat("dataset '", printable(request.name, 200), "' is a file, but no .npz: give the folder that it is in"));
  }
  fail(Status::kNotFound,
       cat("dataset '", printable(request.name, 200),
           "' is neither a folder nor an .npz file nor one of auto, mnist, fashion-mnist, kmnist, synthetic"));
}

}  // namespace spot
