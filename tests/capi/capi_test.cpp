// Through the public header only: errors, configuration, structs, parameters, checkpoint files.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"
#include "support/text.h"

using namespace spot::test;
using nlohmann::json;

TEST_CASE("version and build information are what the header promises") {
  CHECK(spot_abi_version() == SPOT_ABI_VERSION);
  const json info = json::parse(spot_build_info());
  CHECK(info["version"] == spot_version());
  CHECK(info["abi_version"] == "1.0");
  CHECK(info["library"].get<std::string>().starts_with("/"));
  for (const char* library : {"onednn", "flatbuffers", "curl", "zlib"}) {
    CAPTURE(library);
    CHECK(std::isdigit(info["libraries"][library].get<std::string>().at(0)) != 0);
  }
  CHECK(info["processors"]["count"] >= 1);
  CHECK_FALSE(info["processors"]["detail"].get<std::string>().empty());
  CHECK(info["backends"].at(0)["name"] == "cpu");
  CHECK(info["backends"].at(0)["usable"] == true);
  CHECK(info["backends"].at(1)["name"] == "cuda");
  CHECK_FALSE(info["backends"].at(1)["detail"].get<std::string>().empty());
}

TEST_CASE("every status has a name of its own, and other numbers say so") {
  std::set<std::string> names;
  for (spot_status status = 0; status <= SPOT_E_DIVERGED; ++status) {
    names.insert(spot_status_name(status));
  }
  CHECK(names.size() == SPOT_E_DIVERGED + 1);
  CHECK(spot_status_name(SPOT_E_CORRUPT) == std::string("SPOT_E_CORRUPT"));
  CHECK(spot_status_name(-1) == std::string("SPOT_E_UNKNOWN"));
  CHECK(spot_status_name(1000) == std::string("SPOT_E_UNKNOWN"));
}

TEST_CASE("no error reads as no error, and freeing nothing is allowed") {
  CHECK(spot_error_code(nullptr) == SPOT_OK);
  CHECK(spot_error_message(nullptr) == std::string());
  CHECK(spot_error_os_errno(nullptr) == 0);
  CHECK(spot_error_http_status(nullptr) == 0);
  CHECK(spot_error_byte_offset(nullptr) == -1);
  spot_error_free(nullptr);
  spot_text_free(nullptr);
  spot_config_free(nullptr);
  spot_cancel_free(nullptr);
  spot_cancel_retain(nullptr);
  spot_cancel_trigger(nullptr);
  spot_cancel_reset(nullptr);
  CHECK(spot_cancel_is_triggered(nullptr) == 0);
  spot_poller_free(nullptr);
  spot_trainer_free(nullptr);
  spot_checkpoint_free(nullptr);
}

TEST_CASE("an error carries its code, message and cause, and success sets it to NULL") {
  const Config config = make_config();
  spot_error* error = nullptr;
  CHECK(spot_config_set_str(config.get(), "batch_sise", "1", &error) == SPOT_E_CONFIG);
  REQUIRE(error != nullptr);
  CHECK(spot_error_code(error) == SPOT_E_CONFIG);
  CHECK(contains(spot_error_message(error), "'batch_size'"));
  spot_error_free(error);
  CHECK(spot_config_set_str(config.get(), "batch_size", "7", &error) == SPOT_OK);
  CHECK(error == nullptr);
  CHECK(spot_config_set_str(config.get(), "batch_sise", "1", nullptr) == SPOT_E_CONFIG);
}

TEST_CASE("configuration values are typed, bounded and read back as text") {
  const Config config = make_config();
  const auto get = [&](const char* key) {
    char* value = nullptr;
    CHECK(spot_config_get_str(config.get(), key, &value, nullptr) == SPOT_OK);
    return take(value);
  };
  CHECK(get("batch_size") == "128");
  CHECK(spot_config_set_i64(config.get(), "batch_size", 64, nullptr) == SPOT_OK);
  CHECK(spot_config_set_f64(config.get(), "learning_rate", 0.25, nullptr) == SPOT_OK);
  CHECK(spot_config_set_str(config.get(), "nesterov", "true", nullptr) == SPOT_OK);
  CHECK(get("batch_size") == "64");
  CHECK(get("learning_rate") == "0.25");
  CHECK(get("nesterov") == "true");
  CHECK(spot_config_set_i64(config.get(), "batch_size", 0, nullptr) == SPOT_E_CONFIG);
  CHECK(spot_config_set_f64(config.get(), "learning_rate", NAN, nullptr) == SPOT_E_CONFIG);
  CHECK(spot_config_set_str(config.get(), "optimizer", "magic", nullptr) == SPOT_E_CONFIG);
  CHECK(spot_config_set_str(config.get(), "epochs", "two", nullptr) == SPOT_E_CONFIG);
  CHECK(get("batch_size") == "64");
}

