#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "base/file.h"
#include "base/status.h"
#include "interrupt/aws.h"
#include "interrupt/poller.h"
#include "interrupt/rfc3339.h"
#include "rehearsal.h"
#include "simulate_aws.h"
#include "support/temporary_directory.h"

using namespace spot;
using namespace std::chrono_literals;
using spotctl::SimulateAwsOptions;
using test::wait_for;
using test::Watched;

namespace {

using Service = test::Rehearsal<spotctl::SimulatedAws>;

SimulateAwsOptions with_fault(const char* fault) {
  SimulateAwsOptions options;
  options.notice_after = 0;
  options.fault = fault;
  return options;
}

}  // namespace

TEST_CASE("a spot notice is seen once, with the deadline of its stated time") {
  SimulateAwsOptions options;
  options.notice_seconds = 90;
  Service service(options);
  Watched poller(service.options());
  CHECK_FALSE(poller.wait(200ms));
  service.cloud().trigger();
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(notice->action == NoticeAction::kTerminate);
  // A notice that comes between two questions of one look is seen by the second.
  CHECK((notice->source == "aws-spot-action" || notice->source == "aws-termination-time"));
  CHECK_FALSE(notice->stale);
  const double left = to_seconds(notice->deadline_ns.value() - notice->seen_ns);
  CHECK(left > 80);
  CHECK(left <= 90);
  CHECK_FALSE(poller.wait(300ms));  // however often the service repeats it
}

TEST_CASE("actions: stop, hibernate without a notice, and unknown ones that count as terminate") {
  const std::pair<const char*, NoticeAction> actions[] = {
      {"stop", NoticeAction::kStop}, {"hibernate", NoticeAction::kHibernate}, {"evaporate", NoticeAction::kTerminate}};
  for (const auto& [name, action] : actions) {
    SimulateAwsOptions options;
    options.notice_after = 0;
    options.action = name;
    Service service(options);
    Watched poller(service.options());
    const auto notice = poller.wait(5s);
    REQUIRE(notice);
    CHECK(notice->action == action);
    if (action == NoticeAction::kHibernate) CHECK(notice->deadline_ns == notice->seen_ns);
  }
}

TEST_CASE("a wrong wall clock changes nothing: the service tells what time it is") {
  class WrongClock final : public Clock {
   public:
    [[nodiscard]] std::int64_t monotonic_ns() const override { return system_clock().monotonic_ns(); }
    [[nodiscard]] std::int64_t wall_ns() const override { return system_clock().wall_ns() + shift; }
    std::int64_t shift = 0;
  };
  for (const std::int64_t hours : {-1, 1}) {
    WrongClock clock;
    clock.shift = hours * 3600 * 1'000'000'000;
    SimulateAwsOptions options;
    options.notice_after = 0;
    Service service(options);
    Watched poller(service.options(), clock);
    const auto notice = poller.wait(5s);
    REQUIRE(notice);
    CHECK_FALSE(notice->stale);
    CHECK(ends_training(*notice));
    REQUIRE(notice->deadline_ns);
    CHECK(to_seconds(*notice->deadline_ns - notice->seen_ns) == doctest::Approx(120).epsilon(0.02));
  }
}

TEST_CASE("a rebalance recommendation does not end training, and a later notice is still seen") {
  SimulateAwsOptions options;
  options.rebalance_after = 0;
  Service service(options);
  Watched poller(service.options());
  const auto early = poller.wait(5s);
  REQUIRE(early);
  CHECK_FALSE(ends_training(*early));
  CHECK_FALSE(early->deadline_ns);
  service.cloud().trigger();
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(ends_training(*notice));
}

