#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_code.h"
#include "file_table.h"
#include "json_line.h"
#include "library.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

int verify(const std::string& path, bool json) {
  std::uint64_t good = 0, bad = 0;
  const Text text = make<Text>(spot_checkpoint_verify, path.c_str(), nullptr, &good, &bad);
  const Json files = Json::parse(text.get());
  if (json) {
    for (const Json& file : files) print_line(ascii_json_line(file));
  } else {
    print_files(files);
  }
  terminal().line(std::to_string(good) + " whole, " + std::to_string(bad) + " damaged");
  return bad == 0 ? kDone : kBadData;
}

}  // namespace

Action add_verify(CLI::App& program) {
  auto* command = program.add_subcommand(
      "verify", "Whether checkpoints are whole, byte by byte; of a volume: every file, and which one would be resumed");
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("path", *path, "Checkpoint file, volume, or its checkpoints folder")
      ->required()
      ->type_name("PATH");
  command->add_flag("--json", *json, "One JSON line for each file");
  command->footer(
      "States: whole, damaged, newer format, set aside (*.corrupt), in progress (a writer's: being written or spare), "
      "foreign. "
      "'->' marks the one that a run would go on from. Changes nothing. Exit code 65 when one that is damaged, of a "
      "newer format or set aside is among them.");
  return [path, json] { return verify(*path, *json); };
}

}  // namespace spotctl
