#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_code.h"
#include "library.h"
#include "terminal.h"

namespace spotctl {

Action add_version(CLI::App& program) {
  auto* command = program.add_subcommand("version", "Versions, libraries and engines of this build");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  return [json] {
    if (spot_abi_version() != SPOT_ABI_VERSION) {
      throw Failure(kInternal, "spotctl was built for ABI " + std::to_string(SPOT_ABI_VERSION) +
                                   ", the library that is loaded has ABI " + std::to_string(spot_abi_version()));
    }
    if (*json) {
      print_line(spot_build_info());
      return kDone;
    }
    const auto info = nlohmann::ordered_json::parse(spot_build_info());
    terminal().print(format("spotctl and libspot_trainer %s, ABI %u\n", spot_version(), spot_abi_version()));
    terminal().print(
        format("%s, %s\n", info["compiler"].get<std::string>().c_str(), info["build_type"].get<std::string>().c_str()));
    for (const auto& [name, version] : info["libraries"].items()) {
      terminal().print(format("%-12s %s\n", name.c_str(), version.get<std::string>().c_str()));
    }
    for (const auto& backend : info["backends"]) {
      terminal().print(format("device %-5s %s: %s\n", backend["name"].get<std::string>().c_str(),
                              backend["usable"].get<bool>() ? "usable" : "not usable",
                              backend["detail"].get<std::string>().c_str()));
    }
    return kDone;
  };
}

}  // namespace spotctl
