#include <cstdlib>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "command.h"
#include "configuration.h"
#include "habits.h"
#include "json_line.h"
#include "terminal.h"
#include "volume_check.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

Finding check_version() {
  try {
    call(spot_abi_check, SPOT_ABI_VERSION);
  } catch (const Error& error) {
    return {"version", Health::kFail, error.what(), kInternal};
  }
  return {"version", Health::kOk, std::string("spotctl and libspot_trainer ") + spot_version()};
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// One for each engine, on its own behalf.
std::vector<Finding> check_devices(const std::string& device) {
  std::vector<Finding> findings;
  const Json build = Json::parse(spot_build_info());
  for (const Json& backend : build["backends"]) {
    const auto name = backend["name"].get<std::string>();
    Finding finding = {"device " + name, Health::kOk, backend["detail"].get<std::string>()};
    if (!backend["usable"].get<bool>()) {
      finding.health = device == name ? Health::kFail : backend["present"].get<bool>() ? Health::kWarn : Health::kOk;
      finding.exit_code = kUsage;
      if (finding.health == Health::kOk) finding.detail = "not used: this machine has no driver of it";
    } else if (ends_with(finding.detail, "x86-64-avx") || ends_with(finding.detail, "x86-64-sse41")) {
      finding.health = Health::kWarn;
      finding.detail += "; training is several times faster with AVX2: choose another kind of machine";
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

/// How many threads compute, and why.
Finding check_threads(const std::string& key) {
  const Json processors = Json::parse(spot_build_info())["processors"];
  const int count = processors["count"].get<int>(), asked = std::stoi(key);
  const std::string detail = std::to_string(count) + ", " + processors["detail"].get<std::string>();
  if (asked == 0) return {"threads", Health::kOk, detail};
  if (asked <= count) return {"threads", Health::kOk, key + ", as the key threads says; 0 would mean " + detail};
  return {"threads", Health::kWarn,
          key + ", as the key threads says; they would wait for one another: 0 would mean " + detail};
}

Finding check_checkpoints(const std::string& volume) {
  spot_error* error = nullptr;
  std::uint64_t good = 0, bad = 0;
  char* json = nullptr;
  const spot_status status = spot_checkpoint_verify(volume.c_str(), nullptr, &good, &bad, &json, &error);
  const Text text(json);
  const std::string message = error == nullptr ? "" : spot_error_message(error);
  spot_error_free(error);
  if (status == SPOT_E_NOT_FOUND) return {"checkpoints", Health::kOk, "none yet: a run begins with step 0"};
  if (status != SPOT_OK) return {"checkpoints", Health::kFail, message, exit_code_of(status)};
  std::string detail = std::to_string(good) + " whole, " + std::to_string(bad) + " damaged";
  for (const Json& file : Json::parse(text.get())) {
    if (file["resume"].get<bool>()) detail += "; a run goes on from step " + file["step"].dump();
  }
  if (bad == 0) return {"checkpoints", Health::kOk, detail};
  detail += "; 'spotctl verify' names them";
  if (good > 0) return {"checkpoints", Health::kWarn, detail};
  return {"checkpoints", Health::kFail, detail + "; no run starts over: use another volume", kBadData};
}

/// Makes what train makes before its first step, into `trainer`.
Finding check_run(const Config& config, Trainer& trainer) {
  try {
    make_habitual_volume(config);
    trainer = make<Trainer>(spot_trainer_create, config.get(), nullptr, nullptr);
    auto info = sized<spot_trainer_info>();
    call(spot_trainer_get_info, trainer.get(), &info);
    const std::string detail = value_of(config, "model") + ", " + std::to_string(info.parameter_count) +
                               " parameters, on " + info.dataset + ", " + std::to_string(info.train_samples) +
                               " images, computed by " + info.device + ", " + std::to_string(info.threads) + " threads";
    if (info.dataset_is_fallback == 1) {
      return {"run", Health::kWarn, detail + "; it stands in for MNIST: see what train says of it"};
    }
    return {"run", Health::kOk, detail};
  } catch (const std::exception& failure) {
    return {"run", Health::kFail, failure.what(), exit_code_of(failure)};
  }
}

/// What the library says of a save on the volume, and of its room where there is a trainer.
std::vector<Finding> check_saves(const Config& config, const Trainer& trainer) {
  std::vector<Finding> findings;
  try {
    spot_status outcome = SPOT_OK;
    const Text json = make<Text>(spot_volume_check, config.get(), trainer.get(), nullptr, &outcome);
    for (const Json& found : Json::parse(json.get())) {
      const auto status = found["status"].get<std::string>();
      findings.push_back({found["check"].get<std::string>(),
                          status == "ok"     ? Health::kOk
                          : status == "warn" ? Health::kWarn
                                             : Health::kFail,
                          found["detail"].get<std::string>(), exit_code_of(outcome)});
    }
  } catch (const std::exception& failure) {
    findings.push_back({"commit", Health::kFail, failure.what(), exit_code_of(failure)});
  }
  return findings;
}

Finding notice_finding(const spot_notice& notice) {
  const std::string words = std::string(notice.source) + ": " + notice.detail;
  if (notice.ends_run == 1) return {"metadata", Health::kWarn, "this machine is being taken away: " + words};
  return {
      "metadata", Health::kWarn,
      (notice.stale == 1 ? "a notice is left over from before, and ends no run: " : "no run ends for it: ") + words};
}

Finding silence_finding(const std::string& asked, const spot_poller_health& health) {
  if (health.disabled == 1) {
    return {"metadata", Health::kWarn, std::string("no notices are watched for: ") + health.last_error};
  }
  const std::string what =
      asked + (asked == "auto" && health.source[0] != '\0' ? std::string(" (") + health.source + ")" : "");
  if (health.polls > 0 && health.failures_in_a_row == 0) return {"metadata", Health::kOk, what + ": answers"};
  const std::string why = what + ": " + (health.polls == 0 ? "no answer within 5 s" : health.last_error);
  if (health.source[0] == '\0') {
    return {"metadata", Health::kWarn, why + "; that is right on a machine that no cloud takes away"};
  }
  const bool has_cure = why.find("aws ec2") != std::string::npos;
  return {"metadata", Health::kFail, why + (has_cure ? "" : "; see metadata_endpoint, or set metadata to none"),
          kUnavailable};
}

/// Waits for the first answer.
Finding check_metadata(const Config& config) {
  try {
    const Poller poller = make<Poller>(spot_poller_create, config.get());
    auto health = sized<spot_poller_health>();
    std::uint64_t position = 0;
    for (int tenths = 0; tenths < 50 && health.polls == 0 && health.disabled == 0; ++tenths) {
      auto notice = sized<spot_notice>();
      if (spot_poller_wait(poller.get(), &position, 100, nullptr, &notice, nullptr) == SPOT_OK) {
        return notice_finding(notice);
      }
      call(spot_poller_get_health, poller.get(), &health);
    }
    return silence_finding(value_of(config, "metadata"), health);
  } catch (const std::exception& failure) {
    return {"metadata", Health::kFail, failure.what(), exit_code_of(failure)};
  }
}

std::vector<Finding> examine(const Config& config, bool volume_is_given) {
  std::vector<Finding> findings = {check_version()};
  for (Finding& finding : check_devices(value_of(config, "device"))) findings.push_back(std::move(finding));
  findings.push_back(check_threads(value_of(config, "threads")));
  const std::string volume = value_of(config, "volume");
  findings.push_back(check_volume(volume, !volume_is_given));
  if (findings.back().health != Health::kFail) {
    findings.push_back(check_checkpoints(volume));
    Trainer trainer;
    findings.push_back(check_run(config, trainer));
    for (Finding& finding : check_saves(config, trainer)) findings.push_back(std::move(finding));
  }
  findings.push_back(check_metadata(config));
  return findings;
}

const char* name_of(Health health) {
  switch (health) {
    case Health::kOk: return "ok";
    case Health::kWarn: return "warn";
    case Health::kFail: return "fail";
  }
  return "fail";
}

void print(const Finding& finding, bool json) {
  if (json) {
    const Json line{{"check", finding.check}, {"status", name_of(finding.health)}, {"detail", finding.detail}};
    print_line(ascii_json_line(line));
  } else {
    terminal().print(
        format("%-5s %-13s %s\n", name_of(finding.health), finding.check.c_str(), plain(finding.detail).c_str()));
  }
}

}  // namespace

Action add_doctor(CLI::App& program) {
  auto* command = program.add_subcommand("doctor", "Whether this machine and volume are fit for a run, line by line");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON line for each check");
  command->footer(
      "Takes the flags of train, and does what train does before its first step: a dataset may be downloaded. Writes "
      "no\n"
      "checkpoint. Exit code 0 when nothing fails, else that of a run that fails so. warn: it works, but look at it.");
  const Configuration configuration(*command);
  return [configuration, json] {
    const Config config = configuration.build();
    if (!configuration.verbose()) terminal().set_level(SPOT_LOG_ERROR);  // the lines below say it
    int exit_code = kDone;
    for (const Finding& finding : examine(config, configuration.gives("volume"))) {
      print(finding, *json);
      if (finding.health == Health::kFail && exit_code == kDone) exit_code = finding.exit_code;
    }
    return exit_code;
  };
}

}  // namespace spotctl
