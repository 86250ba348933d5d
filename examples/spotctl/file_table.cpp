#include "file_table.h"

#include <string>

#include "terminal.h"

namespace spotctl {
namespace {

std::string text_of(const nlohmann::ordered_json& file, const char* name) {
  return file[name].is_string() ? plain(file[name].get<std::string>()) : std::string();
}

}  // namespace

void print_files(const nlohmann::ordered_json& files) {
  for (const auto& file : files) {
    terminal().print(format("%s %-11s %12llu  %s  %s\n", file["resume"].get<bool>() ? "->" : "  ",
                            text_of(file, "state").c_str(), file["bytes"].get<unsigned long long>(),
                            text_of(file, "path").c_str(), text_of(file, "state_hash").c_str()));
    const std::string error = text_of(file, "error");
    if (!error.empty()) terminal().print(format("%17s%s\n", "", error.c_str()));
  }
}

}  // namespace spotctl
