#include "data/dataset.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "data/content_cache.h"
#include "data/download.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/image_files.h"
#include "data/named_dataset.h"
#include "data/synthetic.h"

namespace spot {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 33;  // 8 GiB uncompressed

/// The bytes of one IDX file and whatever keeps them in memory.
struct Content {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory;
  std::string origin;
};

Content mapped(std::shared_ptr<const MappedFile> file, std::string origin) {
  const auto bytes = file->bytes();
  return {bytes, std::move(file), std::move(origin)};
}

Content held(std::vector<std::byte> bytes, std::string origin) {
  auto memory = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view = *memory;
  return {view, std::move(memory), std::move(origin)};
}

/// What a file is known by without reading it.
std::string identity_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) fail_errno(cat("cannot read '", path.string(), "'"), errno);
  Hasher hasher;
  hasher.update_text(std::filesystem::absolute(path).lexically_normal().string());
  hasher.update_u64(static_cast<std::uint64_t>(info.st_size));
  hasher.update_u64(static_cast<std::uint64_t>(info.st_mtim.tv_sec));
  hasher.update_u64(static_cast<std::uint64_t>(info.st_mtim.tv_nsec));
  return hasher.digest().hex().substr(0, 16);
}

Content open_content(const std::filesystem::path& path, const ContentCache& cache) {
  if (path.extension() != ".gz") return held(read_file(path, kMaxFile), path.string());
  const std::string key = cat(path.stem().string(), ".", identity_of(path));
  if (auto file = cache.find(key)) return mapped(std::move(file), path.string());
  std::vector<std::byte> bytes = gunzip(read_file(path, kMaxFile), kMaxFile, path.string());
  cache.put(key, bytes);
  return held(std::move(bytes), path.string());
}

}  // namespace

ImageSet ImageSet::part(std::uint32_t first, std::uint32_t length) const {
  const std::size_t size = std::size_t{rows} * columns;
  return {images.subspan(first * size, length * size), labels.subspan(first, length), length, rows, columns};
}

/// Assembles and checks a dataset, whatever its files come from.
class DatasetBuilder {
 public:
  explicit DatasetBuilder(std::string name) { dataset_.name = std::move(name); }

  void add(const Content& train_images, const Content& train_labels, const Content& test_images,
           const Content& test_labels) {
    dataset_.train = image_set(train_images, train_labels);
    dataset_.test = image_set(test_images, test_labels);
    if (dataset_.train.rows != dataset_.test.rows || dataset_.train.columns != dataset_.test.columns) {
      fail(Status::kData, cat("training images are ", dataset_.train.rows, " x ", dataset_.train.columns,
                              ", test images ", dataset_.test.rows, " x ", dataset_.test.columns, " ('",
                              test_images.origin, "'): they belong to different datasets"));
    }
  }

  Dataset build(std::uint32_t validation_size) {
    dataset_.classes = std::max(classes_of(dataset_.train), classes_of(dataset_.test));
    dataset_.fingerprint = fingerprint();
    if (validation_size >= dataset_.train.count) {
      fail(Status::kConfig, cat("validation_size ", validation_size, " leaves none of the ", dataset_.train.count,
                                " training samples to train on"));
    }
    const std::uint32_t rest = dataset_.train.count - validation_size;
    dataset_.validation = dataset_.train.part(rest, validation_size);
    dataset_.train = dataset_.train.part(0, rest);
    return std::move(dataset_);
  }

 private:
  ImageSet image_set(const Content& images, const Content& labels) {
    const IdxArray pixels = parse_idx(images.bytes, 3, images.origin);
    const IdxArray classes = parse_idx(labels.bytes, 1, labels.origin);
    if (pixels.extents[0] != classes.extents[0]) {
      fail(Status::kData, cat("'", images.origin, "' has ", pixels.extents[0], " images, '", labels.origin, "' ",
                              classes.extents[0], " labels: they do not belong together"));
    }
    check_labels(classes.values, labels.origin);
    dataset_.memory_.push_back(images.memory);
    dataset_.memory_.push_back(labels.memory);
    return {pixels.values, classes.values, pixels.extents[0], pixels.extents[1], pixels.extents[2]};
  }

  /// Any byte can be a label, but not a lonely one far above the others, nor, among test labels, one that
  /// training has never seen.
  void check_labels(std::span<const std::uint8_t> labels, const std::string& origin) {
    const auto largest = std::max_element(labels.begin(), labels.end());
    bool occurs[256] = {};
    for (const std::uint8_t label : labels) occurs[label] = true;
    const auto distinct = static_cast<std::size_t>(std::count(std::begin(occurs), std::end(occurs), true));
    const bool lonely = *largest + std::size_t{1} > 2 * distinct + 1;
    const bool unseen = !dataset_.train.labels.empty() && *largest >= classes_of(dataset_.train);
    if (!lonely && !unseen) return;
    constexpr std::ptrdiff_t kHeader = 8;
    const std::ptrdiff_t offset = largest - labels.begin() + kHeader;
    fail(Status::kData,
         cat("'", origin, "' has label ", *largest, " at byte ", offset,
             unseen ? ", which no training sample has" : ", far above all other labels",
             ": it is damaged, fetch it again"),
         {.byte_offset = offset});
  }

  static std::uint32_t classes_of(const ImageSet& set) {
    return *std::max_element(set.labels.begin(), set.labels.end()) + 1U;
  }

