// Measures what a step callback costs: prints the seconds that a run of so many steps takes, with a callback for each
// of them. tests/bench/callback_cost.py compares the languages.
//
//     bench VOLUME STEPS MODEL

#include <cstdio>
#include <stdexcept>
#include <string>

#include <spot_trainer.hpp>

using namespace spottrainer;

namespace {

// The data that the bindings of all languages use.
Arrays<> formula() {
  Arrays<> arrays;
  arrays.rows = arrays.columns = 28;
  arrays.classes = 10;
  for (std::uint32_t image = 0; image < 320; ++image) {
    const std::uint32_t label = image % 10;
    arrays.train_labels.push_back(static_cast<std::uint8_t>(label));
    for (std::uint32_t pixel = 0; pixel < 28 * 28; ++pixel) {
      arrays.train_images.push_back(static_cast<std::uint8_t>(image * 31 + pixel * 7 + label * 53));
    }
  }
  return arrays;
}

double measure(const std::string& volume, const std::string& steps, const std::string& model) {
  const Config config = Config::create({{"volume", volume},
                                        {"steps", steps},
                                        {"model", model},
                                        {"batch_size", "16"},
                                        {"epochs", "1000000"},
                                        {"metadata", "none"},
                                        {"checkpoint_seconds", "0"},
                                        {"checkpoint_epochs", "0"}});
  const Trainer trainer = Trainer::create(config, Dataset::create(formula()));
  std::uint64_t told = 0;
  trainer.set_callback(SPOT_EVENT_STEP, [&told](const spot_event&) { ++told; });
  const spot_run_result result = trainer.run();
  if (told != result.step) throw std::runtime_error("told of too few steps: give it a volume without checkpoints");
  return result.seconds;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::invalid_argument("usage: bench VOLUME STEPS MODEL");
    std::printf("%.6f\n", measure(argv[1], argv[2], argv[3]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
