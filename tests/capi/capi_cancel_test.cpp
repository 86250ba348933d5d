// Through the public header only: spot_cancel ends whatever takes long.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "capi/owners.h"

using namespace spot::test;

namespace {

constexpr std::chrono::seconds kPatience{10};  // on an idle machine it takes a tenth of a second

/// A server that lets everybody in and answers nobody.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_, 16) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string url_;
};

/// Triggers `cancel` while `action` is under way, which must answer SPOT_E_CANCELLED soon after.
template <typename Action>
void check_ends(const Cancel& cancel, const Action& action) {
  spot_cancel_reset(cancel.get());
  std::thread trigger([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    spot_cancel_trigger(cancel.get());
  });
  const auto begin = std::chrono::steady_clock::now();
  CHECK(action() == SPOT_E_CANCELLED);
  CHECK(std::chrono::steady_clock::now() - begin < kPatience);
  trigger.join();
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::ptrdiff_t count_entries(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace

TEST_CASE("a cancel that was triggered before ends every call that takes one") {
  const Place place;
  const Config config = place.config("v");
  const Cancel cancel = make_cancel();
  const Trainer trainer = make_trainer(config);
  auto report = sized<spot_save_report>();
  REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, &report, nullptr) == SPOT_OK);
  spot_cancel_trigger(cancel.get());
  spot_trainer* another = nullptr;
  spot_checkpoint* opened = nullptr;
  char* text = nullptr;
  auto metrics = sized<spot_metrics>();
  auto info = sized<spot_trainer_info>();
  REQUIRE(spot_trainer_get_info(trainer.get(), &info, nullptr) == SPOT_OK);
  const std::vector<std::uint8_t> image(std::size_t{info.rows} * info.columns);
  std::vector<float> probabilities(info.classes);
  std::vector<std::uint64_t> counts(std::size_t{info.classes} * info.classes);
  spot_trainer* t = trainer.get();
  spot_cancel* c = cancel.get();
  CHECK(spot_trainer_create(config.get(), nullptr, c, &another, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_step(t, 1, c, nullptr, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_evaluate(t, SPOT_SPLIT_TEST, c, &metrics, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_get_confusion(t, SPOT_SPLIT_TEST, c, counts.data(), counts.size(), nullptr) == SPOT_E_CANCELLED);
  const Model model = make<Model>(spot_model_open_trainer, t, nullptr);
  CHECK(spot_model_predict(model.get(), image.data(), SPOT_TYPE_UINT8, image.size(), c, probabilities.data(),
                           probabilities.size(), nullptr) == SPOT_E_CANCELLED);
  spot_model* never = nullptr;
  CHECK(spot_model_open((place / "v").c_str(), nullptr, c, &never, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_checkpoint(t, c, nullptr, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_restore(t, nullptr, c, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_trainer_restore(t, report.path, c, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_checkpoint_open(report.path, c, &opened, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_checkpoint_open((place / "v").c_str(), c, &opened, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_checkpoint_verify((place / "v").c_str(), c, nullptr, nullptr, nullptr, nullptr) == SPOT_E_CANCELLED);
  CHECK(spot_benchmark(config.get(), nullptr, 1000, c, &text, nullptr) == SPOT_E_CANCELLED);
  // Nothing was changed by any of them.
  spot_cancel_reset(c);
  CHECK(spot_trainer_restore(t, nullptr, c, nullptr) == SPOT_OK);
  CHECK(spot_trainer_step(t, 1, c, nullptr, nullptr) == SPOT_OK);
}

TEST_CASE("a creation that waits for a mirror ends when it is cancelled, and so does a benchmark's") {
  const Place place;
  const SilentServer server;
  const Config config = place.config("v");
  set(config, "dataset", "kmnist");
  set(config, "dataset_mirrors", server.url());
  const Cancel cancel = make_cancel();
  check_ends(cancel, [&] {
    spot_trainer* trainer = nullptr;
    return spot_trainer_create(config.get(), nullptr, cancel.get(), &trainer, nullptr);
  });
  check_ends(cancel, [&] {
    char* text = nullptr;
    return spot_benchmark(config.get(), nullptr, 1, cancel.get(), &text, nullptr);
  });
  CHECK(std::filesystem::is_empty(place / "v/datasets"));
}

TEST_CASE("a benchmark ends when it is cancelled") {
  const Place place;
  const Config config = place.config("v");
  const Cancel cancel = make_cancel();
  check_ends(cancel, [&] {
    char* text = nullptr;
    return spot_benchmark(config.get(), nullptr, 1000, cancel.get(), &text, nullptr);
  });
}

TEST_CASE("waiting for the volume's other writer ends when it is cancelled") {
  const Place place;
  const Config config = place.config("v");
  set(config, "lease_wait_seconds", "1000");
  Trainer holder = make_trainer(config);
  REQUIRE(spot_trainer_checkpoint(holder.get(), nullptr, nullptr, nullptr) == SPOT_OK);
  const Trainer waiting = make_trainer(config);
  const Cancel cancel = make_cancel();
  check_ends(cancel, [&] { return spot_trainer_checkpoint(waiting.get(), cancel.get(), nullptr, nullptr); });
  check_ends(cancel, [&] { return spot_trainer_restore(waiting.get(), nullptr, cancel.get(), nullptr); });
  holder.reset();
  spot_cancel_reset(cancel.get());
  CHECK(spot_trainer_checkpoint(waiting.get(), cancel.get(), nullptr, nullptr) == SPOT_OK);
}

TEST_CASE("a cancelled export leaves the files that were there, and no others") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const std::filesystem::path folder = place / "models";
  std::filesystem::create_directory(folder);
  const std::string prefix = (folder / "net").string();
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  const auto refused = [&] {
    CHECK(spot_trainer_export(trainer.get(), prefix.c_str(), cancel.get(), nullptr) == SPOT_E_CANCELLED);
    call(spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
    const Checkpoint checkpoint = make<Checkpoint>(spot_checkpoint_open, (place / "v").c_str(), nullptr);
    CHECK(spot_checkpoint_export(checkpoint.get(), prefix.c_str(), cancel.get(), nullptr) == SPOT_E_CANCELLED);
  };
  spot_cancel_trigger(cancel.get());
  refused();
  CHECK(std::filesystem::is_empty(folder));
  call(spot_trainer_export, trainer.get(), prefix.c_str(), nullptr);
  const std::string before = content_of(prefix + ".safetensors");
  call(spot_trainer_step, trainer.get(), 1, nullptr, nullptr);
  refused();
  CHECK(content_of(prefix + ".safetensors") == before);
  CHECK(count_entries(folder) == 2);
}

TEST_CASE("a cancelled check of a volume leaves only its folders") {
  const Place place;
  const Config config = place.config("v");
  std::filesystem::create_directories(place / "v");
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  spot_cancel_trigger(cancel.get());
  spot_status outcome = SPOT_E_INTERNAL;
  CHECK(spot_volume_check(config.get(), nullptr, cancel.get(), &outcome, nullptr, nullptr) == SPOT_E_CANCELLED);
  CHECK(count_entries(place / "v" / "checkpoints") == 0);
  spot_cancel_reset(cancel.get());
  call(spot_volume_check, config.get(), nullptr, cancel.get(), &outcome, nullptr);
  CHECK(outcome == SPOT_OK);
}
