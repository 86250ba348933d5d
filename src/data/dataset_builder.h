#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "data/dataset.h"

namespace spot {

/// The training or the test part of a dataset, as it was found in files or in memory.
struct DatasetPart {
  ImageSet set;
  std::vector<std::shared_ptr<const void>> memory;  ///< behind the set
  std::string images, labels;                       ///< where they are from, for messages
};

/// Assembles and checks a dataset, whatever its parts come from. Throws kData, kConfig, kCancelled.
class DatasetBuilder {
 public:
  /// Both must outlive it.
  DatasetBuilder(std::string name, const StopCheck& stop, const Log& log);

  void add_train(DatasetPart part);
  /// Behind add_train(). Without it there is no test set.
  void add_test(DatasetPart part);
  /// `classes`: as many; 0: the largest label plus one.
  Dataset build(std::uint32_t validation_size, std::uint32_t classes = 0);

 private:
  ImageSet take(DatasetPart& part);
  void check_finite(const DatasetPart& part) const;
  // Any byte can be a label, and classes may be missing; what looks like a mistake is only told.
  void report_unseen_labels() const;
  void report_far_label() const;
  [[nodiscard]] std::uint32_t count_classes(std::uint32_t classes) const;
  [[nodiscard]] std::string fingerprint() const;

  Dataset dataset_;
  DatasetPart train_, test_;
  const StopCheck& stop_;
  const Log& log_;
};

}  // namespace spot
