#include "data/npz.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/npy.h"
#include "data/zip.h"
#include "support/deflate.h"
#include "support/failure.h"
#include "support/temporary_directory.h"

// The files in SPOT_TEST_CORPUS were written by NumPy, and those here are made to be wrong.

using namespace spot;
using spot::test::deflated, spot::test::message_of, spot::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

const fs::path kCorpus = SPOT_TEST_CORPUS;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

template <typename Action>
std::string refusal_of(const Action& action) {
  return message_of(Status::kData, action);
}

bool holds(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

template <typename Number>
std::string little_endian(Number value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string npy_of(const std::string& header, const std::string& values) {
  return std::string("\x93NUMPY\1\0", 8) + little_endian(static_cast<std::uint16_t>(header.size())) + header + values;
}

std::string npy(const std::string& type, const std::string& shape, const std::string& values) {
  return npy_of("{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }   \n", values);
}

/// A member as it is to lie in an archive, whatever that says.
struct Member {
  std::string name, packed;
  std::uint32_t size = 0, checksum = 0;
  std::uint16_t method = 8, flags = 0;

  Member(std::string called, const std::string& content, bool packs = true)
      : name(std::move(called)),
        packed(packs ? deflated(content, -MAX_WBITS) : content),
        size(static_cast<std::uint32_t>(content.size())),
        checksum(static_cast<std::uint32_t>(
            crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())))),
        method(packs ? 8 : 0) {}
};

std::string zip(const std::vector<Member>& members) {
  std::string bytes, directory;
  for (const Member& m : members) {
    const auto packed = static_cast<std::uint32_t>(m.packed.size());
    const auto name = static_cast<std::uint16_t>(m.name.size());
    const std::string common = little_endian(std::uint16_t{20}) + little_endian(m.flags) + little_endian(m.method) +
                               std::string(4, '\0') + little_endian(m.checksum) + little_endian(packed) +
                               little_endian(m.size) + little_endian(name) + std::string(2, '\0');
    directory += "PK\1\2" + little_endian(std::uint16_t{20}) + common + std::string(10, '\0') +
                 little_endian(static_cast<std::uint32_t>(bytes.size())) + m.name;
    bytes += "PK\3\4" + common + m.name + m.packed;
  }
  const auto count = static_cast<std::uint16_t>(members.size());
  return bytes + directory + "PK\5\6" + std::string(4, '\0') + little_endian(count) + little_endian(count) +
         little_endian(static_cast<std::uint32_t>(directory.size())) +
         little_endian(static_cast<std::uint32_t>(bytes.size())) + std::string(2, '\0');
}

/// 6 images of 2 x 3 for training, 2 for testing.
std::vector<Member> members() {
  return {{"x_train.npy", npy("|u1", "(6, 2, 3)", std::string(36, 'x'))},
          {"y_train.npy", npy("|u1", "(6,)", std::string("\0\1\2\0\1\2", 6)), false},
          {"x_test.npy", npy("|u1", "(2, 2, 3)", std::string(12, 'y')), false},
          {"y_test.npy", npy("<i8", "(2, 1)", little_endian(std::int64_t{2}) + little_endian(std::int64_t{0}))}};
}

Dataset open(const fs::path& path, std::uint32_t validation = 0) {
  const TemporaryDirectory cache;
  return open_dataset({.name = path.string(),
                       .begun_with = "",
                       .cache_directory = cache.path(),
                       .mirrors = {},
                       .validation_size = validation},
                      {}, Log());
}

/// What is said of such a dataset.
std::string refusal(const std::string& archive) {
  const TemporaryDirectory folder;
  write_file_atomically(folder.path() / "d.npz", archive);
  return refusal_of([&] { open(folder.path() / "d.npz"); });
}
std::string refusal(const std::vector<Member>& parts) {
  return refusal(zip(parts));
}

}  // namespace

TEST_CASE("archives that NumPy wrote are datasets, stored and packed, of bytes and floats, with sizes of 64 bits") {
  const Dataset stored = open(kCorpus / "npz" / "stored.npz", 1);
  CHECK(stored.name == (kCorpus / "npz" / "stored.npz").string());
  CHECK(stored.train.count == 5);
  CHECK(stored.validation.count == 1);
  CHECK(stored.test.count == 2);
  CHECK(stored.train.rows == 2);
  CHECK(stored.train.columns == 3);
  CHECK(stored.train.channels == 3);
  CHECK(stored.classes == 3);
  for (std::size_t i = 0; i < stored.train.images.size(); ++i) CHECK(stored.train.images[i] == i % 251);
  const Dataset packed = open(kCorpus / "npz" / "packed.npz");
  CHECK(packed.train.channels == 1);
  CHECK(packed.train.images[1] == 3);
  CHECK(packed.test.labels[1] == 1);
  const Dataset floats = open(kCorpus / "npz" / "floats.npz");
  CHECK(floats.train.type == PixelType::kFloat32);
  CHECK(floats.test.count == 0);
  float second = 0;
  std::memcpy(&second, floats.train.images.data() + 4, 4);
  CHECK(second == 1.0F / 255);
  const Dataset large = open(kCorpus / "npz" / "zip64.npz");
  CHECK(std::equal(large.train.images.begin(), large.train.images.begin() + 90, stored.train.images.begin()));
}

