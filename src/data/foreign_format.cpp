#include "data/foreign_format.h"

#include <string>

namespace spot {

std::string_view foreign_format(std::span<const std::byte> bytes) {
  struct Format {
    std::string_view begin, name;
  };
  using namespace std::string_view_literals;
  static constexpr Format kFormats[] = {
      {"<"sv, "a web page: fetch the file itself"},
      {"version https://git-lfs"sv, "a pointer of Git LFS: fetch the file itself with 'git lfs pull'"},
      {"PK\3\4"sv, "a zip archive: unpack it"},
      {"BZh"sv, "a bzip2 file: unpack it"},
      {"\xfd"
       "7zXZ"sv,
       "an xz file: unpack it"},
      {"\x28\xb5\x2f\xfd"sv, "a zstd file: unpack it"},
      {"\x93NUMPY"sv, "a NumPy array: name the files x_train.npy, y_train.npy, x_test.npy and y_test.npy"},
      {"\x89HDF"sv, "an HDF5 file: convert it to IDX"},
      {"PAR1"sv, "a Parquet file: convert it to IDX"},
      {"\x89PNG"sv, "a PNG image: make one IDX file of all images"},
  };
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Format& format : kFormats) {
    if (text.starts_with(format.begin)) return format.name;
  }
  return {};
}

}  // namespace spot
