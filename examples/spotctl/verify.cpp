#include <cstdio>

#include <nlohmann/json.hpp>

#include "command.h"
#include "handles.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

int verify(const std::string& path, bool json) {
  std::uint64_t good = 0, bad = 0;
  const Text text = make<Text>(spot_checkpoint_verify, path.c_str(), &good, &bad);
  for (const Json& file : Json::parse(text.get())) {
    if (json) {
      print_line(file.dump());
      continue;
    }
    const bool valid = file["valid"].get<bool>();
    std::printf("%-8s %s  %s\n", valid ? "whole" : "DAMAGED", file["path"].get<std::string>().c_str(),
                valid ? file.value("state_hash", std::string()).c_str() : file.value("error", std::string()).c_str());
  }
  terminal().line(std::to_string(good) + " whole, " + std::to_string(bad) + " damaged");
  return bad == 0 ? kDone : kBadData;
}

}  // namespace

Action add_verify(CLI::App& program) {
  auto* command = program.add_subcommand("verify", "Whether checkpoints are whole, byte by byte");
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("path", *path, "Checkpoint file, volume, or its checkpoints folder")
      ->required()
      ->type_name("PATH");
  command->add_flag("--json", *json, "One JSON line for each file");
  command->footer("Changes nothing. Exit code 65 when a damaged one is among them.");
  return [path, json] { return verify(*path, *json); };
}

}  // namespace spotctl
