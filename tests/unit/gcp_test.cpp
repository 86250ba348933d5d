// GCP: the preemption that each look waits for, and host maintenance.

#include "interrupt/gcp.h"

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "rehearsal.h"
#include "simulate_gcp.h"

using namespace spot;
using namespace spot::test;
using namespace std::chrono_literals;
using spotctl::SimulateGcpOptions;

namespace {

using Service = Rehearsal<spotctl::SimulatedGcp>;

/// A poller whose looks would wait for a minute.
PollerOptions patient(const Service& service) {
  PollerOptions options = service.options();
  options.period = 1h;
  return options;
}

/// Whether a question that waits for a change is on its way, and not answered.
bool waits(const Service& service) {
  return service.asked("wait_for_change=true") > 0 && service.asked() > service.answered();
}

}  // namespace

TEST_CASE("the first look does not wait; the next one follows at once, and a preemption ends its wait") {
  Service service;
  Watched poller(patient(service));
  REQUIRE(wait_for([&] { return waits(service); }));
  CHECK(service.asked("instance/preempted") == 2);
  CHECK(service.asked("timeout_sec=60") == 1);
  CHECK(poller.health().last_success_ns > 0);
  service.cloud().trigger();
  const auto notice = poller.wait();
  REQUIRE(notice);
  CHECK(notice->source == "gcp-preempted");
  CHECK(to_seconds(notice->deadline_ns.value() - notice->seen_ns) == doctest::Approx(30));
}

TEST_CASE("the notice is as long as the machine was granted") {
  SimulateGcpOptions options;
  options.notice_after = 0;
  Service service(options);
  PollerOptions granted = service.options();
  granted.gcp_notice = 120s;
  Watched poller(granted);
  const auto notice = poller.wait();
  REQUIRE(notice);
  CHECK(to_seconds(notice->deadline_ns.value() - notice->seen_ns) == doctest::Approx(120));
}

TEST_CASE("a poller ends in the middle of a wait") {
  Service service;
  auto poller = std::make_unique<Watched>(patient(service));
  REQUIRE(wait_for([&] { return waits(service); }));
  const auto start = std::chrono::steady_clock::now();
  poller.reset();
  CHECK(waits(service));  // the minute is not over
  CHECK(std::chrono::steady_clock::now() - start < 1s);
}

TEST_CASE("a wait that is refused is no failure: it is asked again without one") {
  for (const char* fault : {"503", "400", "404"}) {
    CAPTURE(fault);
    SimulateGcpOptions options;
    options.wait_fault = fault;
    Service service(options);
    Watched poller(service.options());
    REQUIRE(poller.wait_for_looks(3));
    CHECK(service.asked("wait_for_change") > 0);
    CHECK(poller.health().failures_in_a_row == 0);
    service.cloud().trigger();
    CHECK(poller.wait());
  }
}

TEST_CASE("whatever becomes of a wait, the next look does not wait") {
  for (const char* fault : {"reset", "hang", "html"}) {
    CAPTURE(fault);
    SimulateGcpOptions options;
    options.wait_fault = fault;
    Service service(options);
    Watched poller(service.options());
    REQUIRE(wait_for([&] { return poller.health().failures_in_a_row > 0; }));
    service.cloud().trigger();
    CHECK(poller.wait());
  }
}

TEST_CASE("a server that does not wait is asked no more often than poll_seconds says") {
  const spotctl::HttpServer server("127.0.0.1", 0, [](const spotctl::ServerRequest& request) {
    auto response = spotctl::text_response(request.path.ends_with("preempted") ? "FALSE" : "NONE");
    response.headers.emplace_back("ETag", "always-the-same");
    return response;
  });
  PollerOptions options{
      .metadata = "gcp", .endpoint = "http://127.0.0.1:" + std::to_string(server.port()), .period = 1h};
  const Watched rare(options);
  REQUIRE(wait_for([&] { return rare.health().polls >= 2; }));
  options.period = 20ms;
  Watched frequent(options);
  REQUIRE(frequent.wait_for_looks(6));
  CHECK(rare.health().polls == 2);
}

TEST_CASE("maintenance that migrates the machine is saved for; one that ends it ends the run") {
  SimulateGcpOptions options;
  options.maintenance_after = 0;
  {
    const auto notice = first_notice<spotctl::SimulatedGcp>(options);
    REQUIRE(notice);
    CHECK(notice->source == "gcp-maintenance");
    CHECK_FALSE(ends_training(*notice));
    CHECK_FALSE(notice->deadline_ns);
  }
  options.maintenance_event = "TERMINATE_ON_HOST_MAINTENANCE";
  {
    const auto notice = first_notice<spotctl::SimulatedGcp>(options);
    REQUIRE(notice);
    CHECK(ends_training(*notice));
    CHECK(to_seconds(notice->deadline_ns.value() - notice->seen_ns) == doctest::Approx(60));
  }
  options.maintenance_event = "SOMETHING_ELSE";
  {
    Service service(options);
    Watched poller(service.options());
    REQUIRE(wait_for([&] { return poller.health().failures_in_a_row > 0; }));
    CHECK_FALSE(poller.take());
    service.cloud().trigger();  // it hides no preemption
    CHECK(poller.wait());
  }
}

TEST_CASE("bodies are read strictly") {
  CHECK(parse_preempted("TRUE\n", 30s)->size() == 1);
  CHECK(parse_preempted("FALSE", 30s)->empty());
  for (const char* bad : {"", "true", "1", "TRUE FALSE", "<html>TRUE</html>", "{\"preempted\":true}"}) {
    CHECK_FALSE(parse_preempted(bad, 30s));
  }
  CHECK(parse_maintenance_event("NONE")->empty());
  for (const char* bad : {"", "none", "<html>", "TERMINATE"}) CHECK_FALSE(parse_maintenance_event(bad));
}