TEST_CASE("a folder may hold an archive or its arrays, and the same images are the same dataset") {
  const TemporaryDirectory folder;
  const fs::path archive = folder.path() / "a", arrays = folder.path() / "b";
  fs::create_directories(archive);
  fs::create_directories(arrays);
  write_file_atomically(archive / "mnist.NPZ", zip(members()));
  write_file_atomically(arrays / "X_train.npy", npy("|u1", "(6, 2, 3, 1)", std::string(36, 'x')));
  write_file_atomically(arrays / "train_labels.npy", npy("|u1", "(6,)", std::string("\0\1\2\0\1\2", 6)));
  write_file_atomically(arrays / "test_x.npy", npy("|u1", "(2, 1, 2, 3)", std::string(12, 'y')));
  write_file_atomically(arrays / "y_test.npy", npy("|u1", "(2,)", std::string("\2\0", 2)));
  write_file_atomically(arrays / "notes.npy", std::string("nothing"));
  const Dataset dataset = open(archive);
  CHECK(dataset.test.labels[0] == 2);
  CHECK(open(arrays).fingerprint == dataset.fingerprint);
  CHECK(open(archive / "mnist.NPZ").fingerprint == dataset.fingerprint);
  write_file_atomically(archive / "other.npz", zip(members()));
  CHECK(holds(refusal_of([&] { open(archive); }), "give the path of one"));
  write_file_atomically(arrays / "train_x.npy", std::string("x"));
  CHECK(holds(refusal_of([&] { open(arrays); }), "could both be meant"));
  // IDX files come first.
  fs::remove(archive / "other.npz");
  const auto idx = [&](const char* name, const std::string& bytes) { write_file_atomically(archive / name, bytes); };
  const std::string two_images = std::string("\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\1", 16) + "ab";
  const std::string two_labels("\0\0\10\1\0\0\0\2\0\1", 10);
  for (const char* part : {"train", "t10k"}) {
    idx((std::string(part) + "-images-idx3-ubyte").c_str(), two_images);
    idx((std::string(part) + "-labels-idx1-ubyte").c_str(), two_labels);
  }
  CHECK(open(archive).train.count == 2);
}

TEST_CASE("an archive without what a dataset needs is refused, and what it has is told") {
  std::vector<Member> parts = members();
  parts.erase(parts.begin() + 1);
  CHECK(holds(refusal(parts), "no array 'y_train' (or 'train_labels')"));
  parts = members();
  parts.pop_back();
  CHECK(holds(refusal(parts), "no array 'y_test'"));
  parts = members();
  parts.push_back({"train_images.npy", "x"});
  CHECK(holds(refusal(parts), "'x_train' and 'train_images'"));
  CHECK(holds(refusal(std::vector<Member>()), "which has none"));
  parts = members();
  parts[1] = {"y_train.npy", npy("|u1", "(5,)", "abcde")};
  CHECK(holds(refusal(parts), "6 images"));
}

TEST_CASE("arrays that are no images or no labels are refused, and how to store them is told") {
  const auto images = [](const std::string& bytes) {
    std::vector<Member> parts = members();
    parts[0] = {"x_train.npy", bytes};
    return refusal(parts);
  };
  const auto labels = [](const std::string& bytes) {
    std::vector<Member> parts = members();
    parts[1] = {"y_train.npy", bytes};
    return refusal(parts);
  };
  CHECK(holds(images(npy("<f8", "(1, 1, 1)", std::string(8, '\0'))), "type '<f8'"));
  CHECK(holds(images(npy(">f4", "(1, 1, 1)", std::string(4, '\0'))), "type '>f4'"));
  CHECK(holds(images(npy("<i4", "(1, 1, 1)", std::string(4, '\0'))), "integers of more than 8 bits"));
  CHECK(holds(images(npy("|u1", "(6, 6)", std::string(36, 'x'))), "[6][6]"));
  CHECK(holds(images(npy("|u1", "(6, 3, 8, 8)", std::string(1152, 'x'))), "channels first"));
  CHECK(holds(images(npy("<f4", "(1, 1, 1)", std::string("\0\0\300\177", 4))), "6 labels"));
  CHECK(holds(images(npy("<f4", "(6, 1, 1)", std::string(20, '\0') + std::string("\0\0\300\177", 4))), "image 5 of"));
  CHECK(holds(labels(npy("<f4", "(6,)", std::string(24, '\0'))), "labels are whole numbers"));
  CHECK(holds(labels(npy("|u1", "(6, 10)", std::string(60, '\0'))), "one number an image"));
  CHECK(holds(labels(npy("<i4", "(6,)", std::string(20, '\0') + little_endian(-7))), "label -7 of image 5"));
}

