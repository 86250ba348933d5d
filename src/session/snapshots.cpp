#include "session/snapshots.h"

#include "base/status.h"
#include "base/text.h"
#include "session/options.h"
#include "session/volume.h"

namespace spot {
namespace {

void check_name(const std::string& name) {
  constexpr std::size_t kLongest = 200;
  const bool is_good = !name.empty() && name.size() <= kLongest && name.front() != '.' &&
                       name.find('/') == std::string::npos && name == printable(name, kLongest);
  if (is_good) return;
  fail(Status::kConfig, cat("'", printable(name), "' cannot be the name of snapshots: it takes 1 to ", kLongest,
                            " characters, none of them '/', and no '.' in front"));
}

}  // namespace

std::unique_ptr<SnapshotStore> open_snapshots(const Config& config, const std::filesystem::path& folder,
                                              const std::string& name, const Clock& clock, const Log& log,
                                              const StopCheck& stop) {
  check_name(name);
  const std::filesystem::path directory = open_snapshot_folder(config, name);
  SnapshotOptions options = snapshot_options(config);
  options.lease.promise = rehearse(config, directory, log);
  return std::make_unique<SnapshotStore>(directory, folder, options, clock, log, stop);
}

}  // namespace spot
