#include "session/snapshots.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <spot_trainer.h>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "session/json_text.h"
#include "snapshot/completeness.h"
#include "snapshot/verify.h"

using spot::guard;
using spot::required;
using Json = nlohmann::ordered_json;

namespace {

static_assert(static_cast<int32_t>(spot::SnapshotOutcome::kNone) == SPOT_SNAPSHOT_NONE);
static_assert(static_cast<int32_t>(spot::SnapshotOutcome::kSaved) == SPOT_SNAPSHOT_SAVED);
static_assert(static_cast<int32_t>(spot::SnapshotOutcome::kUnchanged) == SPOT_SNAPSHOT_UNCHANGED);
static_assert(static_cast<int32_t>(spot::SnapshotOutcome::kRestored) == SPOT_SNAPSHOT_RESTORED);
static_assert(static_cast<int32_t>(spot::SnapshotOutcome::kKept) == SPOT_SNAPSHOT_KEPT);

/// One call on a handle at a time. Not a timed_mutex, whose lock the thread sanitizer of GCC 12 does not see.
class Turn {
 public:
  /// Waits for the handle's other calls.
  Turn(spot_snapshots& snapshots, const spot::StopCheck& stop) : snapshots_(snapshots) {
    constexpr std::chrono::milliseconds kCancelLook{50};
    std::unique_lock lock(snapshots.mutex);
    while (!snapshots.free.wait_for(lock, kCancelLook, [&] { return !snapshots.busy; })) {
      spot::check_stop(stop, "waiting for another call that uses the snapshots");
    }
    snapshots.busy = true;
  }
  ~Turn() {
    const std::lock_guard lock(snapshots_.mutex);
    snapshots_.busy = false;
    snapshots_.free.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  spot_snapshots& snapshots_;
};

/// Runs the body of a function that gives a report, which the host may do without.
template <typename Work>
void report_on(spot_snapshots* handle, spot_cancel* cancel, spot_snapshot_report* out, const Work& work) {
  spot_snapshots& snapshots = required(handle, "snapshots");
  spot::check_process(snapshots.owner);
  if (out != nullptr) spot::check_struct(out, "out");
  const spot::Cancel stop(cancel);
  const Turn turn(snapshots, stop.stop());
  spot::SnapshotReport done = work(*snapshots.store, stop.stop());
  snapshots.path = std::move(done.path);
  snapshots.moved_to = std::move(done.moved_to);
  if (out == nullptr) return;
  spot_snapshot_report report{};
  report.outcome = static_cast<int32_t>(done.outcome);
  report.generation = done.generation;
  report.files = done.extent.files;
  report.bytes = done.extent.bytes;
  report.bytes_copied = done.bytes_copied;
  report.copy_ms = spot::to_milliseconds(done.copy_ns);
  report.total_ms = spot::to_milliseconds(done.total_ns);
  report.path = snapshots.path.c_str();
  report.moved_to = snapshots.moved_to.c_str();
  spot::write_struct(out, report);
}

Json to_json(const spot::SnapshotVerdict& verdict) {
  return {{"path", verdict.path.string()},
          {"state", spot::to_text(verdict.state)},
          {"restore", verdict.restore},
          {"valid", verdict.state == spot::FileState::kWhole},
          {"generation", verdict.generation},
          {"writer_epoch", verdict.writer_epoch},
          {"files", verdict.extent.files},
          {"bytes", verdict.extent.bytes},
          {"error", verdict.error.empty() ? Json() : Json(verdict.error)}};
}

}  // namespace

spot_status spot_snapshots_open(const spot_config* config, const char* folder, const char* name, spot_cancel* cancel,
                                spot_snapshots** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    const spot::Cancel stop(cancel);
    auto handle = std::make_unique<spot_snapshots>();
    handle->store = spot::open_snapshots(settings.values, &required(folder, "folder"), &required(name, "name"),
                                         spot::system_clock(), settings.log, stop.stop());
    *out = handle.release();
  });
}

void spot_snapshots_free(spot_snapshots* snapshots) {
  if (snapshots == nullptr || snapshots->owner.forked()) return;
  delete snapshots;
}

spot_status spot_snapshots_copy(spot_snapshots* snapshots, spot_cancel* cancel, char** path, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(snapshots, "snapshots").owner);
    const spot::Cancel stop(cancel);
    const Turn turn(*snapshots, stop.stop());
    const std::string copy = snapshots->store->copy(stop.stop()).string();
    if (path != nullptr) *path = spot::copy_text(copy);
  });
}

spot_status spot_snapshots_commit(spot_snapshots* snapshots, spot_cancel* cancel, spot_snapshot_report* out,
                                  spot_error** error) {
  return guard(error, [&] {
    report_on(snapshots, cancel, out,
              [](spot::SnapshotStore& store, const spot::StopCheck& stop) { return store.commit(stop); });
  });
}

spot_status spot_snapshots_restore(spot_snapshots* snapshots, int32_t replace, spot_cancel* cancel,
                                   spot_snapshot_report* out, spot_error** error) {
  return guard(error, [&] {
    report_on(snapshots, cancel, out, [replace](spot::SnapshotStore& store, const spot::StopCheck& stop) {
      return store.restore(replace != 0, stop);
    });
  });
}

spot_status spot_snapshots_is_whole(const char* folder, const char* rule, spot_cancel* cancel, int32_t* whole,
                                    char** why, spot_error** error) {
  return guard(error, [&] {
    required(whole, "whole");
    const spot::Cancel stop(cancel);
    const std::string lack = spot::why_incomplete(&required(folder, "folder"),
                                                  spot::completeness_rule(&required(rule, "rule")), stop.stop());
    if (why != nullptr) *why = spot::copy_text(spot::valid_utf8(lack));
    *whole = lack.empty() ? 1 : 0;
  });
}

spot_status spot_snapshots_verify(const char* path, spot_cancel* cancel, uint64_t* good, uint64_t* bad, char** json,
                                  spot_error** error) {
  return guard(error, [&] {
    const spot::Cancel stop(cancel);
    Json results = Json::array();
    uint64_t whole = 0, others = 0;
    for (const spot::SnapshotVerdict& verdict : spot::verify_snapshots(&required(path, "path"), stop.stop())) {
      results.push_back(to_json(verdict));
      if (verdict.state == spot::FileState::kInProgress) continue;
      ++(verdict.state == spot::FileState::kWhole ? whole : others);
    }
    if (json != nullptr) *json = spot::copy_text(spot::json_text(results));
    if (good != nullptr) *good = whole;
    if (bad != nullptr) *bad = others;
  });
}
