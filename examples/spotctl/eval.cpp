#include <vector>

#include <nlohmann/json.hpp>

#include "command.h"
#include "json_line.h"
#include "restored_trainer.h"
#include "terminal.h"

namespace spotctl {
namespace {

void print_table(const spot_metrics& metrics, const std::vector<std::uint64_t>& counts, std::size_t classes) {
  std::string table = format("step %llu: loss %.4f, accuracy %.2f %% of %llu samples\n\n",
                             static_cast<unsigned long long>(metrics.step), metrics.loss, 100 * metrics.accuracy,
                             static_cast<unsigned long long>(metrics.samples));
  table += "label \\ prediction\n      ";
  for (std::size_t c = 0; c < classes; ++c) table += format("%6zu", c);
  table += '\n';
  for (std::size_t label = 0; label < classes; ++label) {
    table += format("%6zu", label);
    for (std::size_t c = 0; c < classes; ++c) {
      table += format("%6llu", static_cast<unsigned long long>(counts[label * classes + c]));
    }
    table += '\n';
  }
  terminal().print(table);
}

int32_t split_of(const std::string& name) {
  if (name == "train") return SPOT_SPLIT_TRAIN;
  return name == "validation" ? SPOT_SPLIT_VALIDATION : SPOT_SPLIT_TEST;
}

int evaluate(const RestoredTrainer& restored, int32_t split, bool json) {
  const Trainer trainer = restored.open_trainer();
  auto info = sized<spot_trainer_info>();
  call(spot_trainer_get_info, trainer.get(), &info);
  auto metrics = sized<spot_metrics>();
  call(spot_trainer_evaluate, trainer.get(), split, nullptr, &metrics);
  const std::size_t classes = info.classes;
  std::vector<std::uint64_t> counts(classes * classes);
  call(spot_trainer_get_confusion, trainer.get(), split, nullptr, counts.data(), counts.size());
  if (!json) {
    print_table(metrics, counts, classes);
    return kDone;
  }
  nlohmann::ordered_json result{{"event", "evaluation"},
                                {"step", metrics.step},
                                {"run_id", info.run_id},
                                {"samples", metrics.samples},
                                {"loss", metrics.loss},
                                {"accuracy", metrics.accuracy},
                                {"samples_per_second", metrics.samples_per_second}};
  result["confusion"] = nlohmann::ordered_json::array();
  for (std::size_t label = 0; label < classes; ++label) {
    const auto row = counts.begin() + static_cast<std::ptrdiff_t>(label * classes);
    result["confusion"].push_back(std::vector<std::uint64_t>(row, row + static_cast<std::ptrdiff_t>(classes)));
  }
  print_line(json_line(result));
  return kDone;
}

}  // namespace

Action add_eval(CLI::App& program) {
  auto* command = program.add_subcommand("eval", "Accuracy and confusion matrix of a checkpoint");
  auto json = std::make_shared<bool>(false);
  auto split = std::make_shared<std::string>("test");
  command->add_flag("--json", *json, "One JSON object on stdout");
  command->add_option("--split", *split, "Part of the dataset")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  const RestoredTrainer restored(*command);
  return [restored, split, json] { return evaluate(restored, split_of(*split), *json); };
}

}  // namespace spotctl
