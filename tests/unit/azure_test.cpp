// Azure: scheduled events of this machine and of its neighbours.

#include "interrupt/azure.h"

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "rehearsal.h"
#include "simulate_azure.h"

using namespace spot;
using namespace spot::test;
using namespace std::chrono_literals;
using spotctl::SimulateAzureOptions;

namespace {

using Service = Rehearsal<spotctl::SimulatedAzure>;

SimulateAzureOptions event_of_type(const char* type) {
  SimulateAzureOptions options;
  options.notice_after = 0;
  options.event_type = type;
  return options;
}

double seconds_left(const Notice& notice) {
  return to_seconds(notice.deadline_ns.value() - notice.seen_ns);
}

}  // namespace

TEST_CASE("each type of event has its action, and the deadline that it states or is promised") {
  struct Case {
    const char* type;
    const char* source;
    NoticeAction action;
    double most;  ///< seconds, when the event states a time of 250 s from now
  };
  constexpr Case kCases[] = {{"Preempt", "azure-preempt", NoticeAction::kTerminate, 30},
                             {"Terminate", "azure-terminate", NoticeAction::kTerminate, 250},
                             {"Reboot", "azure-reboot", NoticeAction::kStop, 250},
                             {"Redeploy", "azure-redeploy", NoticeAction::kStop, 250},
                             {"Evaporate", "azure-event", NoticeAction::kTerminate, 30}};
  for (const Case& c : kCases) {
    CAPTURE(c.type);
    SimulateAzureOptions options = event_of_type(c.type);
    options.notice_seconds = 250;
    const auto notice = first_notice<spotctl::SimulatedAzure>(options);
    REQUIRE(notice);
    CHECK(notice->source == c.source);
    CHECK(notice->action == c.action);
    CHECK(ends_training(*notice));
    CHECK(seconds_left(*notice) < c.most + 0.001);
    CHECK(seconds_left(*notice) > c.most * 0.9);
  }
}

TEST_CASE("an event that is days ahead is saved for and trained through until its time is near") {
  for (const char* type : {"Terminate", "Reboot", "Redeploy"}) {
    CAPTURE(type);
    SimulateAzureOptions options = event_of_type(type);
    options.notice_seconds = 3 * 86'400;
    const auto notice = first_notice<spotctl::SimulatedAzure>(options);
    REQUIRE(notice);
    CHECK_FALSE(ends_training(*notice));
    CHECK_FALSE(notice->deadline_ns);
  }
  SimulateAzureOptions preempted = event_of_type("Preempt");
  preempted.notice_seconds = 3 * 86'400;
  const auto notice = first_notice<spotctl::SimulatedAzure>(preempted);
  REQUIRE(notice);
  CHECK(ends_training(*notice));
}

TEST_CASE("a freeze is saved for and trained through") {
  const auto notice = first_notice<spotctl::SimulatedAzure>(event_of_type("Freeze"));
  REQUIRE(notice);
  CHECK(notice->source == "azure-freeze");
  CHECK_FALSE(ends_training(*notice));
  CHECK_FALSE(notice->deadline_ns);
}

TEST_CASE("an event that starts without being scheduled is now") {
  SimulateAzureOptions options = event_of_type("Reboot");
  options.started = true;
  const auto notice = first_notice<spotctl::SimulatedAzure>(options);
  REQUIRE(notice);
  CHECK(ends_training(*notice));
  CHECK_FALSE(notice->stale);
  CHECK(notice->deadline_ns == notice->seen_ns);
}

TEST_CASE("an event that starts is still the same one, and now is its end") {
  SimulateAzureOptions options = event_of_type("Preempt");
  options.notice_seconds = 3600;
  Service service(options);
  Watched poller(service.options());
  const auto notice = poller.wait();
  REQUIRE(notice);
  spotctl::ServerRequest approval;
  approval.method = "POST";
  approval.path = "/metadata/scheduledevents";
  approval.query = {{"api-version", "2020-07-01"}};
  approval.headers = {{"metadata", "true"}};
  approval.body = R"({"StartRequests": [{"EventId": "c7061bac-afdc-4513-b24b-000000000001"}]})";
  REQUIRE(service.cloud().answer(approval).status == 200);
  CHECK(wait_for([&] {
    std::uint64_t first = 0;
    return seconds_left(poller.next(first).value()) < 20;
  }));
  CHECK_FALSE(poller.take());
}

TEST_CASE("a neighbour's event is none of ours") {
  SimulateAzureOptions options = event_of_type("Preempt");
  options.resource = "rehearsal-2";
  Service service(options);
  Watched poller(service.options());
  REQUIRE(poller.wait_for_looks(3));
  CHECK(service.asked("compute/name") > 1);  // it was compared
  CHECK_FALSE(poller.take());
  CHECK(poller.health().failures_in_a_row == 0);

  SimulateAzureOptions ours = event_of_type("Preempt");
  ours.resource = "REHEARSAL";
  Service second(ours);
  CHECK(Watched(second.options()).wait());
}

TEST_CASE("the first answer may take long: the poller is well meanwhile, and ends at once") {
  SimulateAzureOptions options = event_of_type("Preempt");
  options.first_seconds = 3;  // more than any other question may take
  Service service(options);
  {
    PollerOptions rare = service.options();
    rare.period = 1h;
    Watched poller(rare);
    REQUIRE(wait_for([&] { return service.asked("scheduledevents") > 0; }));
    CHECK(poller.health().polls == 1);
    CHECK(poller.health().last_success_ns > 0);
    CHECK(poller.wait());
    CHECK(poller.health().failures_in_a_row == 0);
    CHECK(service.asked("scheduledevents") == 1);
  }
  options.first_seconds = 3600;
  Service slower(options);
  auto poller = std::make_unique<Watched>(slower.options());
  REQUIRE(wait_for([&] { return slower.asked("scheduledevents") > 0; }));
  const auto start = std::chrono::steady_clock::now();
  poller.reset();
  CHECK(slower.answered() < slower.asked());
  CHECK(std::chrono::steady_clock::now() - start < 1s);
}

TEST_CASE("an event that cannot be read hides no other one, and withdraws none") {
  const auto document = parse_scheduled_events(R"({"DocumentIncarnation": 5, "Events": [
      {"EventId": "a", "EventType": "Reboot", "EventStatus": "Scheduled", "Resources": ["x", "y"],
       "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT"},
      {"EventId": "b", "EventType": "Preempt", "Resources": "x"}, 7, {"EventType": 1, "Resources": []},
      {"EventId": "c", "EventType": "Preempt", "EventStatus": "Canceled", "Resources": ["x"]}]})");
  REQUIRE(document);
  CHECK_FALSE(document->complete);
  REQUIRE(document->events.size() == 1);
  CHECK(document->events[0].sighting.event_id == "a");
  CHECK(document->events[0].sighting.stated_ns == 1'474'309'787'000'000'000);
  CHECK(document->events[0].machines == std::vector<std::string>{"x", "y"});
  CHECK(parse_scheduled_events(R"({"Events": []})")->complete);
  for (const char* bad : {"", "[]", "{}", R"({"Events": "none"})", R"({"Events": {}})", "<html>"}) {
    CHECK_FALSE(parse_scheduled_events(bad));
  }
}
