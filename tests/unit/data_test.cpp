#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>

#include <doctest/doctest.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/text.h"
#include "data/content_cache.h"
#include "data/dataset.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/image_files.h"
#include "data/sampler.h"
#include "data/synthetic.h"
#include "support/deflate.h"
#include "support/failure.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::deflated, spot::test::message_of, spot::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

/// What the action says of unfit data.
template <typename Action>
std::string refusal_of(const Action& action) {
  return message_of(Status::kData, action);
}

std::string idx(std::vector<std::uint32_t> extents, const std::string& values, char type = 8) {
  std::string bytes = {0, 0, type, static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(extent >> shift));
  }
  return bytes + values;
}

/// Numbers as they lie in an IDX file.
template <typename Number>
std::string big_endian(const std::vector<Number>& values) {
  std::string bytes;
  for (const Number value : values) {
    std::string one(sizeof value, '\0');
    std::memcpy(one.data(), &value, sizeof value);
    bytes.append(one.rbegin(), one.rend());
  }
  return bytes;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// A folder with 12 training and 6 test images of 2 x 3 pixels.
void write_dataset(const fs::path& folder) {
  fs::create_directories(folder);
  write_file_atomically(folder / "train-images-idx3-ubyte", idx({12, 2, 3}, std::string(72, 'x')));
  write_file_atomically(folder / "train-labels-idx1-ubyte", idx({12}, std::string("\0\1\2\0\1\2\0\1\2\0\1\2", 12)));
  write_file_atomically(folder / "t10k-images-idx3-ubyte", idx({6, 2, 3}, std::string(36, 'y')));
  write_file_atomically(folder / "t10k-labels-idx1-ubyte", idx({6}, std::string("\0\1\2\0\1\2", 6)));
}

Dataset open(const fs::path& folder, const fs::path& cache, std::uint32_t validation = 0) {
  return open_dataset({.name = folder.string(),
                       .begun_with = "",
                       .cache_directory = cache,
                       .mirrors = {},
                       .validation_size = validation},
                      {}, Log());
}

}  // namespace

