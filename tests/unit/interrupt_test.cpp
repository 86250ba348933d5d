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
#include "simulate_aws.h"
#include "support/temporary_directory.h"

using namespace spot;
using namespace std::chrono_literals;
using spotctl::SimulateAwsOptions;

namespace {

/// The rehearsal service of spotctl, on a free port.
class Service {
 public:
  explicit Service(const SimulateAwsOptions& options)
      : aws_(options, [](const nlohmann::ordered_json&) {}),
        server_("127.0.0.1", 0, [this](const spotctl::ServerRequest& r) { return aws_.answer(r); }) {}

  [[nodiscard]] PollerOptions options() const {
    return {.metadata = "aws", .endpoint = "http://127.0.0.1:" + std::to_string(server_.port()), .period = 20ms};
  }
  void trigger() { aws_.trigger(); }

 private:
  spotctl::SimulatedAws aws_;
  spotctl::HttpServer server_;
};

SimulateAwsOptions with_fault(const char* fault) {
  SimulateAwsOptions options;
  options.notice_after = 0;
  options.fault = fault;
  return options;
}

/// A poller and one reader of it.
class Watched : public Poller {
 public:
  explicit Watched(const PollerOptions& options, const Clock& clock = system_clock()) : Poller(options, clock, Log()) {}
  std::optional<Notice> wait(std::chrono::milliseconds timeout) { return Poller::wait(position_, timeout); }
  std::optional<Notice> take() { return next(position_); }

 private:
  std::uint64_t position_ = 0;
};

bool wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 600 && !condition(); ++i) std::this_thread::sleep_for(10ms);
  return condition();
}

}  // namespace

TEST_CASE("a spot notice is seen once, with the deadline of its stated time") {
  SimulateAwsOptions options;
  options.notice_seconds = 90;
  Service service(options);
  Watched poller(service.options());
  CHECK_FALSE(poller.wait(200ms));
  service.trigger();
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(notice->action == NoticeAction::kTerminate);
  CHECK(notice->source == "aws-spot-action");
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
  service.trigger();
  const auto notice = poller.wait(5s);
  REQUIRE(notice);
  CHECK(ends_training(*notice));
}

TEST_CASE("whatever else a service answers is never a notice, and shows in the health") {
  for (const char* fault :
       {"401", "403", "429", "500", "503", "html", "garbage", "hang", "slow", "endless", "reset", "redirect"}) {
    CAPTURE(fault);
    Service service(with_fault(fault));
    Watched poller(service.options());
    CHECK(wait_for([&] { return poller.health().failures_in_a_row > 0; }));
    CHECK_FALSE(poller.take());
    CHECK_FALSE(poller.health().last_error.empty());
  }
}

TEST_CASE("a service that knows of nothing is healthy") {
  Service service(with_fault("404"));
  Watched poller(service.options());
  CHECK(wait_for([&] { return poller.health().last_success_ns > 0; }));
  CHECK(poller.health().failures_in_a_row == 0);
  CHECK_FALSE(poller.take());
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
  service.trigger();
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
  Watched poller({.metadata = "auto", .endpoint = "http://127.0.0.1:" + std::to_string(port), .period = 20ms});
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
}
