// One event, and the next of the same kind.

#include "interrupt/known_events.h"

#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "base/text.h"

using namespace spot;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

/// A source's looks, one after the other, and what is told of them.
class Looks {
 public:
  void advance(nanoseconds by) { clock_.advance(by); }
  FakeClock& clock() { return clock_; }

  /// A clear look at the group "spot" that shows an action which states a time so far from now.
  void see(NoticeAction action, nanoseconds stated_in) {
    Sighting sighting{.source = "cloud", .group = "spot", .action = action, .detail = "x"};
    sighting.stated_ns = clock_.wall_ns() + stated_in.count();
    if (action != NoticeAction::kRebalance) sighting.notice = 120s;
    events_.compare({.sightings = {sighting}, .clear = {"spot"}});
  }
  void see_untimed(bool left_over) {
    events_.compare({.sightings = {{.source = "file",
                                    .group = "file",
                                    .action = NoticeAction::kRequest,
                                    .notice = 30s,
                                    .left_over = left_over}},
                     .clear = {"file"}});
  }
  void see_nothing() { events_.compare({.clear = {"spot", "file"}}); }
  void see_unclear() { events_.compare({.unknown = "status 500"}); }

  /// What was told since the last call: the id, '!' when a run ends at it, '~' when it is stale, '-' when withdrawn.
  std::string told() {
    std::string text;
    while (const auto notice = log_.next(position_)) {
      last_ = *notice;
      text += cat(notice->id, notice->withdrawn ? "-" : "", !notice->withdrawn && notice->stale ? "~" : "",
                  ends_training(*notice) ? "!" : "", " ");
    }
    return text;
  }
  /// The time until the deadline of the first event, in seconds.
  [[nodiscard]] double left() const {
    std::uint64_t start = 0;
    return to_seconds(log_.next(start).value().deadline_ns.value() - clock_.monotonic_ns());
  }

 private:
  FakeClock& set_clock() {
    clock_.set_wall_ns(nanoseconds(1000h).count());
    clock_.advance(1h);
    return clock_;
  }

  FakeClock clock_;
  NoticeLog log_;
  KnownEvents events_{log_, set_clock()};
  std::uint64_t position_ = 0;
  Notice last_;
};

constexpr auto kTerminate = NoticeAction::kTerminate;
constexpr auto kHibernate = NoticeAction::kHibernate;
constexpr auto kRebalance = NoticeAction::kRebalance;

}  // namespace

TEST_CASE("an event is told once while its time slides, and its earliest deadline counts") {
  Looks looks;
  looks.see_nothing();
  looks.see(kTerminate, 100s);
  CHECK(looks.told() == "1! ");
  CHECK(looks.left() == doctest::Approx(100));
  looks.see(kTerminate, 50s);
  CHECK(looks.left() == doctest::Approx(50));
  looks.see(kTerminate, 10h);
  looks.see_unclear();
  looks.advance(1h);
  looks.see(kTerminate, 5h);
  CHECK(looks.told().empty());
  CHECK(looks.left() == doctest::Approx(50 - 3600));
}

TEST_CASE("an event that is absent is withdrawn, and a new one when it comes back; an unclear look is no absence") {
  Looks looks;
  looks.see_nothing();
  looks.see(kHibernate, 60s);
  CHECK(looks.told() == "1! ");
  looks.see_unclear();
  looks.see(kHibernate, 60s);
  CHECK(looks.told().empty());
  looks.see_nothing();
  CHECK(looks.told() == "1- ");
  looks.see_nothing();
  CHECK(looks.told().empty());
  looks.see(kHibernate, 60s);
  CHECK(looks.told() == "3! ");
}

TEST_CASE("another action is another event, and takes the first one's place") {
  Looks looks;
  looks.see_nothing();
  looks.see(NoticeAction::kStop, 60s);
  looks.see(kTerminate, 60s);
  CHECK(looks.told() == "1! 2! 1- ");
}

TEST_CASE("a second hibernation is told although no look saw the first one go; there is no second termination") {
  for (const auto action : {kHibernate, kTerminate}) {
    Looks looks;
    looks.see_nothing();
    looks.see(action, 60s);
    CHECK(looks.told() == "1! ");
    looks.see(action, 1h);  // the first one's time has not come
    CHECK(looks.told().empty());
    looks.advance(2h);
    looks.see(action, 5s - 2h + 60s);  // it slides a little
    CHECK(looks.told().empty());
    looks.see(action, 60s);
    CHECK(looks.told() == (action == kHibernate ? "1- 3! " : ""));
  }
}

