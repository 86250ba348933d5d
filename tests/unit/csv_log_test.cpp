#include "session/csv_log.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

TEST_CASE("the logs have one header and no row twice, whatever they held beyond the checkpoint") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  const std::vector<EpochRecord> history = {{.epoch = 1,
                                             .step = 2,
                                             .train_loss = 0.5,
                                             .train_accuracy = 0.75,
                                             .validation_loss = Event::kNone,
                                             .validation_accuracy = Event::kNone,
                                             .test_loss = 0.25,
                                             .test_accuracy = 0.9925,
                                             .learning_rate = 0.1F}};
  const auto step = [](std::uint64_t number) {
    return StepRecord{
        .step = number, .epoch = 1, .samples = 4, .correct = 3, .loss = 1.5, .learning_rate = 0.1F, .gradient_norm = 2};
  };
  {
    CsvLog log(directory.path(), staging, "r1", {}, 0, {});
    for (const std::uint64_t number : {1U, 2U, 3U, 4U}) log.add(std::array{step(number)}, 0);
    log.add(history[0]);
    log.add(history[0]);
  }
  std::ofstream(directory / "r1.steps.csv", std::ios::app) << "r1,1,5,0.1";  // killed while writing
  {
    CsvLog log(directory.path(), staging, "r1", history, 2, {});
    log.add(std::array{step(3)}, 0);
  }
  CHECK(read(directory / "r1.csv") ==
        "run_id,epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,"
        "test_accuracy,learning_rate\n"
        "r1,1,2,0.5,0.75,,,0.25,0.9925,0.1\n");
  CHECK(read(directory / "r1.steps.csv") ==
        "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n"
        "r1,1,1,1.5,0.75,0.1,2\nr1,1,2,1.5,0.75,0.1,2\nr1,1,3,1.5,0.75,0.1,2\n");
}

TEST_CASE("a torn last row is cut off even when its step is old enough to stay") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  { CsvLog log(directory.path(), staging, "r1", {}, 0, {}); }
  std::ofstream(directory / "r1.steps.csv", std::ios::app) << "r1,1,1,0.5,0.5,1,1\nr1,1,2,0.5,";
  { CsvLog log(directory.path(), staging, "r1", {}, 9, {}); }
  CHECK(read(directory / "r1.steps.csv") ==
        "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\nr1,1,1,0.5,0.5,1,1\n");
}

TEST_CASE("hostile files in a log's place: links stay unfollowed, endless rows are cut off") {
  const TemporaryDirectory directory;
  const std::string header = "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n";
  std::ofstream(directory / "precious") << "precious";
  std::filesystem::create_symlink(directory / "precious", directory / "r1.csv");
  std::filesystem::create_symlink(directory / "precious", directory / "r1.steps.csv");
  const Fd staging = open_directory(directory.path());
  CsvLog(directory.path(), staging, "r1", {}, 0, {}).add(std::array{StepRecord{.step = 1, .samples = 1}}, 0);
  CHECK(read(directory / "precious") == "precious");
  // A row that is longer than memory, in a file that takes no place on the disk.
  std::ofstream(directory / "r2.steps.csv") << header << "r2,1,1,0,0,0,0\n";
  std::filesystem::resize_file(directory / "r2.steps.csv", std::uintmax_t{1} << 40);
  { CsvLog log(directory.path(), staging, "r2", {}, 5, {}); }
  CHECK(read(directory / "r2.steps.csv") == header + "r2,1,1,0,0,0,0\n");
}

TEST_CASE("a log that cannot be written is a warning and nothing else") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  std::vector<std::string> warnings;
  const Log log([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) warnings.emplace_back(text);
  });
  CsvLog csv(directory / "no such folder", staging, "r1", {}, 0, log);
  csv.add(std::array{StepRecord{.step = 1, .epoch = 1, .samples = 1}}, 0);
  csv.write_out();
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "no such folder"));
}

TEST_CASE("steps that follow each other quickly are written together, and all of them before a save") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  CsvLog csv(directory.path(), staging, "r1", {}, 0, {});
  const std::filesystem::path path = directory / "r1.steps.csv";
  const auto rows = [&] { return std::ranges::count(read(path), '\n') - 1; };
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto step = [](std::uint64_t number) {
    return std::array{StepRecord{.step = number, .epoch = 1, .samples = 1}};
  };
  csv.add(step(1), kSecond);
  CHECK(rows() == 1);
  csv.add(step(2), kSecond + kSecond / 20);
  CHECK(rows() == 1);
  csv.add(step(3), 2 * kSecond);
  CHECK(rows() == 3);
  csv.add(step(4), 2 * kSecond);
  csv.write_out();
  CHECK(rows() == 4);
  csv.add(step(5), 2 * kSecond);
  csv.add(EpochRecord{.epoch = 1, .step = 5});
  CHECK(rows() == 5);
}
