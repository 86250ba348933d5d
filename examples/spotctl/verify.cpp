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

/// What a function of the library finds at `path`, and how much of it is good and bad; nothing when there is nothing of
/// its kind.
template <typename Verify>
Json verify_by(Verify verify, const std::string& path, std::uint64_t& good, std::uint64_t& bad) {
  std::uint64_t whole = 0, others = 0;
  char* json = nullptr;
  if (!call_expecting(SPOT_E_NOT_FOUND, verify, path.c_str(), nullptr, &whole, &others, &json)) return Json::array();
  const Text text(json);
  good += whole;
  bad += others;
  return Json::parse(text.get());
}

int verify(const std::string& path, bool json) {
  std::uint64_t good = 0, bad = 0;
  Json files = verify_by(spot_snapshots_verify, path, good, bad);
  for (Json& file : files) {
    file["resume"] = file["restore"];
    file["state_hash"] = nullptr;  // which checkpoints alone have
  }
  // Without either the library says what is missing.
  const bool has_snapshots = !files.empty();
  const Json checkpoints =
      has_snapshots ? verify_by(spot_checkpoint_verify, path, good, bad)
                    : Json::parse(make<Text>(spot_checkpoint_verify, path.c_str(), nullptr, &good, &bad).get());
  files.insert(files.begin(), checkpoints.begin(), checkpoints.end());
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
      "verify",
      "Whether checkpoints and snapshots are whole, byte by byte; of a volume: every one, and which would be resumed");
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("path", *path, "Checkpoint file, snapshot, volume, or a folder of it")
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