TEST_CASE("SHA-256 gives the values of FIPS 180-4's examples") {
  CHECK(sha256_hex(bytes_of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(bytes_of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(bytes_of(std::string(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("an IDX file is read, and every lie of its header is caught by name") {
  const std::string good = idx({2, 2, 2}, "abcdefgh");
  const IdxArray array = parse_idx(bytes_of(good), "f");
  CHECK(array.extents == std::vector<std::uint32_t>{2, 2, 2});
  CHECK(array.values[7] == std::byte{'h'});

  const auto refusal = [](const std::string& bytes) {
    return refusal_of([&] { read_idx_images(bytes_of(bytes), "f", {}); });
  };
  CHECK(refusal("\1" + good.substr(1)).find("two zero bytes") != std::string::npos);
  CHECK(refusal(idx({2, 2, 2}, "abcdefgh", 10)).find("type 10") != std::string::npos);
  CHECK(refusal(idx({7, 7, 7}, "").substr(0, 12)).find("header alone") != std::string::npos);
  CHECK(refusal(idx({8}, "abcdefgh")).find("exchanged") != std::string::npos);
  CHECK(refusal(good.substr(0, good.size() - 1)).find("cut off") != std::string::npos);
  CHECK(refusal(good + "i").find("1 bytes follow") != std::string::npos);
  CHECK(refusal(idx({0, 2, 2}, "")).find("dimension 1 is empty") != std::string::npos);
  CHECK(refusal(idx({0xffffffff, 0xffffffff, 0xffffffff}, "x")).find("announces") != std::string::npos);
  CHECK(refusal("").find("0 bytes") != std::string::npos);
  CHECK(refusal("<html>").find("web page") != std::string::npos);
  CHECK(refusal("PK\3\4").find("zip archive") != std::string::npos);
  CHECK(refusal(std::string("\0\0\10\0", 4)).find("no dimensions") != std::string::npos);
  CHECK(refusal(idx({2, 3, 8, 8}, std::string(384, 'x'))).find("[2][3][8][8], with the channels first") !=
        std::string::npos);
  CHECK(refusal(idx({2, 2, 2, 3, 1}, std::string(24, 'x'))).find("[2][2][2][3][1]") != std::string::npos);
  CHECK(refusal(idx({2, 4}, "abcdefgh")).find("[2][4]") != std::string::npos);
}

TEST_CASE("images of one channel and of any type are read when their values are pixels, else named") {
  const auto pixels = [](const std::string& bytes) {
    const IdxImages images = read_idx_images(bytes_of(bytes), "f", {});
    CHECK(images.shape.count == 2);
    CHECK(images.shape.rows == 1);
    CHECK(images.shape.columns == 2);
    CHECK(images.shape.channels == 1);
    return std::vector<int>(images.pixels.view.begin(), images.pixels.view.end());
  };
  const std::vector<int> expected = {0, 1, 128, 255};
  const std::string values = {0, 1, char(128), char(255)};
  CHECK(pixels(idx({2, 1, 2}, values)) == expected);
  CHECK(pixels(idx({2, 1, 2, 1}, values)) == expected);
  CHECK(pixels(idx({2, 1, 1, 2}, values)) == expected);
  CHECK(pixels(idx({2, 1, 2}, big_endian<std::int32_t>({0, 1, 128, 255}), 12)) == expected);
  CHECK(pixels(idx({2, 1, 2}, big_endian<float>({0, 1, 128, 255}), 13)) == expected);
  CHECK(pixels(idx({2, 1, 2}, big_endian<float>({0, 1 / 255.F, 128 / 255.F, 1}), 13)) == expected);
  CHECK(pixels(idx({2, 1, 2}, big_endian<double>({0, 1 / 255.0, 128 / 255.0, 1}), 14)) == expected);
  const auto refusal = [](const std::string& bytes) {
    return refusal_of([&] { read_idx_images(bytes_of(bytes), "f", {}); });
  };
  CHECK(refusal(idx({2, 1, 2}, big_endian<float>({0, 0.4999F, 1, 1}), 13)).find("0.4999") != std::string::npos);
  CHECK(refusal(idx({2, 1, 2}, big_endian<float>({-1, 0, 1, 1}), 13)).find("value -1") != std::string::npos);
  CHECK(refusal(idx({2, 1, 2}, big_endian<std::int32_t>({0, 1, 2, 256}), 12)).find("256 is none of") !=
        std::string::npos);
  CHECK_NOTHROW(read_idx_images(bytes_of(idx({2, 1, 2}, "abcd", 9)), "f", {}));
  CHECK(refusal(idx({2, 1, 2}, "abc\xff", 9)).find("value -1") != std::string::npos);
}

TEST_CASE("images of several channels have them last, in files as in memory") {
  const IdxImages images = read_idx_images(bytes_of(idx({2, 4, 5, 3}, std::string(120, 'x'))), "f", {});
  CHECK(images.shape.rows == 4);
  CHECK(images.shape.columns == 5);
  CHECK(images.shape.channels == 3);
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d";
  write_dataset(data);
  write_file_atomically(data / "train-images-idx3-ubyte", idx({12, 1, 2, 3}, std::string(72, 'x')));
  const std::string grey = open(data, folder.path()).fingerprint;
  write_dataset(data);
  CHECK(open(data, folder.path()).fingerprint == grey);
  write_file_atomically(data / "train-images-idx3-ubyte", idx({12, 2, 3, 2}, std::string(144, 'x')));
  CHECK(refusal_of([&] { open(data, folder.path()); }).find("2 x 3 x 2, test images") != std::string::npos);
  write_file_atomically(data / "t10k-images-idx3-ubyte", idx({6, 2, 3, 2}, std::string(72, 'y')));
  const Dataset dataset = open(data, folder.path(), 2);
  CHECK(dataset.train.channels == 2);
  CHECK(dataset.test.channels == 2);
  CHECK(dataset.validation.images.data() == dataset.train.images.data() + 120);
  CHECK(dataset.fingerprint != grey);
}

TEST_CASE("labels of any type are read, the first of QMNIST's eight columns too") {
  const auto labels = [](const std::string& bytes) {
    const ByteValues values = read_idx_labels(bytes_of(bytes), "f", {});
    return std::vector<int>(values.view.begin(), values.view.end());
  };
  const std::vector<int> expected = {3, 8};
  CHECK(labels(idx({2}, "\3\10")) == expected);
  CHECK(labels(idx({2, 1}, "\3\10")) == expected);
  CHECK(labels(idx({2}, big_endian<std::int32_t>({3, 8}), 12)) == expected);
  CHECK(labels(idx({2, 8}, big_endian<std::int32_t>({3, 4, 700, 0, 0, 0, -1, 0, 8, 1, 1, 1, 1, 1, 1, 99999}), 12)) ==
        expected);
  const auto refusal = [&](const std::string& bytes) { return refusal_of([&] { labels(bytes); }); };
  CHECK(refusal(idx({2}, big_endian<std::int32_t>({3, 300}), 12)).find("300 is none of the labels") !=
        std::string::npos);
  CHECK(refusal(idx({2, 10}, std::string(20, '\0'))).find("[2][10]") != std::string::npos);
  // Eight classes, one of them hot, are no QMNIST.
  CHECK(refusal(idx({2, 8}, std::string(16, '\1'))).find("[2][8] and its values are of type 8") != std::string::npos);
  CHECK(refusal(idx({2, 8}, big_endian<float>(std::vector<float>(16, 1)), 13)).find("type 13") != std::string::npos);
  CHECK(refusal(idx({1, 2, 2}, "abcd")).find("exchanged") != std::string::npos);
}

TEST_CASE("gzip content comes back, and damage of any kind does not") {
  const std::string content = idx({3, 40, 40}, std::string(4800, 'z'));
  const std::string good = deflated(content, 16 + MAX_WBITS);
  const auto unpacked = [](const std::string& bytes) {
    const auto back = gunzip(bytes_of(bytes), 1 << 20, "f");
    return std::string(reinterpret_cast<const char*>(back.data()), back.size());
  };
  CHECK(unpacked(good) == content);
  CHECK(unpacked(good + deflated("more", 16 + MAX_WBITS) + deflated("", 16 + MAX_WBITS)) == content + "more");
  CHECK(unpacked(good + std::string(1000, '\0')) == content);
  for (std::size_t size = 0; size < good.size(); ++size) {
    refusal_of([&] { unpacked(good.substr(0, size)); });
    if (size > 0) refusal_of([&] { unpacked(good + good.substr(0, size)); });
  }
  std::string damaged = good;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  refusal_of([&] { unpacked(damaged); });
  CHECK(refusal_of([&] { unpacked(good + "x"); }).find("1 bytes follow") != std::string::npos);
  const std::string bomb = deflated(std::string(std::size_t{8} << 20, '\0'), 16 + MAX_WBITS);
  CHECK(refusal_of([&] { unpacked(bomb); }).find("more than") != std::string::npos);
}

TEST_CASE("a folder of IDX files is a dataset; what does not fit together is refused") {
  const TemporaryDirectory folder;
  write_dataset(folder.path() / "d");
  const Dataset dataset = open(folder.path() / "d", folder.path(), 2);
  CHECK(dataset.train.count == 10);
  CHECK(dataset.validation.count == 2);
  CHECK(dataset.test.count == 6);
  CHECK(dataset.train.rows == 2);
  CHECK(dataset.train.columns == 3);
  CHECK(dataset.classes == 3);
  // The validation set is cut off behind the fingerprint.
  CHECK(open(folder.path() / "d", folder.path()).fingerprint == dataset.fingerprint);

  const fs::path labels = folder.path() / "d" / "train-labels-idx1-ubyte";
  write_file_atomically(labels, idx({11}, std::string(11, '\0')));
  CHECK(refusal_of([&] { open(folder.path() / "d", folder.path()); }).find("do not belong together") !=
        std::string::npos);
}

TEST_CASE("classes may be missing: from training, from the test set, or from both") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d";
  write_dataset(data);
  std::string told;
  const Log log([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) told += text;
  });
  const auto classes = [&](const std::string& train, const std::string& test) {
    write_file_atomically(data / "train-labels-idx1-ubyte", idx({12}, train));
    write_file_atomically(data / "t10k-labels-idx1-ubyte", idx({6}, test));
    told.clear();
    return open_dataset({.name = data.string(), .begun_with = "", .cache_directory = folder.path(), .mirrors = {}}, {},
                        log)
        .classes;
  };
  CHECK(classes("\3\10\3\10\3\10\3\10\3\10\3\10", "\3\10\3\10\3\10") == 9);
  CHECK(classes(std::string("\0\1\2\0\1\2\0\1\2\0\1\2", 12), "\1\1\1\1\1\1") == 3);
  CHECK(told == "");
  CHECK(classes(std::string("\0\1\1\0\1\1\0\1\1\0\1\1", 12), std::string("\0\1\2\0\1\2", 6)) == 3);
  CHECK(told.find("has label 2") != std::string::npos);
  CHECK(classes(std::string("\0\1\2\0\1\2\0\1\2\0\1\xc8", 12), std::string("\0\1\2\0\1\2", 6)) == 201);
  CHECK(told.find("label 200") != std::string::npos);
}

TEST_CASE("the files of a dataset are found however they are named and wherever an unpacker put them") {
  const TemporaryDirectory folder;
  const auto touch = [&](const std::string& name) {
    fs::create_directories((folder.path() / name).parent_path());
    write_file_atomically(folder.path() / name, std::string("x"));
  };
  for (const char* name :
       {"emnist-letters-train-images-idx3-ubyte.gz", "._train-labels-idx1-ubyte",
        "train-labels.idx1-ubyte/train-labels.idx1-ubyte", "inner/train-labels-idx1-ubyte", "test_images.idx3-ubyte",
        "inner/test_images.idx3-ubyte", "qmnist-test-labels-idx2-int.gz", "Train-images.txt"}) {
    touch(name);
  }
  const auto names = [&](const ImageFiles::Candidates& paths) {
    std::vector<std::string> result;
    for (const fs::path& path : paths) result.push_back(fs::relative(path, folder.path()));
    return result;
  };
  using Names = std::vector<std::string>;
  ImageFiles files = find_image_files(folder.path());
  CHECK(names(files.train_images) == Names{"emnist-letters-train-images-idx3-ubyte.gz"});
  CHECK(names(files.train_labels) == Names{"train-labels.idx1-ubyte/train-labels.idx1-ubyte"});
  CHECK(names(files.test_images) == Names{"test_images.idx3-ubyte"});
  CHECK(names(files.test_labels) == Names{"qmnist-test-labels-idx2-int.gz"});
  // The plain file comes first.
  touch("train-images-idx3-ubyte");
  CHECK(names(find_image_files(folder.path()).train_images) ==
        Names{"train-images-idx3-ubyte", "emnist-letters-train-images-idx3-ubyte.gz"});
  fs::remove(folder.path() / "qmnist-test-labels-idx2-int.gz");
  try {
    find_image_files(folder.path());
    FAIL("found");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kNotFound);
    CHECK(std::string(error.what()).find("t10k-labels-idx1-ubyte") != std::string::npos);
  }
}

TEST_CASE("the four files are taken from one place: images of one dataset never get the labels of another") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d", inner = data / "inner";
  write_dataset(data);
  write_dataset(inner);
  write_file_atomically(inner / "train-labels-idx1-ubyte", idx({12}, std::string(12, '\2')));
  const std::string fingerprint = open(data, folder.path()).fingerprint;
  fs::remove(data / "train-labels-idx1-ubyte");
  // The one within is whole; what lies here holds the same.
  CHECK(open(data, folder.path()).fingerprint != fingerprint);
  write_file_atomically(data / "train-images-idx3-ubyte", idx({12, 2, 3}, std::string(72, 'q')));
  CHECK(message_of([&] { open(data, folder.path()); }).find("keep one dataset a folder") != std::string::npos);
  // Neither is whole.
  fs::remove(inner / "t10k-images-idx3-ubyte");
  const std::string message = message_of([&] { open(data, folder.path()); });
  CHECK(message.find("'" + (data / "train-images-idx3-ubyte").string() + "'") != std::string::npos);
  CHECK(message.find("'" + (inner / "train-labels-idx1-ubyte").string() + "'") != std::string::npos);
  // Nobody mixes folders for images and for labels with anything.
  fs::remove_all(inner);
  write_dataset(data);
  for (const char* kind : {"images-idx3-ubyte", "labels-idx1-ubyte"}) {
    fs::create_directories(data / kind);
    for (const char* split : {"train-", "t10k-"}) {
      fs::rename(data / (std::string(split) + kind), data / kind / (std::string(split) + kind));
    }
  }
  CHECK(open(data, folder.path()).train.count == 12);
}

TEST_CASE("of several files for one part any will do when they hold the same; else both are named") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d", plain = data / "train-images-idx3-ubyte";
  write_dataset(data);
  const std::string fingerprint = open(data, folder.path()).fingerprint;
  const std::string images = read_text_file(plain, 1000);
  const fs::path packed = data / "train-images-idx3-ubyte.gz";
  write_file_atomically(packed, deflated(images, 16 + MAX_WBITS));
  CHECK(open(data, folder.path()).fingerprint == fingerprint);
  write_file_atomically(packed, deflated(images, 16 + MAX_WBITS).substr(0, 30));
  CHECK(open(data, folder.path()).fingerprint == fingerprint);
  write_file_atomically(packed, deflated(idx({12, 2, 3}, std::string(72, 'q')), 16 + MAX_WBITS));
  const std::string message = refusal_of([&] { open(data, folder.path()); });
  CHECK(message.find("'" + plain.string() + "'") != std::string::npos);
  CHECK(message.find("'" + packed.string() + "'") != std::string::npos);
  // Content decides, not the name.
  fs::remove(packed);
  fs::rename(plain, packed);
  CHECK(open(data, folder.path()).fingerprint == fingerprint);
  write_file_atomically(plain, deflated(images, 16 + MAX_WBITS));
  fs::remove(packed);
  CHECK(open(data, folder.path()).fingerprint == fingerprint);
}

TEST_CASE("unzipped copies are kept, and made anew when they or their source are not what they were") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d", cache = folder.path() / "cache";
  fs::create_directories(cache);
  write_dataset(data);
  const fs::path packed = data / "train-images-idx3-ubyte.gz";
  const std::string images = read_text_file(data / "train-images-idx3-ubyte", 1000);
  fs::remove(data / "train-images-idx3-ubyte");
  write_file_atomically(packed, deflated(images, 16 + MAX_WBITS));
  const std::string fingerprint = open(data, cache).fingerprint;
  const fs::path kept = fs::directory_iterator(cache)->path();
  CHECK(read_text_file(kept, 1000) == images);
  CHECK(open(data, cache).fingerprint == fingerprint);
  write_file_atomically(kept, "y" + images.substr(1));
  CHECK(open(data, cache).fingerprint == fingerprint);
  CHECK(read_text_file(fs::directory_iterator(cache)->path(), 1000) == images);
  // A source that changed is not mistaken for the old one, whatever its size and time say.
  const auto time = fs::last_write_time(packed);
  const std::string other = deflated(idx({12, 2, 3}, std::string(72, 'q')), 16 + MAX_WBITS);
  REQUIRE(other.size() == deflated(images, 16 + MAX_WBITS).size());
  write_file_atomically(packed, other);
  fs::last_write_time(packed, time);
  CHECK(open(data, cache).fingerprint != fingerprint);
}

TEST_CASE("what a killed process left half-written in the cache is swept, what is being written is not") {
  const TemporaryDirectory folder;
  const ContentCache cache(folder.path(), Log());
  for (const char* name : {".tmp-old", ".tmp-new", "kept"}) {
    write_file_atomically(folder.path() / name, std::string("x"));
  }
  fs::last_write_time(folder.path() / ".tmp-old", fs::file_time_type::clock::now() - std::chrono::hours(1));
  cache.sweep();
  CHECK_FALSE(fs::exists(folder.path() / ".tmp-old"));
  CHECK(fs::exists(folder.path() / ".tmp-new"));
  CHECK(fs::exists(folder.path() / "kept"));
}

TEST_CASE("unpacked copies that nobody used for a week are swept, what is used or was fetched is not") {
  const TemporaryDirectory folder;
  const ContentCache cache(folder.path(), Log());
  const std::string content = "content";
  const auto age = [&] {
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
    }
  };
  for (const char* key : {"unpacked-used", "unpacked-replaced", "mnist-train"}) cache.put(key, bytes_of(content), {});
  age();
  REQUIRE(cache.find("unpacked-used", {}));
  cache.sweep();
  CHECK(cache.find("unpacked-used", {}));
  CHECK(cache.find("mnist-train", {}));
  CHECK_FALSE(cache.find("unpacked-replaced", {}));
}

