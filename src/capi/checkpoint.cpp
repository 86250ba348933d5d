#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <spot_trainer.h>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "capi/tensors.h"
#include "checkpoint/decoder.h"
#include "checkpoint/verify.h"
#include "data/dataset.h"
#include "engine/model_spec.h"
#include "session/json_text.h"
#include "session/model_export.h"
#include "train/records.h"

using spot::guard;
using spot::required;
using spot::Status;
using Json = nlohmann::ordered_json;

namespace {

/// A text of a file as JSON; null when it is none, or longer or nested deeper than any model: as values it would
/// take many times its size, and to write them again a stack as deep.
Json parse_untrusted(const std::string& text) {
  constexpr std::size_t kMaxText = 1 << 20;
  constexpr int kMaxDepth = 16;
  if (text.size() > kMaxText) return Json();
  bool too_deep = false;
  const auto look = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json json = Json::parse(text, look, false);
  return too_deep || json.is_discarded() ? Json() : json;
}

/// A configuration value in the type of its key; whatever is no such value stays text.
Json typed_value(const std::string& name, const std::string& value) {
  const auto keys = spot::config_keys();
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const spot::ConfigKey& k) { return k.name == name; });
  if (key == keys.end() || key->type == spot::KeyType::kText) return value;
  const Json json = parse_untrusted(value);
  return json.is_number() || json.is_boolean() ? json : Json(value);
}

/// Keys that are the reader's alone. Whoever wrote a checkpoint must not choose where its reader reads, writes or
/// connects to, who may read what he writes, how safe that is, nor what it takes from other processes.
bool is_readers_own(std::string_view key) {
  constexpr std::string_view kOwn[] = {
      "volume",          "volume_access",      "volume_must_be_mounted", "volume_mode",         "durability",
      "takeover",        "metadata",           "metadata_endpoint",      "metadata_v1",         "gcp_notice_seconds",
      "dataset_mirrors", "lease_wait_seconds", "poll_seconds",           "allow_config_change", "after_durable"};
  return std::ranges::find(kOwn, key) != std::end(kOwn);
}

void set_from_checkpoint(spot::Config& config, const spot::ConfigKey& key, const std::string& value,
                         const spot::CheckpointMeta& meta) {
  // A recipe has done its work: every key has its value.
  if (is_readers_own(key.name) || key.name == "recipe") return;
  if (key.name == "dataset") {
    // What auto became is part of the run.
    const std::string& name = value == "auto" ? meta.dataset_name : value;
    if (spot::is_known_dataset(name)) config.set_text(key.name, name);
    return;
  }
  const bool is_model_file = key.name == "model" && !spot::is_preset_model(value);
  if (!is_model_file) return config.set_text(key.name, value);
  // Whatever is no JSON would be taken for the path of a file.
  if (spot::trim(meta.model_json).starts_with('{')) config.set_text(key.name, meta.model_json);
}

const char* role_name(spot::TensorRole role) {
  switch (role) {
    case spot::TensorRole::kParameter: return "parameter";
    case spot::TensorRole::kAccumulator: return "accumulator";
    case spot::TensorRole::kStatistic: return "statistic";
  }
  return "unknown";
}

Json to_json(const spot::SavedEpoch& record) {
  return {{"epoch", record.epoch},
          {"step", record.step},
          {"train_loss", record.train_loss},
          {"train_accuracy", record.train_accuracy},
          {"validation_loss", record.validation_loss},
          {"validation_accuracy", record.validation_accuracy},
          {"test_loss", record.test_loss},
          {"test_accuracy", record.test_accuracy},
          {"learning_rate", record.learning_rate}};
}

