#include <filesystem>
#include <system_error>

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

void print_description(const Json& c) {
  const auto text = [&](const char* name) { return ascii_json_line(c.value(name, Json())); };
  for (const char* field : {"path", "step", "epoch", "generation", "writer_epoch", "reason", "run_id", "state_hash",
                            "parent_hash", "code_version", "library_version", "device", "instruction_set", "dataset"}) {
    if (c.contains(field)) terminal().print(format("%-18s %s\n", field, text(field).c_str()));
  }
  terminal().print(format("\n%-40s %-12s %s\n", "tensor", "role", "shape"));
  for (const Json& tensor : c["tensors"]) {
    terminal().print(format("%-40s %-12s %s\n", plain(tensor["name"].get<std::string>()).c_str(),
                            tensor.value("role", std::string()).c_str(), tensor["shape"].dump().c_str()));
  }
}

int inspect(const std::string& path, bool json) {
  Json files;
  std::error_code unreadable;  // opening it says why
  if (std::filesystem::is_directory(path, unreadable)) {
    std::uint64_t good = 0, bad = 0;
    files = Json::parse(make<Text>(spot_checkpoint_verify, path.c_str(), nullptr, &good, &bad).get());
    // Before any of them is opened: what there is to see is seen even when none is good.
    if (!json) print_files(files);
  }
  const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, path.c_str(), nullptr);
  const Text text = make<Text>(spot_checkpoint_describe, checkpoint.get());
  Json description = Json::parse(text.get());
  if (!files.is_null()) description["files"] = files;
  if (json) {
    print_line(ascii_json_line(description));
    return kDone;
  }
  if (!files.is_null()) terminal().print("\n");
  print_description(description);
  return kDone;
}

}  // namespace

Action add_inspect(CLI::App& program) {
  auto* command = program.add_subcommand(
      "inspect", "What a checkpoint holds: a file, or the newest good one of a folder, and that folder's files");
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("path", *path, "Checkpoint file, volume, or its checkpoints folder")
      ->required()
      ->type_name("PATH");
  command->add_flag("--json", *json, "One JSON object on stdout");
  return [path, json] { return inspect(*path, *json); };
}

}  // namespace spotctl
