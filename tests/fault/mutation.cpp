// mutation VOLUME EVERY RESTORE_EVERY KEY=VALUE…
//
// Damages the newest checkpoint of a volume in every way that a disk can, one at a time: each bit of each EVERY-th
// byte flipped, cut off after each EVERY-th byte, a byte appended, each block of it zero or that of an older file.
// Each damage must be noticed by verify, and opening the volume must give the checkpoint before; each
// RESTORE_EVERY-th time a trainer restores, sets the file aside and stands where the checkpoint before stood.
// Prints "damaged COUNT restored COUNT"; the exit code is 1 when one went unnoticed, with a line that says which.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "fault/handles.h"

using namespace spot::test;

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// State hash of a checkpoint file, or of the newest good one of a folder; empty when there is none.
std::string opened_hash(const fs::path& path) {
  spot_checkpoint* checkpoint = nullptr;
  if (spot_checkpoint_open(path.c_str(), nullptr, &checkpoint, nullptr) != SPOT_OK) return "";
  char* json = nullptr;
  spot_checkpoint_describe(checkpoint, &json, nullptr);
  const std::string hash = nlohmann::json::parse(json).at("state_hash");
  spot_text_free(json);
  spot_checkpoint_free(checkpoint);
  return hash;
}

bool verifies(const fs::path& file) {
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  const spot_status status = spot_checkpoint_verify(file.c_str(), nullptr, &good, &bad, nullptr, nullptr);
  return status == SPOT_OK && good == 1 && bad == 0;
}

class Mutation {
 public:
  Mutation(fs::path volume, std::size_t restore_every, spot_trainer* trainer)
      : volume_(std::move(volume)), restore_every_(restore_every), trainer_(trainer) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(volume_ / "checkpoints")) {
      if (entry.path().extension() == ".spck") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.size() < 2) give_up("the volume has too few checkpoints");
    file_ = files.back();
    before_ = opened_hash(files[files.size() - 2]);
    older_ = read(files[files.size() - 2]);
    content_ = read(file_);
    if (!verifies(file_) || opened_hash(volume_) != opened_hash(file_)) give_up("the undamaged file does not verify");
  }

  void all(std::size_t every) {
    for (std::size_t at = 0; at < content_.size(); at += every) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        std::string damaged = content_;
        damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1U << bit));
        check(damaged, "bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " flipped");
      }
    }
    for (std::size_t size = 0; size < content_.size(); size += every) {
      check(content_.substr(0, size), "cut off after " + std::to_string(size) + " bytes");
    }
    check(content_ + '\0', "a zero byte appended");
    check(content_ + content_, "written twice");
    for (const std::size_t block : {512U, 4096U}) blocks(block);
  }

  void say() const { std::printf("damaged %zu restored %zu\n", damaged_, restored_); }

 private:
  void blocks(std::size_t size) {
    for (std::size_t at = 0; at < content_.size(); at += size) {
      const std::size_t length = std::min(size, content_.size() - at);
      std::string zero = content_;
      std::fill_n(zero.begin() + static_cast<std::ptrdiff_t>(at), length, '\0');
      check(zero, std::to_string(size) + " zeros at " + std::to_string(at));
      // A recycled file: what was not written yet is the older checkpoint.
      if (at + length > older_.size()) continue;
      std::string mixed = content_;
      mixed.replace(at, length, older_, at, length);
      check(mixed, std::to_string(size) + " older bytes at " + std::to_string(at));
    }
  }

  void check(const std::string& damaged, const std::string& what) {
    if (damaged == content_) return;
    write(file_, damaged);
    if (verifies(file_)) give_up(what + ": not noticed");
    if (opened_hash(volume_) != before_) give_up(what + ": opening does not give the checkpoint before");
    if (++damaged_ % restore_every_ == 0) check_restore(what);
    write(file_, content_);
  }

  void check_restore(const std::string& what) {
    char hash[33] = "";
    if (spot_trainer_restore(trainer_, nullptr, nullptr, nullptr) != SPOT_OK) give_up(what + ": cannot be restored");
    spot_trainer_get_state_hash(trainer_, hash, nullptr);
    if (before_ != hash) give_up(what + ": restored to another state than that of the checkpoint before");
    const fs::path aside = file_.string() + ".corrupt";
    if (!fs::exists(aside) || fs::exists(file_)) give_up(what + ": not set aside");
    fs::remove(aside);
    ++restored_;
  }

  fs::path volume_;
  fs::path file_;
  std::string content_;
  std::string older_;
  std::string before_;  ///< state hash of the checkpoint before
  std::size_t restore_every_;
  spot_trainer* trainer_;
  std::size_t damaged_ = 0;
  std::size_t restored_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) give_up("usage: mutation VOLUME EVERY RESTORE_EVERY KEY=VALUE…");
  const Config config = make_config(argv[1], argv + 4, argc - 4);
  const Trainer trainer = make_trainer(config);
  Mutation mutation(argv[1], std::strtoul(argv[3], nullptr, 10), trainer.get());
  mutation.all(std::strtoul(argv[2], nullptr, 10));
  mutation.say();
  return 0;
}