  [[nodiscard]] std::string fingerprint() const {
    Hasher hasher;
    for (const ImageSet* set : {&dataset_.train, &dataset_.test}) {
      for (const std::uint32_t extent : {set->count, set->rows, set->columns}) hasher.update_u64(extent);
      hasher.update(set->images.data(), set->images.size());
      hasher.update(set->labels.data(), set->labels.size());
    }
    return hasher.digest().hex();
  }

  Dataset dataset_;
};

namespace {

Dataset open_folder(const DatasetRequest& request, const ContentCache& cache) {
  const ImageFiles files = find_image_files(request.name);
  DatasetBuilder builder(request.name);
  builder.add(open_content(files.train_images, cache), open_content(files.train_labels, cache),
              open_content(files.test_images, cache), open_content(files.test_labels, cache));
  return builder.build(request.validation_size);
}

bool holds_images(const NamedFile& file) {
  return file.name.find("idx3") != std::string_view::npos;
}

/// The size of that file: a server must not make us unpack more.
std::uint64_t content_size(const NamedFile& file) {
  return holds_images(file) ? 16 + std::uint64_t{file.count} * 28 * 28 : 8 + std::uint64_t{file.count};
}

/// Throws unless the uncompressed bytes are that file.
void check_named_file(const NamedFile& file, std::span<const std::byte> bytes, const std::string& url) {
  const bool images = holds_images(file);
  const IdxArray array = parse_idx(bytes, images ? 3 : 1, url);
  if (array.extents[0] != file.count || (images && (array.extents[1] != 28 || array.extents[2] != 28))) {
    fail(Status::kData, cat(url, " holds ", array.extents[0], " entries where ", file.count, " are expected"));
  }
  if (file.sha256.empty()) return;
  const std::string digest = sha256_hex(bytes);
  if (digest != file.sha256) {
    fail(Status::kData, cat(url, " has SHA-256 ", digest, " where ", file.sha256, " is expected"));
  }
}

Content open_named_file(const NamedDataset& dataset, const NamedFile& file, const DatasetRequest& request,
                        const ContentCache& cache, const StopCheck& stop, const Log& log) {
  const std::string key = cat(dataset.name, "-", file.name);
  if (auto found = cache.find(key)) return mapped(std::move(found), key);
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
        content = gunzip(bytes, content_size(file), url);
        check_named_file(file, content, url);
      },
      stop, log);
  cache.put(key, content);
  return held(std::move(content), key);
}

Dataset open_named(const NamedDataset& named, const DatasetRequest& request, const ContentCache& cache,
                   const StopCheck& stop, const Log& log) {
  std::vector<Content> contents;
  for (const NamedFile& file : named.files) {
    contents.push_back(open_named_file(named, file, request, cache, stop, log));
  }
  DatasetBuilder builder{std::string(named.name)};
  builder.add(contents[0], contents[1], contents[2], contents[3]);
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
                                           std::uint32_t count, const ContentCache& cache) {
  const std::string key = cat("synthetic-1-", request.synthetic_seed, "-", first, "-", count, "-", split);
  auto images = cache.find(key + "-images");
  auto labels = cache.find(key + "-labels");
  if (images && labels) return {mapped(std::move(images), key), mapped(std::move(labels), key)};
  const SyntheticDigits digits = draw_synthetic_digits(request.synthetic_seed, first, count);
  std::vector<std::byte> image_bytes = to_idx({count, kSyntheticSize, kSyntheticSize}, digits.images);
  std::vector<std::byte> label_bytes = to_idx({count}, digits.labels);
  cache.put(key + "-images", image_bytes);
  cache.put(key + "-labels", label_bytes);
  return {held(std::move(image_bytes), key), held(std::move(label_bytes), key)};
}

Dataset open_synthetic(const DatasetRequest& request, const ContentCache& cache) {
  const auto train = open_synthetic(request, "train", 0, request.synthetic_train, cache);
  const auto test = open_synthetic(request, "test", request.synthetic_train, request.synthetic_test, cache);
  DatasetBuilder builder("synthetic");
  builder.add(train.first, train.second, test.first, test.second);
  return builder.build(request.validation_size);
}

}  // namespace

bool is_known_dataset(const std::string& name) {
  return name == "auto" || name == "synthetic" || find_named_dataset(name) != nullptr;
}

Dataset open_dataset(const DatasetRequest& request, const StopCheck& stop, const Log& log) {
  const ContentCache cache(request.cache_directory, log, request.read_only);
  if (request.name == "synthetic") return open_synthetic(request, cache);
  if (request.name == "auto") {
    try {
      return open_named(*find_named_dataset("mnist"), request, cache, stop, log);
    } catch (const Error& error) {
      if (error.status() != Status::kNetwork) throw;
      log.warning(cat("SYNTHETIC DATA: MNIST is neither cached nor to be had (", error.what(),
                      "), so digits drawn by program are used"));
    }
    Dataset dataset = open_synthetic(request, cache);
    dataset.fallback = true;
    return dataset;
  }
  if (const NamedDataset* named = find_named_dataset(request.name)) {
    return open_named(*named, request, cache, stop, log);
  }
  if (!std::filesystem::is_directory(request.name)) {
    fail(Status::kNotFound, cat("dataset '", printable(request.name, 200),
                                "' is neither a folder nor one of auto, mnist, fashion-mnist, kmnist, synthetic"));
  }
  return open_folder(request, cache);
}

}  // namespace spot
