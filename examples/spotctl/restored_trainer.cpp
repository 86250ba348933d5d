#include "restored_trainer.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace spotctl {
namespace {

/// The folder that the checkpoint's run took its dataset from; empty when the dataset has a name.
std::string dataset_folder(const nlohmann::json& description, const Config& config) {
  const std::string recorded = description["dataset"]["name"].get<std::string>();
  return recorded == value_of(config, "dataset") ? "" : recorded;
}

}  // namespace

RestoredTrainer::RestoredTrainer(CLI::App& command) : configuration_(command) {
  command.add_option("--checkpoint", *checkpoint_, "Checkpoint file; default: the newest good one of the volume")
      ->type_name("FILE");
}

std::string RestoredTrainer::path(const Config& given) const {
  return checkpoint_->empty() ? value_of(given, "volume") : *checkpoint_;
}

Model RestoredTrainer::open_model() const {
  const std::string from = path(configuration_.build());
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, from.c_str(), nullptr);
  const Config config = make<Config>(spot_checkpoint_get_config, checkpoint.get());
  configuration_.apply(config);
  return make<Model>(spot_model_open_checkpoint, checkpoint.get(), config.get());
}

Trainer RestoredTrainer::open_trainer() const {
  const Config given = configuration_.build();
  const std::string from = path(given);
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, from.c_str(), nullptr);
  const Config config = make<Config>(spot_checkpoint_get_config, checkpoint.get());
  const Text text = make<Text>(spot_checkpoint_describe, checkpoint.get());
  const auto description = nlohmann::json::parse(text.get());
  const std::string folder = dataset_folder(description, config);
  if (!folder.empty() && !configuration_.gives("dataset")) {
    // The path is not followed: a checkpoint may come from anyone.
    throw Failure(kUsage, "the run had its dataset in folder '" + folder + "': give it with --dataset");
  }
  // A volume that can be written keeps what a dataset's download leaves.
  const bool is_writable = ::access(value_of(given, "volume").c_str(), R_OK | W_OK | X_OK) == 0;
  if (!is_writable) call(spot_config_set_str, config.get(), "volume_access", "read-only");
  configuration_.apply(config);
  Trainer trainer = make<Trainer>(spot_trainer_create, config.get(), nullptr, nullptr);
  // Restoring from the volume itself would be a writer's business, and a run may be at work there.
  call(spot_trainer_restore_from, trainer.get(), checkpoint.get());
  return trainer;
}

}  // namespace spotctl
