#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "data/dataset_builder.h"
#include "data/npz.h"
#include "data/zip.h"

// No member is unpacked to more than was allowed, and what becomes a dataset is whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kLimit = 1 << 16;
  const spot::Content archive{std::as_bytes(std::span(data, size)), nullptr, "fuzz"};
  const spot::StopCheck stop;
  const spot::Log log;
  try {
    for (const spot::ZipMember& member : spot::list_zip(archive.bytes, archive.origin)) {
      if (spot::unzip(member, archive, kLimit, stop).bytes.size() > kLimit) __builtin_trap();
    }
  } catch (const spot::Error&) {
  }
  try {
    spot::DatasetBuilder builder("fuzz", stop, log);
    spot::add_arrays(spot::list_npz(archive, kLimit, stop), archive.origin, stop, builder);
    const spot::Dataset dataset = builder.build(0);
    for (const spot::ImageSet& set : {dataset.train, dataset.test}) {
      if (set.images.size() != set.count * set.image_bytes() || set.labels.size() != set.count) __builtin_trap();
    }
  } catch (const spot::Error&) {
  }
  return 0;
}