TEST_CASE("the description lists every key with type, default, bounds, choices and help") {
  const json keys = json::parse(spot_config_describe());
  CHECK(keys.size() > 30);
  const Config config = make_config();
  for (const json& key : keys) {
    const std::string name = key["name"];
    CAPTURE(name);
    char* value = nullptr;
    CHECK(spot_config_get_str(config.get(), name.c_str(), &value, nullptr) == SPOT_OK);
    CHECK(key["default"] == take(value));
    CHECK_FALSE(key["help"].get<std::string>().empty());
    const bool is_number = key["type"] == "integer" || key["type"] == "number";
    CHECK(key["minimum"].is_number() == is_number);
    CHECK(key["choices"].is_array());
    CHECK((key["resume"] == "exact" || key["resume"] == "free"));
  }
}

TEST_CASE("a NULL that is not allowed is refused by the parameter's name") {
  const Place place;
  const Config config = place.config("v");
  const Trainer trainer = make_trainer(config);
  const Poller poller = make_poller(config);
  auto notice = sized<spot_notice>();
  float value = 0;
  const auto refused = [](const char* name, auto&& call) {
    ErrorSlot error;
    CHECK(call(static_cast<spot_error**>(error)) == SPOT_E_INVALID_ARGUMENT);
    CAPTURE(error.message());
    CHECK(contains(error.message(), name));
  };
  refused("'out'", [](spot_error** e) { return spot_config_create(nullptr, e); });
  refused("'config'", [](spot_error** e) { return spot_config_set_i64(nullptr, "seed", 1, e); });
  refused("'key'", [&](spot_error** e) { return spot_config_set_str(config.get(), nullptr, "", e); });
  refused("'value'", [&](spot_error** e) { return spot_config_set_str(config.get(), "seed", nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_config_get_str(config.get(), "seed", nullptr, e); });
  refused("'out'", [](spot_error** e) { return spot_cancel_create(nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_poller_create(config.get(), nullptr, e); });
  refused("'poller'", [&](spot_error** e) { return spot_poller_wait(nullptr, nullptr, 0, nullptr, &notice, e); });
  refused("'out'", [&](spot_error** e) { return spot_poller_wait(poller.get(), nullptr, 0, nullptr, nullptr, e); });
  refused("'action'", [&](spot_error** e) { return spot_poller_notify(poller.get(), 9, "", "", 0, nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_poller_get_health(poller.get(), nullptr, e); });
  refused("'config'", [](spot_error** e) { return spot_trainer_create(nullptr, nullptr, nullptr, nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_trainer_create(config.get(), nullptr, nullptr, nullptr, e); });
  refused("'trainer'", [](spot_error** e) { return spot_trainer_step(nullptr, 1, nullptr, nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_trainer_run(trainer.get(), nullptr, nullptr, nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_trainer_evaluate(trainer.get(), 2, nullptr, nullptr, e); });
  refused("'counts'",
          [&](spot_error** e) { return spot_trainer_get_confusion(trainer.get(), 2, nullptr, nullptr, 100, e); });
  refused("'images'", [&](spot_error** e) {
    const Model model = make<Model>(spot_model_open_trainer, trainer.get(), nullptr);
    return spot_model_predict(model.get(), nullptr, SPOT_TYPE_UINT8, 144, nullptr, &value, 10, e);
  });
  refused("'out'", [&](spot_error** e) { return spot_trainer_get_info(trainer.get(), nullptr, e); });
  refused("'out'", [&](spot_error** e) { return spot_trainer_get_state_hash(trainer.get(), nullptr, e); });
  auto info = sized<spot_trainer_info>();
  call(spot_trainer_get_info, trainer.get(), &info);
  const std::size_t size_of_state = info.state_size;
  refused("'values'",
          [&](spot_error** e) { return spot_trainer_read_tensor(trainer.get(), nullptr, nullptr, size_of_state, e); });
  refused("'json'", [&](spot_error** e) { return spot_trainer_describe_parameters(trainer.get(), nullptr, e); });
  refused("'path'", [](spot_error** e) {
    spot_checkpoint* c;
    return spot_checkpoint_open(nullptr, nullptr, &c, e);
  });
  refused("'checkpoint'", [](spot_error** e) { return spot_checkpoint_export(nullptr, "x", nullptr, e); });
  refused("'json'", [&](spot_error** e) { return spot_benchmark(config.get(), nullptr, 1, nullptr, nullptr, e); });
  char* text = nullptr;
  refused("'seconds'", [&](spot_error** e) { return spot_benchmark(config.get(), nullptr, 0, nullptr, &text, e); });
}

TEST_CASE("a struct that is too short is refused, a longer one is told how much was filled") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  spot_trainer_info info{};
  ErrorSlot error;
  CHECK(spot_trainer_get_info(trainer.get(), &info, error) == SPOT_E_INVALID_ARGUMENT);
  CHECK(contains(error.message(), "struct_size"));

  info.struct_size = sizeof info - 1;
  CHECK(spot_trainer_get_info(trainer.get(), &info, error) == SPOT_E_INVALID_ARGUMENT);

  // A program built against a later header has a longer struct.
  struct Longer {
    spot_trainer_info info;
    std::uint64_t field_of_the_future;
  } longer{};
  longer.field_of_the_future = 77;
  longer.info.struct_size = sizeof longer;
  CHECK(spot_trainer_get_info(trainer.get(), &longer.info, nullptr) == SPOT_OK);
  CHECK(longer.info.total_steps == 20);
  CHECK(longer.info.struct_size == sizeof longer.info);
  CHECK(longer.field_of_the_future == 77);
}

TEST_CASE("trainer information names what is trained on what") {
  const Place place;
  const Config config = place.config("v");
  set(config, "validation_size", "30");
  set(config, "threads", "2");
  const Trainer trainer = make_trainer(config);
  auto info = sized<spot_trainer_info>();
  REQUIRE(spot_trainer_get_info(trainer.get(), &info, nullptr) == SPOT_OK);
  CHECK(info.train_samples == 120);
  CHECK(info.validation_samples == 30);
  CHECK(info.test_samples == 40);
  CHECK(info.steps_per_epoch == 8);
  CHECK(info.total_steps == 16);
  CHECK(info.threads == 2);
  CHECK(info.dataset_is_fallback == 0);
  CHECK(info.run_id == std::string("r1"));
  CHECK(info.device == std::string("cpu"));
  CHECK(contains(info.dataset, "data"));
}

TEST_CASE("what cannot be created says why") {
  const Place place;
  const auto refused = [&](spot_status status, const char* key, const std::string& value, const char* part) {
    const Config config = place.config("v");
    set(config, key, value);
    spot_trainer* trainer = nullptr;
    ErrorSlot error;
    CAPTURE(error.message());
    CHECK(spot_trainer_create(config.get(), nullptr, nullptr, &trainer, error) == status);
    CHECK(trainer == nullptr);
    CHECK(contains(error.message(), part));
  };
  refused(SPOT_E_NOT_FOUND, "volume", (place / "none").string(), "does not exist");
  refused(SPOT_E_NOT_FOUND, "dataset", (place / "none").string(), "none");
  refused(SPOT_E_UNSUPPORTED, "device", "cuda", "cuda");
  refused(SPOT_E_UNSUPPORTED, "precision", "bf16", "precision 'bf16': set precision to fp32");
  refused(SPOT_E_CONFIG, "run_id", "a/b", "run_id");
  refused(SPOT_E_CONFIG, "nesterov", "true", "momentum");
}

TEST_CASE("steps, evaluation and confusion agree with each other") {
  const Place place;
  const Config config = place.config("v");
  set(config, "learning_rate", "0.05");
  const Trainer trainer = make_trainer(config);
  auto metrics = sized<spot_metrics>();
  ErrorSlot error;
  check_ok(spot_trainer_step(trainer.get(), 20, nullptr, &metrics, error), error);
  CHECK(metrics.learning_rate == 0.05);
  CHECK(metrics.step == 20);
  CHECK(metrics.samples == 300);
  CHECK(std::isfinite(metrics.loss));
  CHECK(metrics.gradient_norm > 0);
  check_ok(spot_trainer_evaluate(trainer.get(), SPOT_SPLIT_TEST, nullptr, &metrics, error), error);
  CHECK(metrics.samples == 40);
  CHECK(std::isnan(metrics.learning_rate));
  std::vector<std::uint64_t> counts(100);
  check_ok(spot_trainer_get_confusion(trainer.get(), SPOT_SPLIT_TEST, nullptr, counts.data(), 100, error), error);
  std::uint64_t hits = 0;
  for (std::size_t c = 0; c < 10; ++c) hits += counts[c * 11];
  CHECK(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) == 40);
  CHECK(static_cast<double>(hits) / 40 == metrics.accuracy);
  CHECK(spot_trainer_get_confusion(trainer.get(), SPOT_SPLIT_TEST, nullptr, counts.data(), 99, nullptr) ==
        SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_trainer_evaluate(trainer.get(), SPOT_SPLIT_VALIDATION, nullptr, &metrics, nullptr) == SPOT_E_ORDER);
  CHECK(spot_trainer_evaluate(trainer.get(), 9, nullptr, &metrics, nullptr) == SPOT_E_INVALID_ARGUMENT);
}

TEST_CASE("predictions are probabilities, for more images than a batch holds") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const std::size_t count = 37;
  std::vector<std::uint8_t> images(count * 144);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * 31);
  std::vector<float> probabilities(count * 10);
  const Model model = make<Model>(spot_model_open_trainer, trainer.get(), nullptr);
  ErrorSlot error;
  check_ok(spot_model_predict(model.get(), images.data(), SPOT_TYPE_UINT8, images.size(), nullptr, probabilities.data(),
                              370, error),
           error);
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i * 10);
    CHECK(std::accumulate(row, row + 10, 0.0) == doctest::Approx(1).epsilon(1e-5));
  }
  CHECK(spot_model_predict(model.get(), images.data(), SPOT_TYPE_UINT8, images.size(), nullptr, probabilities.data(),
                           369, error) == SPOT_E_INVALID_ARGUMENT);
}

