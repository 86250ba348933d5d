#include "base/key_names.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr auto kSynonyms = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"model", "net|network|arch|architecture"},
    {"dataset", "data|data_dir|dataset_dir"},
    {"volume", "dir|folder|output_dir|checkpoint_dir|save_dir|ckpt_dir"},
    {"batch_size", "bs|batch|batchsize|minibatch|train_batch_size"},
    {"epochs", "n_epochs|num_epochs|max_epochs|nb_epoch"},
    {"steps", "max_steps|num_steps|total_steps|iterations|max_iter"},
    {"seed", "random_seed|random_state|manual_seed"},
    {"validation_size", "val_size|valid_size|validation_split|val_split"},
    {"initializer", "init|kernel_initializer"},
    {"optimizer", "opt|optim|solver"},
    {"learning_rate", "lr|alpha|eta|step_size|base_lr|rate"},
    {"momentum", "mu|mom"},
    {"weight_decay", "wd|l2|decay"},
    {"rho", "smoothing|square_decay"},
    {"beta1", "beta_1|b1|adam_beta1"},
    {"beta2", "beta_2|b2|adam_beta2"},
    {"epsilon", "eps|adam_epsilon"},
    {"schedule", "scheduler|lr_schedule|lr_scheduler|lr_policy"},
    {"warmup_steps", "warmup|lr_warmup_steps"},
    {"schedule_gamma", "gamma|lr_decay"},
    {"schedule_epochs", "lr_step|step_epochs"},
    {"device", "gpu|accelerator|use_cuda|cuda"},
    {"threads", "workers|num_workers|n_jobs|jobs|num_threads|cpus"},
    {"precision", "dtype|amp|fp16|bf16"},
    {"checkpoint_steps", "save_steps|save_every|checkpoint_every|save_freq"},
    {"checkpoint_seconds", "save_seconds|save_interval|checkpoint_interval"},
    {"checkpoint_epochs", "save_epochs"},
    {"mean_uptime_seconds", "mtbf|mttf|mean_uptime"},
    {"keep_last", "save_total_limit|max_to_keep|keep"},
    {"lease_wait_seconds", "lock_timeout|wait"},
    {"takeover", "force|steal"},
    {"metadata_endpoint", "endpoint|imds"},
    {"gcp_notice_seconds", "preemption_notice_duration"},
    {"poll_seconds", "poll_interval|poll"},
    {"run_id", "run|name|run_name|experiment|id"},
});

/// Number of edits between two words: a character inserted, dropped or replaced, or two neighbours exchanged.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

/// Lower case, with the separator of keys: "Batch-Size" and "batch size" are batch_size.
std::string as_key(std::string_view name) {
  std::string key(name);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ' || c == '.') c = '_';
  }
  return key;
}

}  // namespace

std::string_view synonyms_of(std::string_view key) {
  const auto found =
      std::find_if(kSynonyms.begin(), kSynonyms.end(), [&](const auto& pair) { return pair.first == key; });
  return found == kSynonyms.end() ? std::string_view() : found->second;
}

std::string_view nearest_key(std::string_view name) {
  // No key is as long, and the name may come from a file.
  const std::string typed = as_key(name.substr(0, 32));
  for (const auto& [key, synonyms] : kSynonyms) {
    const auto words = split(synonyms, '|');
    if (std::find(words.begin(), words.end(), typed) != words.end()) return key;
  }
  std::string_view nearest, begun;
  std::size_t smallest = std::max<std::size_t>(1, typed.size() / 3) + 1;
  std::size_t beginnings = 0;
  for (const ConfigKey& key : config_keys()) {
    const std::size_t distance = edit_distance(key.name, typed);
    if (distance < smallest) nearest = key.name;
    smallest = std::min(smallest, distance);
    if (!key.name.starts_with(typed)) continue;
    if (beginnings++ == 0) begun = key.name;
  }
  const bool is_beginning = typed.size() >= 3 && (beginnings == 1 || (beginnings > 1 && nearest.empty()));
  return is_beginning ? begun : nearest;
}

}  // namespace spot