Json describe(const spot_checkpoint& checkpoint) {
  const spot::CheckpointMeta& meta = checkpoint.content.meta;
  Json config = Json::object();
  for (const auto& [name, value] : meta.config) config[name] = typed_value(name, value);
  Json tensors = Json::array();
  for (const spot::TensorSpec& tensor : checkpoint.content.layout.tensors()) {
    tensors.push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"dtype", "float32"}, {"role", role_name(tensor.role)}});
  }
  Json history = Json::array();
  for (const spot::SavedEpoch& record : meta.history) history.push_back(to_json(record));
  return {{"path", checkpoint.path},
          {"valid", true},
          {"bytes", checkpoint.bytes},
          {"step", meta.step},
          {"epoch", spot::epoch_of(meta.step, meta.steps_per_epoch)},
          {"generation", meta.generation},
          {"reason", meta.reason},
          {"run_id", meta.run_id},
          {"state_hash", meta.state_hash},
          {"parent_hash", meta.parent_hash},
          {"writer_epoch", meta.writer_epoch},
          {"created_unix_ns", meta.created_unix_ns},
          {"model", parse_untrusted(meta.model_json)},
          {"config", std::move(config)},
          {"tensors", std::move(tensors)},
          {"dataset",
           {{"name", meta.dataset_name},
            {"fingerprint", meta.dataset_fingerprint},
            {"train_samples", meta.dataset_train_count}}},
          {"steps_per_epoch", meta.steps_per_epoch},
          {"seed", meta.seed},
          {"code_version", meta.code_version},
          {"library_version", meta.library_version},
          {"device", meta.device},
          {"instruction_set", meta.instruction_set},
          {"history", std::move(history)}};
}

/// 0 for a word that is none of this version's.
int32_t save_reason(const std::string& word) {
  for (int32_t reason = SPOT_SAVE_INTERVAL; reason <= SPOT_SAVE_FINAL; ++reason) {
    if (word == spot_save_reason_name(reason)) return reason;
  }
  return 0;
}

spot_checkpoint_info to_struct(const spot_checkpoint& checkpoint) {
  const spot::CheckpointMeta& meta = checkpoint.content.meta;
  const spot::StateLayout& layout = checkpoint.content.layout;
  spot_checkpoint_info info{};
  info.save_reason = save_reason(meta.reason);
  info.step = meta.step;
  info.epoch = spot::epoch_of(meta.step, meta.steps_per_epoch);
  info.steps_per_epoch = meta.steps_per_epoch;
  info.generation = meta.generation;
  info.writer_epoch = meta.writer_epoch;
  info.created_unix_ns = meta.created_unix_ns;
  info.bytes = checkpoint.bytes;
  info.parameter_count = layout.parameter_count();
  info.tensor_count = layout.tensors().size();
  info.state_size = layout.size();
  info.path = checkpoint.path.c_str();
  info.run_id = meta.run_id.c_str();
  info.state_hash = meta.state_hash.c_str();
  return info;
}

/// A checkpoint whose texts, which leave as they are, are fit to. Throws kCorrupt for one that nobody but a forger
/// makes.
spot_checkpoint* make_handle(std::string path, std::uint64_t bytes, spot::Checkpoint content) {
  const auto check = [&](const std::string& text, const char* what) {
    if (text == spot::valid_utf8(text)) return;
    spot::fail(Status::kCorrupt, spot::cat("'", path, "': ", what, " is not UTF-8"));
  };
  check(content.meta.run_id, "the run's name");
  for (const spot::TensorSpec& tensor : content.layout.tensors()) check(tensor.name, "the name of a tensor");
  return new spot_checkpoint{{}, std::move(path), bytes, std::move(content)};
}

/// As messages name it.
std::string name_of(const spot_checkpoint& checkpoint) {
  return checkpoint.path.empty() ? "the checkpoint" : spot::cat("'", checkpoint.path, "'");
}

Json to_json(const spot::FileVerdict& verdict) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"path", verdict.path.string()},
          {"state", spot::to_text(verdict.state)},
          {"resume", verdict.resume},
          {"valid", verdict.state == spot::FileState::kWhole},
          {"step", verdict.step},
          {"generation", verdict.generation},
          {"writer_epoch", verdict.writer_epoch},
          {"bytes", verdict.bytes},
          {"run_id", text_or_null(verdict.run_id)},
          {"state_hash", text_or_null(verdict.state_hash)},
          {"error", text_or_null(verdict.error)}};
}

}  // namespace