TEST_CASE("a rebalance recommendation has no deadline, and one of hours later is told again") {
  Looks looks;
  looks.see(kRebalance, -1s);
  CHECK(looks.told() == "1 ");
  for (int minute = 0; minute < 9; ++minute) {
    looks.advance(1min);
    looks.see(kRebalance, -1s);
  }
  CHECK(looks.told().empty());
  looks.advance(3h);
  looks.see(kRebalance, -1s);
  CHECK(looks.told() == "1- 3 ");
}

TEST_CASE("a notice of the first clear look whose time is past is left over; a later one is obeyed") {
  Looks looks;
  looks.see_unclear();
  looks.see(kTerminate, -1h);
  CHECK(looks.told() == "1~ ");
  looks.see(kTerminate, -2h);
  CHECK(looks.told().empty());
  SUBCASE("when it states a time to come") {
    looks.see(kTerminate, 60s);
    CHECK(looks.told() == "1- 3! ");
  }
  SUBCASE("when it comes back, whatever time it states: the clock may be wrong") {
    looks.see_nothing();
    looks.see(kTerminate, -1h);
    CHECK(looks.told() == "1- 3~! ");
  }
  SUBCASE("when the clock is put right") {
    looks.clock().set_wall_ns(looks.clock().wall_ns() - nanoseconds(2h).count());
    looks.see(kTerminate, 1h);
    CHECK(looks.told() == "1- 3! ");
  }
}

TEST_CASE("what was announced while no look was clear is obeyed, although its time is past when it is seen") {
  Looks looks;
  looks.see_unclear();
  SUBCASE("at the first clear look") {
    looks.advance(130s);
    looks.see(kTerminate, -10s);
    CHECK(looks.told() == "1~! ");
  }
  SUBCASE("in the place of a left-over one") {
    looks.see(kTerminate, -1h);
    CHECK(looks.told() == "1~ ");
    looks.see_unclear();
    looks.advance(130s);
    looks.see(kTerminate, -10s);
    CHECK(looks.told() == "1- 3~! ");
  }
}

TEST_CASE("a source that tells its time is believed, and the machine's clock is not asked") {
  NoticeLog log;
  FakeClock clock;
  clock.set_wall_ns(nanoseconds(5000h).count());
  KnownEvents events(log, clock);
  Sighting sighting{.source = "cloud", .group = "spot", .stated_ns = nanoseconds(1000h).count(), .notice = 120s};
  sighting.now_ns = nanoseconds(1000h - 60s).count();
  events.compare({.sightings = {sighting}, .clear = {"spot"}});
  std::uint64_t position = 0;
  const auto notice = log.next(position);
  REQUIRE(notice);
  CHECK(ends_training(*notice));
  CHECK_FALSE(notice->stale);
  CHECK(to_seconds(notice->deadline_ns.value()) == doctest::Approx(60));
}

TEST_CASE("events of one action are told apart by the identity that the provider gives them") {
  NoticeLog log;
  FakeClock clock;
  KnownEvents events(log, clock);
  const auto look = [&](const std::vector<std::string>& ids) {
    Observation observation{.clear = {"scheduled"}};
    for (const std::string& id : ids) {
      observation.sightings.push_back({.source = "cloud", .group = "scheduled", .event_id = id, .notice = 30s});
    }
    events.compare(observation);
  };
  std::uint64_t position = 0;
  const auto told = [&] {
    std::string text;
    while (const auto notice = log.next(position)) text += cat(notice->id, notice->withdrawn ? "- " : " ");
    return text;
  };
  look({"a"});
  look({"a", "b"});
  CHECK(told() == "1 2 ");
  look({"b"});
  CHECK(told() == "1- ");
  look({"b", "a"});
  CHECK(told() == "4 ");
}

TEST_CASE("what a source knows to be left over is so until it is written anew") {
  Looks looks;
  looks.see_untimed(true);
  looks.see_untimed(true);
  CHECK(looks.told() == "1~ ");
  looks.see_untimed(false);
  CHECK(looks.told() == "1- 3! ");
  looks.see_untimed(false);
  CHECK(looks.told().empty());
}
