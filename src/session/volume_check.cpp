#include "session/volume_check.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "checkpoint/rehearsal.h"
#include "session/json_text.h"
#include "session/room.h"
#include "session/volume.h"

namespace spot {
namespace {

VolumeFinding commit_finding(const Config& config, const std::filesystem::path& path, const StopCheck& stop) {
  try {
    const CommitAbilities abilities = rehearse_commit(open_directory(path), path, stop);
    check_promise(abilities.promise, config.text("durability") == "weak", path);
    std::array<char, 64> took{};
    std::snprintf(took.data(), took.size(), "a rehearsed save took %.1f ms", abilities.milliseconds);
    std::string detail = took.data();
    const std::string lack = describe_lack(abilities.promise);
    if (!lack.empty()) detail += cat("; the file system ", lack, ", which durability=weak allows");
    if (!abilities.locks) detail += "; it has no locks: a second run does not wait for the first, it takes over";
    return {"commit", lack.empty() && abilities.locks, Status::kOk, detail};
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    return {"commit", false, error.status(), error.what()};
  }
}

VolumeFinding room_finding(const Room& room, const Config& config) {
  const std::string warning = file_size_warning(room);
  if (!warning.empty()) return {"room", false, Status::kOk, warning};
  const Status status = room.fit() == Fit::kNone ? Status::kNoSpace : Status::kOk;
  return {"room", room.fit() == Fit::kAll, status, describe(room, config)};
}

}  // namespace

std::vector<VolumeFinding> check_volume(const Config& config, Session* session, const StopCheck& stop) {
  const Volume volume = open_volume(config);
  check_has_volume(volume);
  std::vector<VolumeFinding> findings = {commit_finding(config, volume.checkpoints(), stop)};
  if (session != nullptr) findings.push_back(room_finding(session->measure_room(), config));
  return findings;
}

Status status_of(const std::vector<VolumeFinding>& findings) {
  const auto failed = std::ranges::find_if(findings, [](const auto& finding) { return finding.status != Status::kOk; });
  return failed == findings.end() ? Status::kOk : failed->status;
}

std::string to_json(const std::vector<VolumeFinding>& findings) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const VolumeFinding& finding : findings) {
    const char* status = finding.status != Status::kOk ? "fail" : finding.good ? "ok" : "warn";
    list.push_back(Json{{"check", finding.check}, {"status", status}, {"detail", finding.detail}});
  }
  return json_text(list);
}

}  // namespace spot
