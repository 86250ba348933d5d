#include "data/named_dataset.h"

namespace spot {
namespace {

constexpr std::string_view kTrainImages = "train-images-idx3-ubyte";
constexpr std::string_view kTrainLabels = "train-labels-idx1-ubyte";
constexpr std::string_view kTestImages = "t10k-images-idx3-ubyte";
constexpr std::string_view kTestLabels = "t10k-labels-idx1-ubyte";

/// A dataset in MNIST's format whose digests its publishers do not give.
std::array<NamedFile, 4> unsigned_files() {
  return {{{kTrainImages, "", 60000}, {kTrainLabels, "", 60000}, {kTestImages, "", 10000}, {kTestLabels, "", 10000}}};
}

const std::vector<NamedDataset>& all() {
  static const std::vector<NamedDataset> kAll = {
      {"mnist",
       {{{kTrainImages, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 60000},
         {kTrainLabels, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60000},
         {kTestImages, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 10000},
         {kTestLabels, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10000}}},
       {"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"}},
      {"fashion-mnist", unsigned_files(), {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}},
      {"kmnist", unsigned_files(), {"http://codh.rois.ac.jp/kmnist/dataset/kmnist/"}},
  };
  return kAll;
}

}  // namespace

const NamedDataset* find_named_dataset(std::string_view name) {
  for (const NamedDataset& dataset : all()) {
    if (dataset.name == name) return &dataset;
  }
  return nullptr;
}

}  // namespace spot