TEST_CASE("what is cached on a volume of a group is the group's") {
  const TemporaryDirectory folder;
  const ContentCache cache(folder.path(), Log());
  const std::string content = "content";
  const auto mode = [&] { return fs::status(fs::directory_iterator(folder.path())->path()).permissions(); };
  cache.put("k", bytes_of(content), {});
  CHECK(mode() == fs::perms(0600));
  fs::permissions(folder.path(), fs::perms(02770));
  cache.put("k", bytes_of(content), {});
  CHECK(mode() == fs::perms(0660));
}

TEST_CASE("everything about a dataset that takes long is given up when it is asked to, at any moment") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d", cache = folder.path() / "cache";
  write_dataset(data);
  const std::string images = read_text_file(data / "train-images-idx3-ubyte", 1000);
  fs::remove(data / "train-images-idx3-ubyte");
  write_file_atomically(data / "train-images-idx3-ubyte.gz", deflated(images, 16 + MAX_WBITS));
  for (const std::string& name : {data.string(), std::string("synthetic")}) {
    // As many questions as a whole opening asks, so every one of them is answered with yes once.
    int questions = 0;
    for (int yes_at = 1; yes_at == 1 || questions + 1 == yes_at; ++yes_at) {
      fs::remove_all(cache);
      fs::create_directories(cache);
      questions = 0;
      const DatasetRequest request{.name = name,
                                   .begun_with = "",
                                   .cache_directory = cache,
                                   .mirrors = {},
                                   .synthetic_train = 300,
                                   .synthetic_test = 100};
      try {
        open_dataset(
            request, [&] { return ++questions == yes_at; }, Log());
        break;
      } catch (const Error& error) {
        CHECK(error.status() == Status::kCancelled);
        CHECK(std::string(error.what()).starts_with("cancelled while "));
      }
      for (const auto& entry : fs::directory_iterator(cache)) {
        CHECK_FALSE(entry.path().filename().string().starts_with("."));
      }
    }
    CHECK(questions > 8);
  }
}

