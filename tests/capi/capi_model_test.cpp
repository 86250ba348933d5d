// Through the public header only: a model for prediction.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"
#include "support/text.h"

using namespace spot::test;

namespace {

/// A checkpoint, and what its trainer predicts for some images.
struct Trained {
  Place place;
  Checkpoint checkpoint;
  spot_trainer_info trainer_info = sized<spot_trainer_info>();
  std::vector<std::uint8_t> images;
  std::vector<float> probabilities;

  Trained() {
    const Trainer trainer = make_trainer(place.config("v"));
    call(spot_trainer_step, trainer.get(), 5, nullptr, nullptr);
    call(spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
    call(spot_trainer_get_info, trainer.get(), &trainer_info);
    constexpr std::size_t kCount = 37;  // more than a batch holds
    images.resize(kCount * trainer_info.rows * trainer_info.columns);
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * 7919 % 256);
    probabilities.resize(kCount * trainer_info.classes);
    probabilities = predicted_by(make<Model>(spot_model_open_trainer, trainer.get(), nullptr).get());
    checkpoint = make<Checkpoint>(spot_checkpoint_open, (place / "v").c_str(), nullptr);
  }

  [[nodiscard]] std::vector<float> predicted_by(spot_model* model) const {
    std::vector<float> result(probabilities.size());
    call(spot_model_predict, model, images.data(), SPOT_TYPE_UINT8, images.size(), nullptr, result.data(),
         result.size());
    return result;
  }
};

}  // namespace

TEST_CASE("a model predicts what its trainer would, with neither dataset nor volume") {
  Trained trained;
  const Config config = make<Config>(spot_checkpoint_get_config, trained.checkpoint.get());
  set(config, "volume", "/no/such/volume");
  set(config, "dataset", "/no/such/dataset");
  call(spot_config_unset, config.get(), "batch_size");  // as the other model: last bits may depend on it
  const Model model = make<Model>(spot_model_open_checkpoint, trained.checkpoint.get(), config.get());
  trained.checkpoint.reset();
  std::filesystem::remove_all(trained.place / "v");
  CHECK((trained.predicted_by(model.get()) == trained.probabilities));

  auto info = sized<spot_model_info>();
  call(spot_model_get_info, model.get(), &info);
  CHECK(info.classes == trained.trainer_info.classes);
  CHECK(info.rows == trained.trainer_info.rows);
  CHECK(info.columns == trained.trainer_info.columns);
  CHECK(info.parameter_count == trained.trainer_info.parameter_count);
  CHECK(info.step == 5);
  CHECK(std::string(info.run_id) == "r1");
}

TEST_CASE("a model with default settings, used by several threads, predicts for each") {
  const Trained trained;
  const Model model = make<Model>(spot_model_open_checkpoint, trained.checkpoint.get(), nullptr);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = trained.predicted_by(model.get()); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK((result == results[0]));
}

TEST_CASE("an exported model, a volume and a checkpoint file predict the same") {
  const Trained trained;
  const std::string prefix = (trained.place / "net.v2").string();
  call(spot_checkpoint_export, trained.checkpoint.get(), prefix.c_str(), nullptr);
  auto info = sized<spot_checkpoint_info>();
  call(spot_checkpoint_get_info, trained.checkpoint.get(), &info);
  for (const std::string& path :
       {prefix + ".json", prefix + ".safetensors", (trained.place / "v").string(), std::string(info.path)}) {
    CAPTURE(path);
    const Model model = make<Model>(spot_model_open, path.c_str(), nullptr, nullptr);
    CHECK((trained.predicted_by(model.get()) == trained.probabilities));
    auto of_model = sized<spot_model_info>();
    call(spot_model_get_info, model.get(), &of_model);
    CHECK(of_model.step == 5);
    CHECK(std::string(of_model.run_id) == "r1");
  }
}

