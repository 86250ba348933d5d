#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>
#include <zlib.h>

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
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.status() == Status::kData);
    return error.what();
  }
  return "";
}

std::string idx(std::vector<std::uint32_t> extents, const std::string& values, char type = 8) {
  std::string bytes = {0, 0, type, static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(extent >> shift));
  }
  return bytes + values;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string zipped(const std::string& content) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(content.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
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
  return open_dataset({.name = folder.string(), .cache_directory = cache, .mirrors = {}, .validation_size = validation},
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
  const IdxArray array = parse_idx(bytes_of(good), 3, "f");
  CHECK(array.extents == std::vector<std::uint32_t>{2, 2, 2});
  CHECK(array.values[7] == 'h');

  const auto refusal = [](const std::string& bytes) { return message_of([&] { parse_idx(bytes_of(bytes), 3, "f"); }); };
  CHECK(refusal("\1" + good.substr(1)).find("two zero bytes") != std::string::npos);
  CHECK(refusal(idx({2, 2, 2}, "abcdefgh", 13)).find("type 13") != std::string::npos);
  CHECK(refusal(idx({7}, "abcdefg")).find("header alone") != std::string::npos);
  CHECK(refusal(idx({8}, "abcdefghijklmnop")).find("exchanged") != std::string::npos);
  CHECK(refusal(good.substr(0, good.size() - 1)).find("cut off") != std::string::npos);
  CHECK(refusal(good + "i").find("1 bytes follow") != std::string::npos);
  CHECK(refusal(idx({0, 2, 2}, "")).find("dimension 1 is empty") != std::string::npos);
  CHECK(refusal(idx({0xffffffff, 0xffffffff, 0xffffffff}, "x")).find("announces") != std::string::npos);
  CHECK(refusal("").find("0 bytes") != std::string::npos);
  CHECK(refusal("<html>").find("web page") != std::string::npos);
}

TEST_CASE("gzip content comes back, and damage of any kind does not") {
  const std::string content = idx({3, 40, 40}, std::string(4800, 'z'));
  const std::string good = zipped(content);
  const auto back = gunzip(bytes_of(good), 1 << 20, "f");
  CHECK(std::equal(back.begin(), back.end(), bytes_of(content).begin(), bytes_of(content).end()));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(message_of([&] { gunzip(bytes_of(good.substr(0, size)), 1 << 20, "f"); }).empty());
  }
  std::string damaged = good;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  CHECK_FALSE(message_of([&] { gunzip(bytes_of(damaged), 1 << 20, "f"); }).empty());
  CHECK(message_of([&] { gunzip(bytes_of(good + "x"), 1 << 20, "f"); }).find("follow") != std::string::npos);
  const std::string bomb = zipped(std::string(std::size_t{8} << 20, '\0'));
  CHECK(message_of([&] { gunzip(bytes_of(bomb), 1 << 20, "f"); }).find("more than") != std::string::npos);
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
  CHECK(message_of([&] { open(folder.path() / "d", folder.path()); }).find("do not belong together") !=
        std::string::npos);
  write_file_atomically(labels, idx({12}, std::string("\0\1\2\0\1\2\0\1\2\0\1\xc8", 12)));
  CHECK(message_of([&] { open(folder.path() / "d", folder.path()); }).find("label 200 at byte 19") !=
        std::string::npos);
  write_file_atomically(labels, idx({12}, std::string("\0\1\1\0\1\1\0\1\1\0\1\1", 12)));
  CHECK(message_of([&] { open(folder.path() / "d", folder.path()); }).find("no training sample has") !=
        std::string::npos);
}

TEST_CASE("file names of all kinds are found, ambiguous ones refused") {
  const TemporaryDirectory folder;
  const auto touch = [&](const char* name) { write_file_atomically(folder.path() / name, std::string("x")); };
  for (const char* name : {"emnist-letters-train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte",
                           "test-images.idx3-ubyte.gz", "t10k-labels-idx1-ubyte"}) {
    touch(name);
  }
  const ImageFiles files = find_image_files(folder.path());
  CHECK(files.train_images.filename() == "emnist-letters-train-images-idx3-ubyte.gz");
  CHECK(files.test_images.filename() == "test-images.idx3-ubyte.gz");
  touch("emnist-digits-train-images-idx3-ubyte.gz");
  CHECK(message_of([&] { find_image_files(folder.path()); }).find("could both be") != std::string::npos);
}

TEST_CASE("unzipped copies are kept, and made anew when damaged") {
  const TemporaryDirectory folder;
  const fs::path data = folder.path() / "d", cache = folder.path() / "cache";
  fs::create_directories(cache);
  write_dataset(data);
  const std::string images = read_text_file(data / "train-images-idx3-ubyte", 1000);
  fs::remove(data / "train-images-idx3-ubyte");
  write_file_atomically(data / "train-images-idx3-ubyte.gz", zipped(images));
  const std::string fingerprint = open(data, cache).fingerprint;
  const fs::path kept = fs::directory_iterator(cache)->path();
  CHECK(read_text_file(kept, 1000) == images);
  CHECK(open(data, cache).fingerprint == fingerprint);
  write_file_atomically(kept, "y" + images.substr(1));
  CHECK(open(data, cache).fingerprint == fingerprint);
  CHECK(read_text_file(fs::directory_iterator(cache)->path(), 1000) == images);
  // A source that changed is not mistaken for the old one.
  write_file_atomically(data / "train-images-idx3-ubyte.gz", zipped(idx({12, 2, 3}, std::string(72, 'q'))));
  CHECK(open(data, cache).fingerprint != fingerprint);
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