TEST_CASE("parameters are listed, read and written by name") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  auto info = sized<spot_trainer_info>();
  REQUIRE(spot_trainer_get_info(trainer.get(), &info, nullptr) == SPOT_OK);
  std::uint64_t parameters = 0;
  auto tensor = sized<spot_tensor_info>();
  for (std::uint64_t i = 0; i < info.tensor_count; ++i) {
    REQUIRE(spot_trainer_get_tensor_info(trainer.get(), i, &tensor, nullptr) == SPOT_OK);
    std::uint64_t size = 1;
    for (std::uint32_t d = 0; d < tensor.rank; ++d) size *= static_cast<std::uint64_t>(tensor.shape[d]);
    CHECK(size == tensor.size);
    if (tensor.role == SPOT_ROLE_PARAMETER) parameters += tensor.size;
  }
  CHECK(parameters == info.parameter_count);
  CHECK(spot_trainer_get_tensor_info(trainer.get(), info.tensor_count, &tensor, nullptr) == SPOT_E_INVALID_ARGUMENT);

  REQUIRE(spot_trainer_get_tensor_info(trainer.get(), 0, &tensor, nullptr) == SPOT_OK);
  const std::string before = hash_of(trainer.get());
  std::vector<float> values(tensor.size);
  CHECK(spot_trainer_read_tensor(trainer.get(), tensor.name, values.data(), values.size(), nullptr) == SPOT_OK);
  values[0] += 1;
  CHECK(spot_trainer_write_tensor(trainer.get(), tensor.name, values.data(), values.size(), nullptr) == SPOT_OK);
  CHECK(hash_of(trainer.get()) != before);
  values[0] -= 1;
  std::vector<float> again(tensor.size);
  CHECK(spot_trainer_read_tensor(trainer.get(), tensor.name, again.data(), again.size(), nullptr) == SPOT_OK);
  CHECK(again[0] == values[0] + 1);
  CHECK(spot_trainer_read_tensor(trainer.get(), tensor.name, values.data(), 1, nullptr) == SPOT_E_INVALID_ARGUMENT);
  CHECK(spot_trainer_read_tensor(trainer.get(), "nothing", values.data(), 1, nullptr) == SPOT_E_NOT_FOUND);
}

