#include "session/resume_check.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "base/text.h"
#include "session/effective_value.h"
#include "session/options.h"
#include "session/state_fit.h"
#include "train/schedule.h"

namespace spot {
namespace {

std::string change(std::string_view name, std::string_view before, std::string_view now) {
  return cat(name, " ", printable(before), " -> ", printable(now));
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += cat(text.empty() ? "" : ", ", part);
  return text;
}

/// The value of a key as messages show it; a key that is younger than the values had what is now its default.
std::string shown(const ConfigValues& values, const ConfigKey& key) {
  const std::string effective = effective_value(values, key);
  if (!effective.empty()) return effective;
  const auto found = values.find(key.name);
  return found == values.end() ? std::string(key.default_value) : found->second;
}

/// Whether the key's values have different effects. Where only another key's change makes the difference, as the
/// optimizer's does for a customary learning rate, that key alone is told.
bool differs(const ConfigValues& then, const ConfigValues& now, const ConfigKey& key) {
  const auto before = then.find(key.name), present = now.find(key.name);
  const std::string_view old = before == then.end() ? key.default_value : std::string_view(before->second);
  return old != present->second && effective_value(then, key) != effective_value(now, key);
}

/// Keys that may not differ between a checkpoint and the present configuration, but do.
std::vector<std::string> exact_changes(const CheckpointMeta& meta, const Config& config) {
  const ConfigValues& now = config.values();
  // Should the schedules differ, that is refused already.
  const std::uint64_t steps_per_epoch = std::max<std::uint64_t>(meta.steps_per_epoch, 1);
  const bool length_matters = depends_on_length(schedule_kind(config.text("schedule"))) &&
                              total_steps(meta.config, steps_per_epoch) != total_steps(now, steps_per_epoch);
  std::vector<std::string> changes;
  for (const ConfigKey& key : config_keys()) {
    const bool is_length = key.name == "epochs" || key.name == "steps";
    if (key.resume != ResumeRule::kExact && !(is_length && length_matters)) continue;
    if (!differs(meta.config, now, key)) continue;
    changes.push_back(change(key.name, shown(meta.config, key), shown(now, key)));
  }
  const std::string& run_id = config.text("run_id");
  if (!run_id.empty() && run_id != meta.run_id) {
    changes.push_back(change("run_id", meta.run_id, run_id));
  }
  return changes;
}

/// What of a model has an effect: names of tensors do, since states are known by them; other names do not.
std::string effective_model(ModelSpec model) {
  model.name.clear();
  for (LayerSpec& layer : model.layers) {
    const bool has_tensors =
        layer.kind == LayerKind::kConv2d || layer.kind == LayerKind::kDense || layer.kind == LayerKind::kBatchNorm;
    if (!has_tensors) layer.name.clear();
  }
  return model_to_json(model);
}

/// Whether both describe one model. Texts of different releases may differ in fields that
/// were added since, so they are compared as this release writes them.
bool is_same_model(const std::string& then, const ModelSpec& now) {
  if (then == model_to_json(now)) return true;
  try {
    const ModelSpec model = parse_model(then, "the checkpoint's model", now.input, now.classes);
    return effective_model(model) == effective_model(now);
  } catch (const Error&) {
    return false;  // it is for other images, or this release cannot read it
  }
}

/// The first tensor at which the layouts part, for the message.
std::string first_difference(const StateLayout& then, const StateLayout& now) {
  const auto& a = then.tensors();
  const auto& b = now.tensors();
  const auto [at_a, at_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const auto name = [](auto at, const auto& tensors) {
    return at == tensors.end() ? std::string("none") : cat("'", at->name, "'");
  };
  return cat("tensor ", at_a - a.begin(), " was ", name(at_a, a), " and is ", name(at_b, b));
}

/// A file may say anything; sums and names behind this need a position that a run can be in.
void check_position(const CheckpointMeta& meta) {
  constexpr std::uint64_t kMaxStep = 999'999'999'999;  // the names of checkpoints have twelve digits for it
  if (meta.step <= kMaxStep && (meta.history.empty() || meta.history.back().step <= meta.step)) return;
  fail(Status::kMismatch, cat("the checkpoint of run '", printable(meta.run_id), "' is at step ", meta.step,
                              ", where no run can be: use another one"));
}

void check_model(const Checkpoint& checkpoint, const PresentRun& present) {
  if (!is_same_model(checkpoint.meta.model_json, present.model)) {
    fail(Status::kMismatch,
         cat("the checkpoint of run '", printable(checkpoint.meta.run_id), "' is of another model than '",
             present.model.name, "' for ", present.model.input.height, "x", present.model.input.width, " images of ",
             present.model.classes, " classes: give its model and dataset, or use another volume"));
  }
}

/// The accumulators of the checkpoint that another optimizer has no use for, and those that it has and the checkpoint
/// lacks, may differ when changes are allowed. Returns whether they do.
bool check_layout(const Checkpoint& checkpoint, const PresentRun& present) {
  const StateLayout& layout = present.engine.layout();
  if (checkpoint.layout == layout) return false;
  if (present.config.boolean("allow_config_change") && holds_model(checkpoint.layout, layout)) return true;
  fail(Status::kMismatch, cat("the checkpoint of run '", printable(checkpoint.meta.run_id),
                              "' does not fit the model and optimizer: ", first_difference(checkpoint.layout, layout),
                              "; give the model and optimizer that it was made with, or use another volume"));
}

/// Differences that never stop a run, but explain one.
std::vector<std::string> reported_changes(const CheckpointMeta& meta, const PresentRun& present) {
  std::vector<std::string> changes;
  const auto compare = [&](std::string_view name, const std::string& then, const std::string& now,
                           std::string_view consequence) {
    if (then != now) changes.push_back(cat(change(name, then, now), consequence));
  };
  constexpr std::string_view kNotExact =
      ": from here on results may differ in the last bits from an uninterrupted run's";
  compare("code_version", meta.code_version, present.code_version, "");
  compare("library_version", meta.library_version, present.library_version, kNotExact);
  compare("device", meta.device, present.engine.device(), kNotExact);
  compare("instruction_set", meta.instruction_set, present.engine.instruction_set(), kNotExact);
  return changes;
}

}  // namespace

std::vector<std::string> check_resume(const Checkpoint& checkpoint, const PresentRun& present) {
  const CheckpointMeta& meta = checkpoint.meta;
  check_position(meta);
  check_model(checkpoint, present);
  std::vector<std::string> changes = exact_changes(meta, present.config);
  if (meta.dataset_fingerprint != present.dataset.fingerprint) {
    changes.push_back(change("dataset", cat(meta.dataset_name, " ", meta.dataset_fingerprint),
                             cat(present.dataset.name, " ", present.dataset.fingerprint)));
  }
  if (!changes.empty() && !present.config.boolean("allow_config_change")) {
    fail(Status::kMismatch,
         cat("the checkpoint of run '", printable(meta.run_id), "' cannot go on with other settings: ", join(changes),
             "; set them back, use another volume, or set allow_config_change to true"));
  }
  const bool other_accumulators = check_layout(checkpoint, present);
  for (std::string& text : changes) text += ": allowed by allow_config_change";
  if (other_accumulators)
    changes.push_back("accumulators of the optimizer that the checkpoint does not hold start at 0");
  for (std::string& text : reported_changes(meta, present)) changes.push_back(std::move(text));
  return changes;
}

}  // namespace spot
