#include "nearest_word.h"

#include <string>

#include <doctest/doctest.h>

using spotctl::nearest_word;

TEST_CASE("a misspelt word is taken for the one that is the fewest edits away") {
  CHECK(nearest_word("trian", {"watch", "train", "eval"}) == "train");
  CHECK(nearest_word("epoch", {"steps", "epochs"}) == "epochs");
  CHECK(nearest_word("optimiser", {"initializer", "optimizer"}) == "optimizer");
  CHECK(nearest_word("batchsize", {"batch-size", "seed"}) == "batch-size");
}

TEST_CASE("a word that only one begins with is taken for that") {
  CHECK(nearest_word("valid", {"version", "validation"}) == "validation");
  CHECK(nearest_word("checkpoint-sec", {"checkpoint-steps", "checkpoint-seconds"}) == "checkpoint-seconds");
}

TEST_CASE("upper case is no edit") {
  CHECK(nearest_word("TRAIN", {"watch", "train"}) == "train");
  CHECK(nearest_word("Epcohs", {"steps", "epochs"}) == "epochs");
  CHECK(nearest_word("SPOT_TRAIN", {"SPOT_TRAIN_X", "watch"}) == "SPOT_TRAIN_X");
}

TEST_CASE("nothing is suggested for a word that is like none") {
  CHECK(nearest_word("zzzz", {"train", "eval"}).empty());
  CHECK(nearest_word("", {"train"}).empty());
  CHECK(nearest_word("x", {"seed", "rho"}).empty());
  CHECK(nearest_word(std::string(100000, 'a'), {"train"}).empty());
}
