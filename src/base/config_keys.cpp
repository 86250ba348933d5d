#include <array>
#include <limits>

#include "base/config.h"

// The one table of configuration keys: the library, spotctl's flags, config files, the environment and all
// bindings read it. Names never change; keys are only added.

namespace spot {
namespace {

constexpr double kMax = 9007199254740992.0;  // 2^53: every integer up to it is exact as a number
constexpr double kNone = 0;
constexpr auto kFree = ResumeRule::kFree;
constexpr auto kExact = ResumeRule::kExact;

constexpr ConfigKey flag(std::string_view name, std::string_view default_value, ResumeRule resume,
                         std::string_view help) {
  return {name, KeyType::kBoolean, default_value, kNone, kNone, "", resume, help};
}
constexpr ConfigKey integer(std::string_view name, std::string_view default_value, double minimum, double maximum,
                            ResumeRule resume, std::string_view help) {
  return {name, KeyType::kInteger, default_value, minimum, maximum, "", resume, help};
}
constexpr ConfigKey real(std::string_view name, std::string_view default_value, double minimum, double maximum,
                         ResumeRule resume, std::string_view help) {
  return {name, KeyType::kReal, default_value, minimum, maximum, "", resume, help};
}
constexpr ConfigKey real_or(std::string_view word, std::string_view name, std::string_view default_value,
                            double minimum, double maximum, ResumeRule resume, std::string_view help) {
  return {name, KeyType::kReal, default_value, minimum, maximum, word, resume, help};
}
constexpr ConfigKey text(std::string_view name, std::string_view default_value, ResumeRule resume,
                         std::string_view help) {
  return {name, KeyType::kText, default_value, kNone, kNone, "", resume, help};
}
constexpr ConfigKey choice(std::string_view name, std::string_view default_value, std::string_view choices,
                           ResumeRule resume, std::string_view help) {
  return {name, KeyType::kText, default_value, kNone, kNone, choices, resume, help};
}

constexpr auto kKeys = std::to_array<ConfigKey>({
    // What is trained on what. Model and dataset are compared by content when a run is resumed.
    text("model", "keras-cnn", kFree,
         "Network: keras-cnn, light-cnn, lenet-5, mlp, the path of a JSON file of layers, or such JSON itself"),
    choice("recipe", "none", "none|fastest|fastest-keras-cnn", kFree,
           "Values for all keys that are not set otherwise: fastest reaches 99 % on MNIST's test set within seconds, "
           "fastest-keras-cnn about as much with the model keras-cnn"),
    text("dataset", "", kFree,
         "Images: a folder of IDX or NumPy files, an .npz file, mnist, fashion-mnist, kmnist, synthetic, or auto: "
         "mnist when it "
         "is cached or can be downloaded, else synthetic; it stays that for the whole run"),
    text("dataset_mirrors", "", kFree, "Base URLs tried before the built-in mirrors, separated by commas"),
    text("volume", "", kFree,
         "Persistent folder, which must exist, that holds datasets/, checkpoints/, models/ and logs/; empty: there is "
         "none, so nothing can be saved"),
    choice("volume_access", "read-write", "read-write|read-only", kFree,
           "read-only: nothing is written to the volume, nor need there be one, so no run can be made. For evaluation"),
    flag("volume_must_be_mounted", "false", kFree, "Refuse a volume that is not a mount point of its own"),
    choice(
        "volume_mode", "private", "private|group", kFree,
        "Who may use what a run makes on the volume: its own user alone, or the group of its folders too (modes 2770 "
        "and 0660), so that several users can take turns"),
    choice("durability", "full", "full|weak", kFree,
           "full refuses a volume whose file system cannot promise that a save which is reported survives a power cut, "
           "or cannot refuse to replace a file; weak takes such a one (CIFS, some of FUSE), and each save says what "
           "was not promised"),

    // How it is trained.
    integer("batch_size", "128", 1, 65536, kExact, "Samples a step"),
    integer("epochs", "12", 1, 1e9, kFree, "Epochs after which the run is done"),
    integer("steps", "0", 0, 1e12, kFree,
            "Steps after which the run is done, if that comes before the epochs; 0: no such limit"),
    integer("seed", "1", 0, kMax, kExact, "Seed of everything random"),
    integer("validation_size", "0", 0, 1e9, kExact,
            "Samples at the end of the training set kept out of training to choose the best checkpoint "
            "by; 0: none"),
    choice("initializer", "glorot-uniform", "glorot-uniform|glorot-normal|he-uniform|he-normal", kExact,
           "Distribution of the initial weights; biases start at 0"),
    choice("optimizer", "adadelta", "sgd|adam|adamw|adadelta|rmsprop", kExact, "Update rule"),
    real("learning_rate", "0", 0, 1e6, kExact,
         "Base learning rate; 0: the customary one of the optimizer (sgd 0.01, adam, adamw and rmsprop "
         "0.001, adadelta 1)"),
    real("momentum", "0", 0, 0.9999999, kExact, "Momentum of sgd"),
    flag("nesterov", "false", kExact, "Nesterov's form of momentum"),
    real("weight_decay", "0", 0, 1, kExact,
         "Weight decay: added to the gradient as an L2 penalty, decoupled from it with adamw"),
    real("rho", "0", 0, 0.9999999, kExact,
         "Decay of the averages of adadelta and rmsprop; 0: the customary 0.95 and 0.9"),
    real("beta1", "0.9", 0, 0.9999999, kExact, "Decay of the first moment of adam and adamw"),
    real("beta2", "0.999", 0, 0.9999999, kExact, "Decay of the second moment of adam and adamw"),
    real("epsilon", "0", 0, 1, kExact, "Term that keeps the optimizer's divisor from zero; 0: the customary 1e-7"),
    choice("schedule", "constant", "constant|step|cosine|one-cycle", kExact,
           "Learning rate over the run. cosine and one-cycle depend on the length of the run, which then "
           "cannot change on resume"),
    integer("warmup_steps", "0", 0, 1e12, kExact,
            "Steps over which the learning rate grows linearly from 0 to its scheduled value"),
    integer("schedule_epochs", "5", 1, 1e9, kExact, "Epochs between two reductions of the schedule step"),
    real("schedule_gamma", "0.1", 0, 1, kExact, "Factor of each reduction of the schedule step"),

    integer("augment_shift", "0", 0, 1024, kExact,
            "Pixels by which a training image is moved at random, at most, up or down and left or right; 0: not"),
    real("augment_rotation", "0", 0, 180, kExact,
         "Degrees by which a training image is turned at random, at most, either way; 0: not"),

    choice("on_nan", "stop", "stop|continue", kFree,
           "When a loss, a gradient norm or the state is not finite: stop without saving such a state, or continue"),

    // Where it is computed.
    choice("device", "auto", "auto|cpu|cuda", kFree, "Engine that computes"),
    integer("threads", "0", 0, 1024, kFree,
            "Worker threads; 0: one for each processor, within the CPU quota of a container. Never changes a result"),
    integer("shards", "8", 1, 1024, kExact,
            "Parts into which each batch is cut, whatever the number of threads. The order of sums "
            "depends on it, so it is part of the run"),
    choice("kernels", "auto", "auto|general", kExact,
           "What computes: auto takes kernels that fuse layers and skip zeros wherever a pattern of layers has "
           "one; general takes one operation a layer. Sums are ordered differently"),
    choice("mode", "exact", "exact|fast", kExact,
           "fast, with kernels auto, computes convolutions of 3 x 3 that a max-pool of 2 x 2 follows by Winograd's "
           "algorithm: rounding errors are others, and larger; exact leaves out only products with zero"),
    choice("precision", "fp32", "fp32|tf32|bf16", kExact,
           "What products are computed in: float32, or on a GPU also float32 rounded to 10 bits, or bfloat16. Sums, "
           "parameters and their updates are float32"),

    // When it is saved.
    integer("checkpoint_steps", "0", 0, 1e12, kFree, "Save every so many steps; 0: not by steps"),
    real_or("auto", "checkpoint_seconds", "60", 0, 1e9, kFree,
            "Save every so many seconds; 0: not by time; auto: at the interval that loses least, by what training is "
            "measured to lose to a save and by mean_uptime_seconds (the formula of Young and Daly)"),
    real("mean_uptime_seconds", "7200", 1, 1e9, kFree,
         "For checkpoint_seconds=auto: how long machines like this one last, on average, until they are taken away. "
         "The default is that of AWS's V100 spot machines in a week of April 2023 (skypilot-org/spot-traces); "
         "'spotctl plan' measures it from a trace"),
    integer("checkpoint_epochs", "1", 0, 1e9, kFree, "Save every so many epochs; 0: not by epochs"),
    integer("keep_last", "3", 2, 1e6, kFree,
            "Newest checkpoints of the run that are kept; those of other runs on the volume are left alone. The volume "
            "needs room for keep_last + keep_best + 2 checkpoints; on a full one fewer are kept, at least two"),
    integer(
        "keep_best", "1", 0, 1e6, kFree,
        "Best checkpoints (by validation accuracy, or test accuracy without a validation set; without either none is "
        "the best) that are kept beside the newest; on a full volume fewer are kept, at least one"),
    integer(
        "keep_every", "0", 0, 1e12, kFree,
        "Checkpoints at multiples of so many steps are kept for ever, on a full volume too; 0: none for that reason"),
    real("lease_wait_seconds", "120", 0, 1e6, kFree,
         "How long to wait for another process that writes to the same volume"),
    flag("takeover", "false", kFree,
         "Take the volume at once from a process that writes to it; that one is fenced: it stops, and changes "
         "nothing any more"),

    // What interrupts it.
    text("metadata", "auto", kFree,
         "Interruption notices: auto (the cloud this machine runs in, if any), aws, gcp, azure, alibaba, tencent, "
         "file:PATH (a path that appears), or none"),
    text("metadata_endpoint", "", kFree, "Base URL of the metadata service, instead of the provider's own address"),
    flag("metadata_v1", "false", kFree,
         "Ask the metadata service without a session token where none is to be had (IMDSv1)"),
    real("gcp_notice_seconds", "30", 0, 3600, kFree,
         "Time from GCP's notice to the end: 120 for a machine made with --preemption-notice-duration=120s"),
    real("poll_seconds", "5", 0.01, 3600, kFree, "Time between two questions to the metadata service"),
    choice("after_durable", "exit", "exit|wait", kFree,
           "What follows an interruption's checkpoint once it is durable: exit ends the run; wait stays idle until the "
           "machine is taken away, a further request to stop comes, or the notice is withdrawn, after which it trains "
           "on. For schedulers that start again only what they took away themselves (Slurm, SkyPilot)"),

    // What is recorded with it.
    text("run_id", "", kFree, "Name of the run in checkpoints and logs; empty: made up at the start"),
    text("code_version", "", kFree, "Version of the training code, for example a git commit, that checkpoints record"),
    flag("allow_config_change", "false", kFree,
         "Resume although a key that determines the results differs from the checkpoint's"),
});

}  // namespace

std::span<const ConfigKey> config_keys() {
  return kKeys;
}

}  // namespace spot