TEST_CASE("statistics show each parameter, with gradients once there are some") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const auto statistics = [&] {
    char* text = nullptr;
    CHECK(spot_trainer_describe_parameters(trainer.get(), &text, nullptr) == SPOT_OK);
    return json::parse(take(text));
  };
  CHECK(statistics().at(0)["gradient_norm"].is_null());
  CHECK(statistics().at(0)["std"] > 0);
  auto metrics = sized<spot_metrics>();
  REQUIRE(spot_trainer_step(trainer.get(), 1, nullptr, &metrics, nullptr) == SPOT_OK);
  double squares = 0;
  for (const json& tensor : statistics()) squares += std::pow(tensor["gradient_norm"].get<double>(), 2);
  CHECK(std::sqrt(squares) == doctest::Approx(metrics.gradient_norm).epsilon(1e-5));
}

TEST_CASE("a checkpoint is saved, described, verified, exported and restored") {
  const Place place;
  const Config written = place.config("v");
  for (const auto& [key, value] : {std::pair{"volume_mode", "group"},
                                   {"durability", "weak"},
                                   {"takeover", "true"},
                                   {"metadata_v1", "true"},
                                   {"gcp_notice_seconds", "120"},
                                   {"allow_config_change", "true"},
                                   {"after_durable", "wait"},
                                   {"lease_wait_seconds", "7"},
                                   {"poll_seconds", "3600"}}) {
    set(written, key, value);
  }
  const Trainer trainer = make_trainer(written);
  CHECK(spot_trainer_restore(trainer.get(), nullptr, nullptr, nullptr) == SPOT_E_NOT_FOUND);
  REQUIRE(spot_trainer_step(trainer.get(), 13, nullptr, nullptr, nullptr) == SPOT_OK);
  auto report = sized<spot_save_report>();
  ErrorSlot error;
  check_ok(spot_trainer_checkpoint(trainer.get(), nullptr, &report, error), error);
  CHECK(report.step == 13);
  CHECK(report.bytes == std::filesystem::file_size(report.path));
  const std::string hash = hash_of(trainer.get());

  spot_checkpoint* opened = nullptr;
  check_ok(spot_checkpoint_open((place / "v").c_str(), nullptr, &opened, error), error);
  const Checkpoint checkpoint(opened);
  char* text = nullptr;
  check_ok(spot_checkpoint_describe(opened, &text, error), error);
  const json description = json::parse(take(text));
  CHECK(description["path"] == report.path);
  CHECK(description["valid"] == true);
  CHECK(description["step"] == 13);
  CHECK(description["epoch"] == 2);  // whose fourth step was the last
  CHECK(description["run_id"] == "r1");
  CHECK(description["state_hash"] == hash);
  CHECK(description["config"]["batch_size"] == 16);
  CHECK(description["model"].is_object());
  CHECK(description["tensors"].at(0)["dtype"] == "float32");
  CHECK(description["dataset"]["train_samples"] == 150);

  std::uint64_t good = 0;
  std::uint64_t bad = 9;
  check_ok(spot_checkpoint_verify((place / "v").c_str(), nullptr, &good, &bad, &text, error), error);
  CHECK(good == 1);
  CHECK(bad == 0);
  CHECK(json::parse(take(text)).at(0)["state_hash"] == hash);

  const std::string tensor = description["tensors"].at(0)["name"];
  auto info = sized<spot_tensor_info>();
  REQUIRE(spot_trainer_get_tensor_info(trainer.get(), 0, &info, nullptr) == SPOT_OK);
  std::vector<float> saved(info.size);
  std::vector<float> live(info.size);
  check_ok(spot_checkpoint_read_tensor(opened, tensor.c_str(), saved.data(), saved.size(), error), error);
  check_ok(spot_trainer_read_tensor(trainer.get(), info.name, live.data(), live.size(), error), error);
  CHECK(saved == live);
  CHECK(spot_checkpoint_read_tensor(opened, "nothing", saved.data(), 1, nullptr) == SPOT_E_NOT_FOUND);

  check_ok(spot_checkpoint_export(opened, (place / "exported").c_str(), nullptr, error), error);
  CHECK(std::filesystem::exists(place / "exported.json"));
  CHECK(std::filesystem::exists(place / "exported.safetensors"));

  spot_config* stored = nullptr;
  check_ok(spot_checkpoint_get_config(opened, &stored, error), error);
  const Config config(stored);
  // Where things are, who may read them and how safe that is is the caller's business, not the file's.
  for (const auto& [key, unset] : {std::pair{"volume", ""},
                                   {"dataset", ""},
                                   {"metadata", "auto"},
                                   {"volume_mode", "private"},
                                   {"durability", "full"},
                                   {"takeover", "false"},
                                   {"metadata_v1", "false"},
                                   {"gcp_notice_seconds", "30"},
                                   {"allow_config_change", "false"},
                                   {"after_durable", "exit"},
                                   {"lease_wait_seconds", "120"},
                                   {"poll_seconds", "5"}}) {
    char* value = nullptr;
    check_ok(spot_config_get_str(config.get(), key, &value, error), error);
    CHECK(take(value) == unset);
  }
  set(config, "volume", (place / "v").string());
  set(config, "dataset", (place / "data").string());
  const Trainer second = make_trainer(config);
  check_ok(spot_trainer_restore(second.get(), report.path, nullptr, error), error);
  CHECK(hash_of(second.get()) == hash);
  REQUIRE(spot_trainer_step(trainer.get(), 5, nullptr, nullptr, nullptr) == SPOT_OK);
  REQUIRE(spot_trainer_step(second.get(), 5, nullptr, nullptr, nullptr) == SPOT_OK);
  CHECK(hash_of(second.get()) == hash_of(trainer.get()));
  check_ok(spot_trainer_restore(trainer.get(), nullptr, nullptr, error), error);
  CHECK(hash_of(trainer.get()) == hash);
}

