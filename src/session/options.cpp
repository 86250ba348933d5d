#include "session/options.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "session/effective_value.h"

namespace spot {
namespace {

std::uint64_t count(const Config& config, std::string_view key) {
  return static_cast<std::uint64_t>(config.integer(key));
}

/// The value of a key whose 0 stands for the optimizer's customary one.
double real_or_customary(const Config& config, std::string_view key) {
  const double value = config.real(key);
  return value == 0 ? customary_value(key, config.text("optimizer")) : value;
}

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

OptimizerKind optimizer_kind(std::string_view name) {
  if (name == "sgd") return OptimizerKind::kSgd;
  if (name == "adam") return OptimizerKind::kAdam;
  if (name == "adamw") return OptimizerKind::kAdamW;
  if (name == "adadelta") return OptimizerKind::kAdadelta;
  if (name == "rmsprop") return OptimizerKind::kRmsprop;
  fail(Status::kConfig, cat("there is no optimizer '", name, "'"));
}

Initializer initializer(std::string_view name) {
  if (name == "glorot-uniform") return Initializer::kGlorotUniform;
  if (name == "glorot-normal") return Initializer::kGlorotNormal;
  if (name == "he-uniform") return Initializer::kHeUniform;
  if (name == "he-normal") return Initializer::kHeNormal;
  fail(Status::kConfig, cat("there is no initializer '", name, "'"));
}

Precision precision(std::string_view name) {
  if (name == "fp32") return Precision::kFloat32;
  if (name == "tf32") return Precision::kTf32;
  if (name == "bf16") return Precision::kBfloat16;
  fail(Status::kConfig, cat("there is no precision '", name, "'"));
}

OptimizerSpec optimizer_spec(const Config& config) {
  OptimizerSpec optimizer;
  optimizer.kind = optimizer_kind(config.text("optimizer"));
  optimizer.momentum = config.real("momentum");
  optimizer.nesterov = config.boolean("nesterov");
  optimizer.weight_decay = config.real("weight_decay");
  optimizer.rho = real_or_customary(config, "rho");
  optimizer.beta1 = config.real("beta1");
  optimizer.beta2 = config.real("beta2");
  optimizer.epsilon = real_or_customary(config, "epsilon");
  if (optimizer.nesterov && optimizer.momentum == 0) {
    fail(Status::kConfig, "nesterov needs a momentum: set momentum, e.g. to 0.9");
  }
  return optimizer;
}

LeaseOptions lease_options(const Config& config) {
  return {.wait = std::chrono::nanoseconds(nanoseconds(config.real("lease_wait_seconds"))),
          .takeover = config.boolean("takeover")};
}

bool stops_when_diverged(const Config& config) {
  return config.text("on_nan") == "stop";
}

}  // namespace

std::uint64_t total_steps(const ConfigValues& values, std::uint64_t steps_per_epoch) {
  const auto number = [&](std::string_view name) {
    const auto found = values.find(name);
    const std::string_view text =
        found == values.end() ? find_config_key(name).default_value : std::string_view(found->second);
    return parse_number<std::uint64_t>(text).value_or(0);
  };
  const std::uint64_t by_epochs = number("epochs") * steps_per_epoch, limit = number("steps");
  return limit == 0 ? by_epochs : std::min(by_epochs, limit);
}

DatasetRequest dataset_request(const Config& config, const Volume& volume) {
  DatasetRequest request;
  request.name = config.text("dataset");
  if (request.name.empty()) {
    fail(Status::kConfig, "dataset is not set: give a folder, or one of auto, mnist, fashion-mnist, kmnist, synthetic");
  }
  if (!volume.root.empty()) request.cache_directory = volume.datasets();
  request.read_only = !volume.writable;
  request.mirrors = split(config.text("dataset_mirrors"), ',');
  request.validation_size = static_cast<std::uint32_t>(config.integer("validation_size"));
  return request;
}

Processors thread_choice(const Config& config) {
  const auto threads = static_cast<int>(config.integer("threads"));
  return threads == 0 ? available_processors() : Processors{threads, "as the key threads says"};
}

EngineSpec engine_spec(const Config& config, const Dataset& dataset) {
  const Shape3 image{dataset.train.channels, dataset.train.rows, dataset.train.columns};
  return engine_spec(config, load_model(config.text("model"), image, dataset.classes));
}

EngineSpec engine_spec(const Config& config, ModelSpec model) {
  EngineSpec spec;
  spec.model = std::move(model);
  spec.optimizer = optimizer_spec(config);
  spec.initializer = initializer(config.text("initializer"));
  spec.batch_size = config.integer("batch_size");
  spec.shards = static_cast<int>(config.integer("shards"));
  spec.threads = thread_choice(config).count;
  spec.kernels = config.text("kernels") == "general" ? Kernels::kGeneral : Kernels::kAuto;
  spec.augmentation = {.shift = config.integer("augment_shift"), .rotation = config.real("augment_rotation")};
  spec.mode = config.text("mode") == "fast" ? Mode::kFast : Mode::kExact;
  spec.precision = precision(config.text("precision"));
  spec.seed = count(config, "seed");
  return spec;
}

TrainingPlan training_plan(const Config& config, const Dataset& dataset) {
  TrainingPlan plan;
  plan.batch_size = static_cast<std::uint32_t>(config.integer("batch_size"));
  plan.seed = count(config, "seed");
  plan.stop_when_diverged = stops_when_diverged(config);
  const std::uint64_t steps_per_epoch = (dataset.train.count + plan.batch_size - 1) / plan.batch_size;
  plan.total_steps = total_steps(config.values(), steps_per_epoch);
  plan.schedule = {.kind = schedule_kind(config.text("schedule")),
                   .base_rate = real_or_customary(config, "learning_rate"),
                   .warmup_steps = count(config, "warmup_steps"),
                   .total_steps = plan.total_steps,
                   .period_steps = count(config, "schedule_epochs") * steps_per_epoch,
                   .gamma = config.real("schedule_gamma")};
  return plan;
}

SavePolicy save_policy(const Config& config) {
  SavePolicy policy;
  policy.every_steps = count(config, "checkpoint_steps");
  policy.every_epochs = count(config, "checkpoint_epochs");
  if (config.text("checkpoint_seconds") == "auto") {
    policy.automatic.emplace(config.real("mean_uptime_seconds"));
  } else {
    policy.every_ns = nanoseconds(config.real("checkpoint_seconds"));
  }
  return policy;
}

bool waits_after_durable(const Config& config) {
  return config.text("after_durable") == "wait";
}

StoreOptions store_options(const Config& config) {
  return {.retention = {.keep_last = count(config, "keep_last"),
                        .keep_best = count(config, "keep_best"),
                        .keep_every = count(config, "keep_every")},
          .lease = lease_options(config),
          .values = stops_when_diverged(config) ? AllowedValues::kFinite : AllowedValues::kAny};
}

SnapshotOptions snapshot_options(const Config& config) {
  return {.keep_last = count(config, "keep_last"), .lease = lease_options(config)};
}

PollerOptions poller_options(const Config& config) {
  PollerOptions options;
  options.metadata = config.text("metadata");
  options.endpoint = config.text("metadata_endpoint");
  options.metadata_v1 = config.boolean("metadata_v1");
  options.gcp_notice = std::chrono::nanoseconds(nanoseconds(config.real("gcp_notice_seconds")));
  options.period = std::chrono::nanoseconds(nanoseconds(config.real("poll_seconds")));
  return options;
}

}  // namespace spot