TEST_CASE("dataset=auto is what it was when the run began") {
  const TemporaryDirectory folder;
  std::string told;
  const Log log([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) told += text;
  });
  const auto open_auto = [&](const std::string& begun_with, const std::string& mirror) {
    return open_dataset({.name = "auto",
                         .begun_with = begun_with,
                         .cache_directory = folder.path(),
                         .mirrors = {mirror},
                         .synthetic_train = 100,
                         .synthetic_test = 100},
                        {}, log);
  };
  const Dataset synthetic = open_auto("synthetic", "http://127.0.0.1:1/");
  CHECK(synthetic.name == "synthetic");
  CHECK(synthetic.fallback);
  CHECK(told.find("another volume") != std::string::npos);
}

TEST_CASE("every epoch visits every sample once, in an order of its own") {
  Sampler sampler(1000, 128, 7), again(1000, 128, 7), other(1000, 128, 8);
  CHECK(sampler.steps_per_epoch() == 8);
  std::vector<std::uint32_t> first, second;
  for (std::uint64_t step = 0; step < 16; ++step) {
    const auto batch = sampler.batch(step);
    CHECK(batch.size() == (step % 8 == 7 ? 1000 - 7 * 128 : 128));
    auto& epoch = step < 8 ? first : second;
    epoch.insert(epoch.end(), batch.begin(), batch.end());
  }
  CHECK(first != second);
  // Any step can be asked for at once: the position is the step alone.
  const auto jumped = again.batch(10);
  CHECK(std::equal(jumped.begin(), jumped.end(), second.begin() + 256));
  CHECK_FALSE(std::equal(first.begin(), first.begin() + 128, other.batch(0).begin()));
  std::sort(first.begin(), first.end());
  for (std::uint32_t i = 0; i < 1000; ++i) CHECK(first[i] == i);
}

TEST_CASE("synthetic digits are the same everywhere, and a part is a part") {
  const SyntheticDigits digits = draw_synthetic_digits(1, 0, 50);
  const SyntheticDigits part = draw_synthetic_digits(1, 20, 30);
  CHECK(std::equal(part.images.begin(), part.images.end(), digits.images.begin() + 20 * 784));
  CHECK(digits.images != draw_synthetic_digits(2, 0, 50).images);
  Hasher hasher;
  hasher.update(digits.images.data(), digits.images.size());
  CHECK(hasher.digest().hex() == "481eab1e9c747be76a8736f4ce1adbac");
}

TEST_CASE("MNIST itself") {
  const char* folder = std::getenv("SPOT_TEST_MNIST");
  if (folder == nullptr) {
    MESSAGE("skipped: SPOT_TEST_MNIST is not set");
    return;
  }
  const TemporaryDirectory cache;
  const Dataset mnist = open(folder, cache.path());
  CHECK(mnist.train.count == 60000);
  CHECK(mnist.test.count == 10000);
  CHECK(mnist.train.rows == 28);
  CHECK(mnist.classes == 10);
  CHECK(mnist.train.labels[0] == 5);
}