TEST_CASE("a damaged checkpoint is told from a good one and never half taken over") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  auto report = sized<spot_save_report>();
  REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, nullptr) == SPOT_OK);
  REQUIRE(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_OK);
  REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, &report, nullptr) == SPOT_OK);
  {
    std::fstream file(report.path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(report.bytes / 2));
    file.put('\x55').put('\xaa').put('\x55');
  }
  const std::string hash = hash_of(trainer.get());
  CHECK(spot_trainer_restore(trainer.get(), report.path, nullptr, nullptr) == SPOT_E_CORRUPT);
  CHECK(hash_of(trainer.get()) == hash);
  spot_checkpoint* opened = nullptr;
  CHECK(spot_checkpoint_open(report.path, nullptr, &opened, nullptr) == SPOT_E_CORRUPT);
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  CHECK(spot_checkpoint_verify((place / "v/checkpoints").c_str(), nullptr, &good, &bad, nullptr, nullptr) == SPOT_OK);
  CHECK(good == 1);
  CHECK(bad == 1);
  REQUIRE(spot_checkpoint_open((place / "v").c_str(), nullptr, &opened, nullptr) == SPOT_OK);
  char* text = nullptr;
  REQUIRE(spot_checkpoint_describe(opened, &text, nullptr) == SPOT_OK);
  CHECK(json::parse(take(text))["step"] == 0);
  spot_checkpoint_free(opened);
  CHECK(spot_checkpoint_open((place / "nothing").c_str(), nullptr, &opened, nullptr) == SPOT_E_NOT_FOUND);
  CHECK(spot_checkpoint_verify((place / "data").c_str(), nullptr, nullptr, nullptr, nullptr, nullptr) ==
        SPOT_E_NOT_FOUND);
}

