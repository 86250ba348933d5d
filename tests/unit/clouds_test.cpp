// What holds for every cloud: whatever its service does, only a clear answer is a notice.

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "interrupt/source.h"
#include "rehearsal.h"
#include "simulate_alibaba.h"
#include "simulate_aws.h"
#include "simulate_azure.h"
#include "simulate_gcp.h"
#include "simulate_tencent.h"

using namespace spot;
using namespace spot::test;
using namespace std::chrono_literals;

#define CLOUDS                                                                                      \
  spotctl::SimulatedAws, spotctl::SimulatedGcp, spotctl::SimulatedAzure, spotctl::SimulatedAlibaba, \
      spotctl::SimulatedTencent

namespace {

template <typename Cloud>
typename Cloud::Options noticed_at_once() {
  typename Cloud::Options options;
  options.notice_after = 0;
  return options;
}

/// What the source of that name says of the service.
std::string probe(PollerOptions options, const char* name) {
  options.metadata = name;
  std::string why;
  return make_source(options, Log(), why)->probe();
}

}  // namespace

TEST_CASE_TEMPLATE("a notice is told once, withdrawn, and told again", Cloud, CLOUDS) {
  Rehearsal<Cloud> service;
  Watched poller(service.options());
  REQUIRE(poller.wait_for_looks(2));
  CHECK_FALSE(poller.take());
  CHECK(poller.health().failures_in_a_row == 0);

  service.cloud().trigger();
  const auto notice = poller.wait();
  REQUIRE(notice);
  CHECK(ends_training(*notice));
  CHECK(notice->action == NoticeAction::kTerminate);
  CHECK(notice->source.starts_with(Cloud::kName));
  CHECK_FALSE(notice->stale);
  REQUIRE(notice->deadline_ns);
  CHECK(*notice->deadline_ns > notice->seen_ns);
  REQUIRE(poller.wait_for_looks(2));
  CHECK_FALSE(poller.take());

  service.cloud().withdraw();
  const auto over = poller.wait();
  REQUIRE(over);
  CHECK(over->withdrawn);
  CHECK(over->id == notice->id);

  service.cloud().trigger();
  const auto again = poller.wait();
  REQUIRE(again);
  CHECK(ends_training(*again));
  CHECK(again->id != notice->id);
}

TEST_CASE_TEMPLATE("no failure is a notice, each shows in the health, and is recovered from", Cloud, CLOUDS) {
  for (const std::string& fault : spotctl::simulated_faults()) {
    CAPTURE(fault);
    auto options = noticed_at_once<Cloud>();
    options.fault = fault;
    Rehearsal<Cloud> service(options);
    Watched poller(service.options());
    // That there is nothing of that name is a clear answer in some clouds.
    const bool may_be_none = fault == "404";
    REQUIRE(wait_for([&] {
      const auto health = poller.health();
      return health.failures_in_a_row > 0 || (may_be_none && health.polls > 0);
    }));
    CHECK_FALSE(poller.take());
    CHECK(poller.health().last_error.empty() == (poller.health().failures_in_a_row == 0));
    service.cloud().repair();
    const auto notice = poller.wait();
    REQUIRE(notice);
    CHECK(ends_training(*notice));
  }
}

TEST_CASE_TEMPLATE("a poller ends without waiting for an answer", Cloud, CLOUDS) {
  auto options = noticed_at_once<Cloud>();
  options.fault = "hang";
  Rehearsal<Cloud> service(options);
  PollerOptions slow = service.options();
  slow.period = 1h;
  auto poller = std::make_unique<Watched>(slow);
  REQUIRE(wait_for([&] { return service.asked() > 0; }));
  const auto start = std::chrono::steady_clock::now();
  poller.reset();
  // The shortest of these requests gives up by itself after a second.
  CHECK(std::chrono::steady_clock::now() - start < 500ms);
}

TEST_CASE_TEMPLATE("auto finds the cloud by its service, and the notice", Cloud, CLOUDS) {
  std::string log;
  std::mutex mutex;
  const Log receiver([&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    log += line;
  });
  Rehearsal<Cloud> service(noticed_at_once<Cloud>());
  PollerOptions options = service.options();
  options.metadata = "auto";
  Watched poller(options, system_clock(), receiver);
  const auto notice = poller.wait();
  REQUIRE(notice);
  CHECK(notice->source.starts_with(Cloud::kName));
  REQUIRE(poller.wait_for_looks(1));
  CHECK(poller.health().source == Cloud::kName);
  const std::lock_guard lock(mutex);
  CHECK(log.find(std::string("belongs to ") + Cloud::kName + ": its metadata service answers") != std::string::npos);
}

TEST_CASE_TEMPLATE("no other cloud's service is taken for this one", Cloud, CLOUDS) {
  Rehearsal<Cloud> service;
  PollerOptions options = service.options();
  options.metadata_v1 = true;
  for (const char* name : {"aws", "gcp", "azure", "alibaba", "tencent"}) {
    CAPTURE(name);
    CHECK(probe(options, name).empty() == (name == std::string(Cloud::kName)));
  }
}
