// Alibaba Cloud and Tencent Cloud: the time at which the machine is taken back.

#include <string>

#include <doctest/doctest.h>

#include "interrupt/alibaba.h"
#include "interrupt/tencent.h"
#include "rehearsal.h"
#include "simulate_alibaba.h"
#include "simulate_tencent.h"

using namespace spot;
using namespace spot::test;

namespace {

template <typename Cloud>
double seconds_left(typename Cloud::Options options) {
  options.notice_after = 0;
  Rehearsal<Cloud> service(options);
  Watched poller(service.options());
  const auto notice = poller.wait();
  if (!notice || !ends_training(*notice) || !notice->deadline_ns) return -1;
  return to_seconds(*notice->deadline_ns - notice->seen_ns);
}

}  // namespace

TEST_CASE_TEMPLATE("the stated time is the deadline, in whatever form it is written", Cloud, spotctl::SimulatedAlibaba,
                   spotctl::SimulatedTencent) {
  for (const char* form : {"utc", "offset", "lower", "space", "fraction"}) {
    CAPTURE(form);
    typename Cloud::Options options;
    options.notice_seconds = 90;
    options.time = form;
    const double left = seconds_left<Cloud>(options);
    CHECK(left > 80);
    CHECK(left < 90.2);  // with the fraction
  }
}

TEST_CASE("Tencent: a time without a zone is a notice of two minutes, whether it is UTC or eight hours ahead") {
  for (const double hours : {0, 8}) {
    spotctl::SimulateTencentOptions options;
    options.notice_seconds = 90 + hours * 3600;
    options.time = "plain";
    CHECK(seconds_left<spotctl::SimulatedTencent>(options) == doctest::Approx(120));
  }
}

TEST_CASE("Alibaba: a service that gives no token is asked without one where that is allowed") {
  spotctl::SimulateAlibabaOptions options;
  options.notice_after = 0;
  options.token_fault = "403";
  options.v1 = true;
  Rehearsal<spotctl::SimulatedAlibaba> service(options);
  Watched strict(service.options());
  REQUIRE(wait_for([&] { return strict.health().failures_in_a_row > 0; }));
  CHECK(strict.health().last_error.find("HTTP status 403") != std::string::npos);
  CHECK_FALSE(strict.take());
  PollerOptions lenient = service.options();
  lenient.metadata_v1 = true;
  CHECK(Watched(lenient).wait());
}

TEST_CASE("what is no time is no notice") {
  for (const auto parse : {parse_alibaba_termination_time, parse_tencent_termination_time}) {
    CHECK(parse("2026-11-23T19:55:00Z\n"));
    for (const char* bad : {"", "not yet", "<html>", "2026-11-23", R"({"time":"2026-11-23T19:55:00Z"})"}) {
      CHECK_FALSE(parse(bad));
    }
  }
  CHECK_FALSE(parse_alibaba_termination_time("2018-08-18 12:05:33"));
  CHECK_FALSE(parse_tencent_termination_time("2018-08-18 12:05:33")->stated_ns);
}
