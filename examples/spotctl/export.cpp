#include "command.h"
#include "exit_code.h"
#include "library.h"
#include "terminal.h"

namespace spotctl {
namespace {

int export_model(const std::string& path, const std::string& prefix) {
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, path.c_str(), nullptr);
  call(spot_checkpoint_export, checkpoint.get(), prefix.c_str(), nullptr);
  print_line(plain(prefix) + ".json");
  print_line(plain(prefix) + ".safetensors");
  return kDone;
}

}  // namespace

Action add_export(CLI::App& program) {
  auto* command = program.add_subcommand("export", "Model as JSON and weights as safetensors, for use elsewhere");
  auto path = std::make_shared<std::string>();
  auto prefix = std::make_shared<std::string>();
  command->add_option("path", *path, "Checkpoint file, volume, or its checkpoints folder")
      ->required()
      ->type_name("PATH");
  command->add_option("-o,--output", *prefix, "Writes PREFIX.json and PREFIX.safetensors")
      ->required()
      ->type_name("PREFIX");
  command->footer(
      "Example: spotctl export /mnt/data --output model\n"
      "In Python: safetensors.numpy.load_file('model.safetensors')");
  return [path, prefix] { return export_model(*path, *prefix); };
}

}  // namespace spotctl
