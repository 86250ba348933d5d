#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "data/dataset.h"

namespace spot {

/// The bytes of one IDX file and whatever keeps them in memory.
struct Content {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory;
  std::string origin;
};

/// Assembles and checks a dataset, whatever its files come from. Throws kData, kConfig, kCancelled.
class DatasetBuilder {
 public:
  /// Both must outlive it.
  DatasetBuilder(std::string name, const StopCheck& stop, const Log& log);

  void add(const Content& train_images, const Content& train_labels, const Content& test_images,
           const Content& test_labels);
  Dataset build(std::uint32_t validation_size);

 private:
  ImageSet image_set(const Content& images, const Content& labels);
  /// Any byte can be a label, and classes may be missing; what looks like a mistake is only told.
  void report_labels(const Content& train_labels, const Content& test_labels) const;
  [[nodiscard]] std::string fingerprint() const;

  Dataset dataset_;
  const StopCheck& stop_;
  const Log& log_;
};

}  // namespace spot