TEST_CASE("an exported model that is damaged is refused with what is wrong") {
  const Trained trained;
  const std::string prefix = (trained.place / "net").string();
  call(spot_checkpoint_export, trained.checkpoint.get(), prefix.c_str(), nullptr);
  std::string file;
  {
    std::ifstream in(prefix + ".safetensors", std::ios::binary);
    file.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto refused = [&](const std::string& bytes, const char* part) {
    std::ofstream(prefix + ".safetensors", std::ios::binary) << bytes;
    spot_model* model = nullptr;
    ErrorSlot error;
    const spot_status status = spot_model_open((prefix + ".json").c_str(), nullptr, nullptr, &model, error);
    CAPTURE(error.message());
    CHECK((status == SPOT_E_MODEL || status == SPOT_E_MISMATCH));
    CHECK(model == nullptr);
    CHECK(contains(error.message(), part));
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string bytes = file;
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    return bytes.replace(at, from.size(), to);  // of the same length
  };
  refused("", "shorter than a header");
  refused(file.substr(0, 100), "no end");
  refused(std::string(8, '\xff') + file.substr(8), "no end");
  refused(file.substr(0, file.size() - 4), "are not in the file");
  refused(replaced("F32", "F64"), "not F32");
  refused(replaced("\"shape\"", "\"Shape\""), "no shape");
  refused(replaced("\"data_offsets\":[0", "\"data_offsets\":[9"), "are not in the file");
  refused(replaced(".weight", ".wEight"), "no tensor");
  refused(replaced("{", "["), "no JSON object");
  // Every tensor claims the whole of the values.
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
  std::string overlapping(8, '\0');
  overlapping[0] = static_cast<char>(header.size());
  refused(overlapping + header + std::string(16, '\0'), "overlap");
  std::filesystem::remove(prefix + ".safetensors");
  spot_model* model = nullptr;
  CHECK(spot_model_open((prefix + ".json").c_str(), nullptr, nullptr, &model, nullptr) == SPOT_E_NOT_FOUND);
}

TEST_CASE("a model refuses sizes that do not fit, and stops when cancelled") {
  Trained trained;
  const Model model = make<Model>(spot_model_open_checkpoint, trained.checkpoint.get(), nullptr);
  const auto& images = trained.images;
  auto& probabilities = trained.probabilities;
  ErrorSlot error;
  CHECK(spot_model_predict(model.get(), images.data(), SPOT_TYPE_UINT8, images.size() - 1, nullptr,
                           probabilities.data(), probabilities.size(), error) == SPOT_E_INVALID_ARGUMENT);
  CHECK(contains(error.message(), "no multiple of"));
  ErrorSlot length;
  CHECK(spot_model_predict(model.get(), images.data(), SPOT_TYPE_UINT8, images.size(), nullptr, probabilities.data(),
                           probabilities.size() - 1, length) == SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_model_predict(model.get(), nullptr, SPOT_TYPE_UINT8, 0, nullptr, nullptr, 0, nullptr) == SPOT_OK);
  const Cancel cancel = make_cancel();
  spot_cancel_trigger(cancel.get());
  CHECK(spot_model_predict(model.get(), images.data(), SPOT_TYPE_UINT8, images.size(), cancel.get(),
                           probabilities.data(), probabilities.size(), nullptr) == SPOT_E_CANCELLED);
}

TEST_CASE("on a read-only volume everything is read and nothing is written") {
  const Trained trained;
  const Config config = trained.place.config("absent");
  std::filesystem::remove_all(trained.place / "absent");
  set(config, "volume_access", "read-only");
  const Trainer trainer = make_trainer(config);
  const auto description = nlohmann::json::parse(make<Text>(spot_checkpoint_describe, trained.checkpoint.get()).get());
  call(spot_trainer_restore, trainer.get(), description["path"].get<std::string>().c_str(), nullptr);
  auto metrics = sized<spot_metrics>();
  call(spot_trainer_evaluate, trainer.get(), SPOT_SPLIT_TEST, nullptr, &metrics);
  CHECK(metrics.step == 5);
  ErrorSlot error;
  CHECK(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, error) == SPOT_E_CONFIG);
  CHECK(contains(error.message(), "volume_access"));
  CHECK_FALSE(std::filesystem::exists(trained.place / "absent"));
}