TEST_CASE("scheduled maintenance is saved for and trained through; canceled, it is withdrawn") {
  SimulateAwsOptions options;
  options.maintenance_after = 0;
  Service service(options);
  Watched poller(service.options());
  const auto notice = poller.wait();
  REQUIRE(notice);
  CHECK(notice->source == "aws-maintenance");
  CHECK(notice->detail.starts_with("instance-retirement not before "));
  CHECK_FALSE(ends_training(*notice));
  CHECK_FALSE(notice->deadline_ns);
  REQUIRE(poller.wait_for_looks(3));
  CHECK_FALSE(poller.take());

  options.maintenance_cancel_after = 1;
  Service canceling(options);
  Watched second(canceling.options());
  const auto first = second.wait(), last = second.wait();
  REQUIRE(first);
  REQUIRE(last);
  CHECK(last->withdrawn);
  CHECK(last->id == first->id);
}

TEST_CASE("a question that fails does not hide the notice that another one brings") {
  const spotctl::HttpServer server("127.0.0.1", 0, [](const spotctl::ServerRequest& request) {
    spotctl::ServerResponse response;
    response.body = "2200-01-01T00:00:00Z";
    if (request.method == "PUT") response.body = "token";
    if (request.path.ends_with("instance-action")) response.status = 500;
    return response;
  });
  Watched poller({.metadata = "aws", .endpoint = "http://127.0.0.1:" + std::to_string(server.port()), .period = 20ms});
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(notice->source == "aws-termination-time");
}

TEST_CASE("a token whose answer never comes is done without, or the cure is named") {
  SimulateAwsOptions options;
  options.notice_after = 0;
  options.v1 = true;
  options.token_fault = "hang";
  Service service(options);
  Watched strict(service.options());
  CHECK(wait_for([&] { return strict.health().failures_in_a_row > 0; }));
  CHECK(strict.health().last_error.find("--http-put-response-hop-limit 2") != std::string::npos);
  PollerOptions lenient = service.options();
  lenient.metadata_v1 = true;
  CHECK(Watched(lenient).wait(15s));
}

TEST_CASE("a service that refuses one request for a token and then answers only with one is not given up") {
  std::atomic<int> asked{0};
  const auto answer = [&](const spotctl::ServerRequest& request) {
    spotctl::ServerResponse response;
    if (request.method == "PUT") {
      response.status = asked++ == 0 ? 403 : 200;
      response.body = "token";
    } else if (!request.headers.contains("x-aws-ec2-metadata-token")) {
      response.status = 401;
    } else if (request.path.ends_with("/spot/instance-action")) {
      response.body = R"({"action": "terminate"})";
    } else {
      response.status = 404;
    }
    return response;
  };
  spotctl::HttpServer server("127.0.0.1", 0, answer);
  Watched poller({.metadata = "aws",
                  .endpoint = "http://127.0.0.1:" + std::to_string(server.port()),
                  .metadata_v1 = true,
                  .period = 20ms});
  CHECK(poller.wait(5s));
}

TEST_CASE("a token that runs out is renewed, and no notice is missed") {
  SimulateAwsOptions options;
  options.token_ttl = 1;
  Service service(options);
  Watched poller(service.options());
  CHECK_FALSE(poller.wait(2500ms));
  CHECK(poller.health().failures_in_a_row == 0);
  service.cloud().trigger();
  CHECK(poller.wait(5s));
}

TEST_CASE("a poller ends at once, in the middle of a request too") {
  Service service(with_fault("hang"));
  auto poller = std::make_unique<Watched>(service.options());
  std::this_thread::sleep_for(200ms);
  const auto start = std::chrono::steady_clock::now();
  poller.reset();
  CHECK(std::chrono::steady_clock::now() - start < 500ms);
}

TEST_CASE("a service that comes up late is found") {
  int port = 0;
  { port = spotctl::HttpServer("127.0.0.1", 0, {}).port(); }
  Watched poller({.metadata = "auto",
                  .endpoint = "http://127.0.0.1:" + std::to_string(port),
                  .period = 20ms,
                  .dmi_folder = "/nonexistent"});
  CHECK(wait_for([&] { return poller.health().failures_in_a_row > 0; }));
  SimulateAwsOptions options;
  options.notice_after = 0;
  spotctl::SimulatedAws aws(options, [](const nlohmann::ordered_json&) {});
  const spotctl::HttpServer server("127.0.0.1", port, [&](const auto& request) { return aws.answer(request); });
  CHECK(poller.wait(15s));
}