spot_status spot_checkpoint_open(const char* path, spot_cancel* cancel, spot_checkpoint** out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    const spot::Cancel stop(cancel);
    spot::FoundCheckpoint found = spot::find_checkpoint(&required(path, "path"), stop.stop());
    *out = make_handle(found.path.string(), found.bytes, std::move(found.checkpoint));
  });
}

spot_status spot_checkpoint_open_memory(const uint8_t* bytes, size_t length, spot_cancel* cancel, spot_checkpoint** out,
                                        spot_error** error) {
  return guard(error, [&] {
    required(bytes, "bytes");
    required(out, "out");
    const spot::Cancel stop(cancel);
    const auto image = std::as_bytes(std::span(bytes, length));
    *out = make_handle("", length, spot::decode_checkpoint(image, "the checkpoint in memory", stop.stop()));
  });
}

void spot_checkpoint_free(spot_checkpoint* checkpoint) {
  if (checkpoint == nullptr || checkpoint->owner.forked()) return;
  delete checkpoint;
}

spot_status spot_checkpoint_describe(const spot_checkpoint* checkpoint, char** json, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    required(json, "json");
    *json = spot::copy_text(spot::json_text(describe(*checkpoint)));
  });
}

spot_status spot_checkpoint_verify(const char* path, spot_cancel* cancel, uint64_t* good, uint64_t* bad, char** json,
                                   spot_error** error) {
  return guard(error, [&] {
    const spot::Cancel stop(cancel);
    Json results = Json::array();
    uint64_t whole = 0, damaged = 0;
    for (const spot::FileVerdict& verdict : spot::verify_checkpoints(&required(path, "path"), stop.stop())) {
      results.push_back(to_json(verdict));
      whole += verdict.state == spot::FileState::kWhole ? 1 : 0;
      const bool refused = verdict.state == spot::FileState::kDamaged || verdict.state == spot::FileState::kNewer ||
                           verdict.state == spot::FileState::kSetAside;
      damaged += refused ? 1 : 0;
    }
    if (json != nullptr) *json = spot::copy_text(spot::json_text(results));
    if (good != nullptr) *good = whole;
    if (bad != nullptr) *bad = damaged;
  });
}

spot_status spot_checkpoint_get_config(const spot_checkpoint* checkpoint, spot_config** out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    required(out, "out");
    auto config = std::make_unique<spot_config>();
    for (const spot::ConfigKey& key : spot::config_keys()) {
      const auto found = checkpoint->content.meta.config.find(key.name);
      if (found != checkpoint->content.meta.config.end()) {
        set_from_checkpoint(config->values, key, found->second, checkpoint->content.meta);
      }
    }
    *out = config.release();
  });
}

spot_status spot_checkpoint_get_info(const spot_checkpoint* checkpoint, spot_checkpoint_info* out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, to_struct(*checkpoint));
  });
}

spot_status spot_checkpoint_get_tensor_info(const spot_checkpoint* checkpoint, uint64_t index, spot_tensor_info* out,
                                            spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    spot::write_tensor_info(checkpoint->content.layout, index, out);
  });
}

spot_status spot_checkpoint_read_tensor(const spot_checkpoint* checkpoint, const char* name, float* values,
                                        size_t length, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    spot::copy_tensor(checkpoint->content.state(), checkpoint->content.layout, name, values, length,
                      name_of(*checkpoint));
  });
}

spot_status spot_checkpoint_export(const spot_checkpoint* checkpoint, const char* prefix, spot_cancel* cancel,
                                   spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(checkpoint, "checkpoint").owner);
    const spot::Cancel stop(cancel);
    const spot::CheckpointMeta& meta = checkpoint->content.meta;
    spot::check_is_worth_exporting(checkpoint->content.state(), name_of(*checkpoint));
    spot::export_model(&required(prefix, "prefix"), meta.model_json, checkpoint->content.state(),
                       spot::export_metadata(meta.run_id, meta.step), nullptr, stop.stop());
  });
}
