// A C++ program around the static archive: both use the templates of the same standard library, and an exception that
// is thrown and caught inside of the archive becomes an error here.
#include <iostream>
#include <map>
#include <spot_trainer.h>
#include <stdexcept>
#include <string>
#include <vector>

int main() {
  std::map<std::string, std::vector<std::string>> refused;
  spot_config* config = nullptr;
  if (spot_config_create(&config, nullptr) != SPOT_OK) return 1;
  for (const std::string key : {"optimizer", "no_such_key"}) {
    spot_error* error = nullptr;
    if (spot_config_set_str(config, key.c_str(), "nonsense", &error) == SPOT_OK) return 1;
    refused[key].emplace_back(spot_error_message(error));
    spot_error_free(error);
  }
  spot_config_free(config);
  try {
    for (const auto& [key, messages] : refused) std::cout << messages.at(0) << '\n' << messages.at(1);
  } catch (const std::out_of_range&) {
    return refused.at("no_such_key").at(0).find("no_such_key") == std::string::npos;
  }
  return 1;
}