TEST_CASE("proxies of the environment are not used") {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  SimulateAwsOptions options;
  options.notice_after = 0;
  Service service(options);
  Watched poller(service.options());
  CHECK(poller.wait(5s));
  unsetenv("http_proxy");
}

TEST_CASE("a file that appears is a notice, and its content the reason") {
  const spot::test::TemporaryDirectory folder;
  Watched poller({.metadata = "file:" + (folder / "stop").string(), .period = 10ms});
  CHECK_FALSE(poller.wait(50ms));
  write_file_atomically(folder / "stop", std::string("drained\n"));
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(notice->detail == "drained");
}

TEST_CASE("the host's own notices arrive, also where nothing is watched") {
  Watched poller({.metadata = "none"});
  CHECK(poller.health().disabled);
  poller.notify(NoticeAction::kRequest, "SIGTERM");
  const auto notice = poller.take();
  REQUIRE(notice);
  CHECK(notice->source == "host");
  CHECK_FALSE(poller.take());
}

TEST_CASE("options that cannot be are refused") {
  for (const PollerOptions& options : {PollerOptions{.metadata = "azur"}, PollerOptions{.metadata = "file:"},
                                       PollerOptions{.metadata = "aws", .endpoint = "https://127.0.0.1"}}) {
    CHECK_THROWS_AS(Poller(options, system_clock(), Log()), Error);
  }
}

TEST_CASE("bodies are read strictly, but an action counts whatever its time is") {
  CHECK(parse_instance_action(R"({"action":"stop","time":"2026-11-23T19:55:00Z"})")->action == NoticeAction::kStop);
  for (const char* odd :
       {R"({"action":"stop"})", R"({"action":"Stop","time":7})", R"({"time":"soon","action":"STOP","more":[]})",
        R"({"action":" stop ","time":null})", "{\"action\":\"stop\",\"note\":\"Geb\xe4ude\"}"}) {
    CAPTURE(odd);
    const auto sighting = parse_instance_action(odd);
    REQUIRE(sighting);
    CHECK(sighting->action == NoticeAction::kStop);
    CHECK_FALSE(sighting->stated_ns);
  }
  for (const char* bad : {"", "[]", "{}", "null", R"({"action":1,"time":"2026-11-23T19:55:00Z"})", R"({"action":""})",
                          R"({"time":"2026-11-23T19:55:00Z"})", "<html>", R"({"action":"stop")"}) {
    CHECK_FALSE(parse_instance_action(bad).has_value());
  }
  CHECK(parse_termination_time("2026-11-23T19:55:00Z\n"));
  for (const char* bad : {"", "not yet", "<html>", R"({"action":"terminate"})"})
    CHECK_FALSE(parse_termination_time(bad));
  CHECK(parse_rebalance(R"({"noticeTime":"2026-11-23T19:55:00Z"})"));
  CHECK(parse_rebalance(R"({"noticeTime":7})"));
  for (const char* bad : {"", "{}", "[]", "<html>"}) CHECK_FALSE(parse_rebalance(bad));
  const auto events = parse_maintenance(R"([
      {"Code": "system-reboot", "State": "active", "NotBefore": "21 Jan 2019 09:00:43 GMT", "EventId": "a"},
      {"Code": "instance-stop", "State": "active", "NotBefore": "soon", "EventId": "b"},
      {"Code": "instance-stop", "State": "Canceled"}, {"Code": "instance-stop", "State": "completed"}])");
  REQUIRE(events);
  REQUIRE(events->size() == 2);
  CHECK(events->at(0).event_id == "a");
  CHECK(events->at(0).stated_ns == 1'548'061'243'000'000'000);
  CHECK_FALSE(events->at(1).stated_ns);
  CHECK(parse_maintenance("[]")->empty());
  for (const char* bad : {"", "{}", "[7]", R"([{"Code":"x"}])", R"([{"Code":7,"State":"active"}])", "<html>"}) {
    CHECK_FALSE(parse_maintenance(bad));
  }
}
