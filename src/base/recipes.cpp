#include "base/recipes.h"

#include <array>

#include "base/status.h"
#include "base/text.h"

// What was tried to find them, and what they reach, is in tests/bench/README.md. They were chosen on the last images of
// MNIST's training set, never on its test set.

namespace spot {
namespace {

/// One epoch of Adam with low betas under one cycle, as in the quickest public runs known to us; the network and the
/// augmentation are our own.
constexpr auto kFastest = std::to_array<RecipeValue>({{"model", "light-cnn"},
                                                      {"epochs", "1"},
                                                      {"batch_size", "128"},
                                                      {"optimizer", "adam"},
                                                      {"learning_rate", "0.01"},
                                                      {"beta1", "0.7"},
                                                      {"beta2", "0.9"},
                                                      {"schedule", "one-cycle"},
                                                      {"augment_shift", "1"}});

constexpr auto kFastestKerasCnn = std::to_array<RecipeValue>({{"model", "keras-cnn"},
                                                              {"epochs", "2"},
                                                              {"batch_size", "64"},
                                                              {"optimizer", "adam"},
                                                              {"learning_rate", "0.004"},
                                                              {"beta1", "0.9"},
                                                              {"beta2", "0.99"},
                                                              {"schedule", "one-cycle"}});

}  // namespace

std::span<const RecipeValue> recipe(std::string_view name) {
  if (name == "none") return {};
  if (name == "fastest") return kFastest;
  if (name == "fastest-keras-cnn") return kFastestKerasCnn;
  fail(Status::kInternal, cat("there is no recipe '", name, "'"));
}

}  // namespace spot
