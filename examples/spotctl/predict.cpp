#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include <nlohmann/json.hpp>

#include "command.h"
#include "image_file.h"
#include "json_line.h"
#include "restored_trainer.h"
#include "terminal.h"

namespace spotctl {
namespace {

struct Options {
  std::vector<std::string> files;
  bool json = false;
  bool invert = false;
};

void print_prediction(const std::string& file, std::uint32_t index, const std::vector<float>& row, bool json) {
  const auto best = std::max_element(row.begin(), row.end()) - row.begin();
  if (json) {
    const nlohmann::ordered_json line{{"path", file}, {"index", index}, {"class", best}, {"probabilities", row}};
    print_line(json_line(line));
    return;
  }
  std::string text = plain(file) + "[" + std::to_string(index) + "]: class " + std::to_string(best) + "  ";
  for (const float probability : row) {
    char cell[16];
    std::snprintf(cell, sizeof cell, " %.4f", static_cast<double>(probability));
    text += cell;
  }
  print_line(text);
}

/// Throws unless the model takes images of that size.
void check_size(const std::string& file, const Images& images, const spot_model_info& info) {
  if (images.rows == info.rows && images.columns == info.columns) return;
  throw Failure(kBadData, "image file '" + file + "': images of " + std::to_string(images.rows) + " x " +
                              std::to_string(images.columns) + ", the model takes " + std::to_string(info.rows) +
                              " x " + std::to_string(info.columns) + ": resize them first");
}

/// Tells, once, of files that a model of light figures would not understand; `inverted`: that --invert made them so.
void hint_at_light_ground(const std::vector<std::string>& light, bool inverted) {
  if (light.empty()) return;
  const std::string others = light.size() == 1 ? "" : " and " + std::to_string(light.size() - 1) + " more";
  const std::string remedy = inverted ? ", as --invert makes it; for a model trained on light figures on a dark "
                                        "ground, as MNIST's are, leave --invert out"
                                      : "; for a model trained on light figures on a dark ground, as MNIST's are, use "
                                        "--invert";
  terminal().log(SPOT_LOG_WARNING, "'" + light.front() + "'" + others + ": dark on a light ground" + remedy);
}

int predict(const RestoredTrainer& restored, const Options& options) {
  std::vector<Images> files;
  for (const std::string& file : options.files) files.push_back(read_images(file));
  const Model model = restored.open_model();
  auto info = sized<spot_model_info>();
  call(spot_model_get_info, model.get(), &info);
  std::vector<std::string> light;
  for (std::size_t f = 0; f < files.size(); ++f) {
    check_size(options.files[f], files[f], info);
    if (options.invert) invert(files[f]);
    if (has_light_ground(files[f])) light.push_back(options.files[f]);
  }
  hint_at_light_ground(light, options.invert);
  for (std::size_t f = 0; f < files.size(); ++f) {
    const Images& images = files[f];
    std::vector<float> probabilities(std::size_t{images.count} * info.classes);
    call(spot_model_predict, model.get(), images.pixels.data(), SPOT_TYPE_UINT8, images.pixels.size(), nullptr,
         probabilities.data(), probabilities.size());
    if (!std::all_of(probabilities.begin(), probabilities.end(), [](float p) { return std::isfinite(p); })) {
      throw Failure(kBadData, "the model's answer to '" + options.files[f] +
                                  "' is not finite: its training had diverged; use an earlier checkpoint");
    }
    for (std::uint32_t i = 0; i < images.count; ++i) {
      const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i * std::size_t{info.classes});
      print_prediction(options.files[f], i, {row, row + info.classes}, options.json);
    }
  }
  return kDone;
}

}  // namespace

Action add_predict(CLI::App& program) {
  auto* command = program.add_subcommand("predict", "Class and probabilities of images (IDX, PGM, PNG)");
  auto options = std::make_shared<Options>();
  command->add_option("files", options->files, "Image files, light figures on a dark ground like MNIST's")
      ->required()
      ->type_name("FILE");
  command->add_flag("--invert", options->invert, "Black becomes white: for dark figures on a light ground");
  command->add_flag("--json", options->json, "One JSON line for each image");
  const RestoredTrainer restored(*command);
  return [restored, options] { return predict(restored, *options); };
}

}  // namespace spotctl
