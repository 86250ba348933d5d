#include "restored_trainer.h"

#include <nlohmann/json.hpp>

namespace spotctl {

RestoredTrainer::RestoredTrainer(CLI::App& command) : configuration_(command) {
  command.add_option("--checkpoint", *checkpoint_, "Checkpoint file; default: the newest good one of the volume")
      ->type_name("FILE");
}

Trainer RestoredTrainer::open() const {
  const Config given = configuration_.build();
  const std::string path = checkpoint_->empty() ? value_of(given, "volume") : *checkpoint_;
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, path.c_str());
  const Config config = make<Config>(spot_checkpoint_config, checkpoint.get());
  configuration_.apply(config);
  Trainer trainer = make<Trainer>(spot_trainer_create, config.get());
  // By its path: restoring from the volume itself is a writer's business, and a run may be at work there.
  const Text description = make<Text>(spot_checkpoint_describe, checkpoint.get());
  const std::string file = nlohmann::json::parse(description.get())["path"].get<std::string>();
  call(spot_trainer_restore, trainer.get(), file.c_str());
  return trainer;
}

}  // namespace spotctl