TEST_CASE("every lie of an array's header is caught") {
  const auto said = [](const std::string& bytes) { return refusal_of([&] { parse_npy(bytes_of(bytes), "f"); }); };
  const std::string good = npy("|u1", "(2, 3)", "abcdef");
  CHECK(parse_npy(bytes_of(good), "f").extents == std::vector<std::uint32_t>{2, 3});
  CHECK(
      parse_npy(bytes_of(npy_of("{\"shape\":(2L,),\"descr\":\"<i4\",\"fortran_order\":True}", "abcdefgh")), "f").type ==
      NpyType::kInt32);
  for (std::size_t size = 0; size < good.size(); ++size) said(good.substr(0, size));
  CHECK(holds(said(good + "x"), "1 bytes follow"));
  CHECK(holds(said("PK" + good), "does not begin"));
  CHECK(holds(said(npy("|u1", "(0, 3)", "")), "no values"));
  CHECK(holds(said(npy("|u1", "(4294967296, 1)", "")), "too large"));
  CHECK(holds(said(npy("|u1", "(4294967295, 4294967295, 4294967295)", "x")), "cut off"));
  CHECK(holds(said(npy("|u1", "(99999999999999999999999,)", "x")), "damaged"));
  CHECK(holds(said(npy("|u1", "(-1,)", "x")), "damaged"));
  CHECK(holds(said(npy_of("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (1,)}", "x")), "several fields"));
  CHECK(holds(said(npy_of("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1)}", "x")), "Fortran"));
  CHECK(holds(said(npy_of("{'descr': '|u1', 'shape': (1,)}", "x")), "damaged"));
  CHECK(holds(said(npy_of("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "x")), "damaged"));
  CHECK(holds(said(npy_of("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}", "x")), "'more'"));
  CHECK(holds(said(npy_of("__import__('os')", "x")), "damaged"));
}

TEST_CASE("every lie of an archive is caught") {
  const std::string good = zip(members());
  // Wherever it is cut off, and whatever one byte of it is: refused, or the very same dataset.
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "d.npz";
  write_file_atomically(path, good);
  const std::string fingerprint = open(path).fingerprint;
  for (std::size_t size = 0; size < good.size(); ++size) {
    refusal_of([&] { list_zip(bytes_of(good.substr(0, size)), "f"); });
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bytes = good;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x41);
    write_file_atomically(path, bytes);
    std::string found = fingerprint;
    try {
      const Dataset dataset = open(path);
      found = dataset.test.count == 0 ? fingerprint : dataset.fingerprint;
    } catch (const Error& error) {
      CHECK(error.status() == Status::kData);
    }
    CHECK(found == fingerprint);
  }
  std::vector<Member> parts = members();
  parts[0].size += 1;
  CHECK(holds(refusal(parts), "shorter than its archive says"));
  parts[0].size -= 2;
  CHECK(holds(refusal(parts), "longer than its archive says"));
  parts[0].size = 0x7fffffff;
  CHECK(holds(refusal(parts), "cannot be as long"));
  parts = members();
  parts[1].checksum ^= 1;
  CHECK(holds(refusal(parts), "d.npz: y_train.npy' is damaged: its checksum"));
  parts = members();
  parts[1].size += 1;
  CHECK(holds(refusal(parts), "another size than its own"));
  parts = members();
  parts[2].method = 12;
  CHECK(holds(refusal(parts), "packed by method 12"));
  parts = members();
  parts[2].flags = 1;
  CHECK(holds(refusal(parts), "is encrypted"));
  CHECK(holds(refusal("<html>"), "no directory at its end"));
  // A small file that unpacks to much.
  parts = members();
  parts[0] = {"x_train.npy", npy("|u1", "(6, 2, 3)", std::string(std::size_t{4} << 20, '\0'))};
  const Content archive{bytes_of(good), nullptr, "f"};
  const std::string bomb = zip(parts);
  const ZipMember large = list_zip(bytes_of(bomb), "f")[0];
  CHECK(holds(refusal_of([&] { unzip(large, archive, 1 << 20, {}); }), "more than 1048576 bytes"));
}

TEST_CASE("what is unpacked can be cancelled") {
  const std::string good = zip(members());
  const Content archive{bytes_of(good), nullptr, "f"};
  message_of(Status::kCancelled,
             [&] { unzip(list_zip(archive.bytes, "f")[0], archive, 1 << 20, [] { return true; }); });
}
