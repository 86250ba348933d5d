// Compiled once as C++17 and once as C++20; CPP_STANDARD is the namespace.

#include "cpp_standard.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <spot_trainer.hpp>

SeenFromFile CPP_STANDARD::train() {
  using namespace spottrainer;
  Arrays<> arrays;
  arrays.rows = arrays.columns = 8;
  arrays.classes = 2;
  arrays.train_images = std::vector<std::uint8_t>(16 * 8 * 8, 128);
  arrays.train_labels = std::vector<std::uint8_t>(16, 1);
  const Config config = Config::create({{"model", "mlp"}, {"batch_size", "4"}, {"metadata", "none"}});
  const Trainer trainer = Trainer::create(config, Dataset::create(std::move(arrays)));
  SeenFromFile seen;
  seen.size_of_stop = sizeof(Stop);
  seen.steps = trainer.step(3).steps;
  const Cancel cancel = Cancel::create();
  cancel.trigger();
  seen.steps_cancelled = trainer.step(3, cancel).steps;
  return seen;
}