TEST_CASE("a checkpoint of another model is refused by name") {
  const Place place;
  auto report = sized<spot_save_report>();
  std::string path;
  {
    const Trainer trainer = make_trainer(place.config("v"));
    REQUIRE(spot_trainer_checkpoint(trainer.get(), nullptr, &report, nullptr) == SPOT_OK);
    path = report.path;
  }
  const Config config = place.config("v");
  set(config, "model", "lenet-5");
  const Trainer other = make_trainer(config);
  ErrorSlot error;
  CHECK(spot_trainer_restore(other.get(), path.c_str(), nullptr, error) == SPOT_E_MISMATCH);
  CHECK(contains(error.message(), "lenet-5"));
}

TEST_CASE("a benchmark is JSON with everything that the header lists") {
  const Place place;
  const Config config = place.config("v");
  char* text = nullptr;
  ErrorSlot error;
  check_ok(spot_benchmark(config.get(), nullptr, 0.05, nullptr, &text, error), error);
  const json result = json::parse(take(text));
  CHECK(result["model"] == "mlp");
  CHECK(result["device"] == "cpu");
  CHECK(result["mode"] == "exact");
  CHECK(result["precision"] == "fp32");
  set(config, "mode", "fast");
  check_ok(spot_benchmark(config.get(), nullptr, 0.05, nullptr, &text, error), error);
  CHECK(json::parse(take(text))["mode"] == "fast");
  CHECK(result["batch_size"] == 16);
  for (const char* key : {"threads", "train_samples_per_second", "test_samples_per_second", "peak_gflops",
                          "dense_efficiency", "step_ms_median"}) {
    CAPTURE(key);
    CHECK(result[key] > 0);
  }
  CHECK_FALSE(result["layers"].empty());
  CHECK(result["layers"][0]["ms"] >= 0);
}
