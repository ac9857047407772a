#include "events/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/event.h"

namespace millrace::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Duration kLong = std::chrono::seconds{30};

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { close(); }

  void open() {
    database = db::open_for_test(home.path());
    log = MUST(Log::open(*database, {.tries = 3, .back_off = Duration{1}}));
  }
  void close() {
    log.reset();
    database.reset();
  }

  std::int64_t publish(std::string type, std::string subject = "s") {
    db::Transaction tx = MUST(database->begin());
    const auto id = MUST(log->publish(tx, std::move(type), std::move(subject), Timestamp{7}, {{"n", 1}}));
    MUST(tx.commit());
    return id;
  }

  // Adds the ids it is told of to `seen`.
  Log::Handler recorder() {
    return [this](const Event& event) -> Result<void> {
      seen.push_back(event.id);
      return {};
    };
  }
  void run_to_idle() {
    log->start();
    ASSERT_TRUE(log->wait_idle(kLong));
    log->stop();
  }

  TemporaryDirectory home;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<Log> log;
  std::vector<std::int64_t> seen;  // written by the dispatcher, read when it is stopped
};

std::vector<std::int64_t> ids(const std::vector<Event>& events) {
  std::vector<std::int64_t> out;
  for (const Event& event : events) out.push_back(event.id);
  return out;
}

TEST_F(LogTest, EventsComeBackAsPublished) {
  publish("dataset.version_created", "flights");
  const auto events = MUST(log->list(0, 10));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].id, 1);
  EXPECT_EQ(events[0].type, "dataset.version_created");
  EXPECT_EQ(events[0].subject, "flights");
  EXPECT_EQ(events[0].event_time.us, 7);
  EXPECT_EQ(events[0].data, (Json{{"n", 1}}));
}

TEST_F(LogTest, ListsArePagedAndFiltered) {
  publish("a.x", "one");
  publish("a.y", "two");
  publish("a.x", "two");
  publish("ab.x", "one");
  EXPECT_THAT(ids(MUST(log->list(0, 2))), ElementsAre(1, 2));
  EXPECT_THAT(ids(MUST(log->list(2, 2))), ElementsAre(3, 4));
  EXPECT_THAT(ids(MUST(log->list(0, 9, {.type = "a.x"}))), ElementsAre(1, 3));
  EXPECT_THAT(ids(MUST(log->list(0, 9, {.type = "a.*"}))), ElementsAre(1, 2, 3));
  EXPECT_THAT(ids(MUST(log->list(0, 9, {.type = "*", .subject = "one"}))), ElementsAre(1, 4));
  EXPECT_THAT(ids(MUST(log->list_newest(0, 2))), ElementsAre(4, 3));
  EXPECT_THAT(ids(MUST(log->list_newest(3, 9, {.type = "a.x"}))), ElementsAre(1));
}

TEST_F(LogTest, ARolledBackEventNeverWas) {
  {
    db::Transaction tx = MUST(database->begin());
    MUST(log->publish(tx, "a", "s", {}, Json::object()));
    EXPECT_FALSE(log->idle());
  }
  EXPECT_TRUE(log->idle());
  EXPECT_THAT(MUST(log->list(0, 10)), IsEmpty());
  const std::int64_t next = publish("b");
  ASSERT_EQ(MUST(log->list(0, 10)).size(), 1U);
  EXPECT_EQ(MUST(log->list(0, 10)).front().id, next);
}

TEST_F(LogTest, ConsumersGetTheirTypesInOrder) {
  std::vector<std::string> calls;
  const auto note = [&](std::string who) {
    return [&calls, who](const Event& event) -> Result<void> {
      calls.push_back(who + ":" + event.type);
      return {};
    };
  };
  MUST(log->subscribe("all", {}, note("all")));
  MUST(log->subscribe("mills", {"mill.*", "race.dry"}, note("mills")));
  publish("mill.stopped");
  publish("race.wet");
  publish("race.dry");
  run_to_idle();
  EXPECT_THAT(calls,
              ElementsAre("all:mill.stopped", "mills:mill.stopped", "all:race.wet", "all:race.dry", "mills:race.dry"));
}

TEST_F(LogTest, APlaceOutlivesTheProcess) {
  MUST(log->subscribe("c", {}, recorder()));
  publish("a");
  publish("a");
  run_to_idle();
  close();
  open();
  publish("a");
  MUST(log->subscribe("c", {}, recorder()));
  EXPECT_FALSE(log->idle());
  run_to_idle();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST_F(LogTest, ANewConsumerBeginsWithTheOldestEvent) {
  for (int i = 0; i < 600; ++i) publish("a");
  MUST(log->subscribe("c", {"a"}, recorder()));
  run_to_idle();
  EXPECT_EQ(seen.size(), 600U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_F(LogTest, AReplayTellsThePastAgain) {
  MUST(log->subscribe("c", {}, recorder()));
  publish("a");
  publish("a");
  run_to_idle();
  MUST(log->replay("c", 1));
  run_to_idle();
  EXPECT_THAT(seen, ElementsAre(1, 2, 2));
  EXPECT_EQ(log->replay("d", 1).error().code, Code::kNotFound);
}

TEST_F(LogTest, AFailingHandlerIsTriedAgainThenPassedOver) {
  int tries = 0;
  MUST(log->subscribe("bad", {"a"}, [&](const Event& event) -> Result<void> {
    ++tries;
    if (event.id == 1) return unavailable("not now");
    throw std::runtime_error("a bug");
  }));
  MUST(log->subscribe("good", {}, recorder()));
  publish("a");
  publish("a");
  run_to_idle();
  EXPECT_EQ(tries, 6);
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST_F(LogTest, AHandlerThatRecoversHandlesTheEventOnce) {
  int tries = 0;
  MUST(log->subscribe("c", {}, [&](const Event& event) -> Result<void> {
    if (++tries < 3) return unavailable("not now");
    seen.push_back(event.id);
    return {};
  }));
  publish("a");
  run_to_idle();
  EXPECT_THAT(seen, ElementsAre(1));
}

TEST_F(LogTest, IsNotIdleWhileAHandlerRuns) {
  std::promise<void> entered;
  std::promise<void> leave;
  MUST(log->subscribe("c", {}, [&](const Event&) -> Result<void> {
    entered.set_value();
    leave.get_future().wait();
    return {};
  }));
  log->start();
  publish("a");
  entered.get_future().wait();
  EXPECT_FALSE(log->idle());
  EXPECT_FALSE(log->wait_idle(Duration{1}));
  leave.set_value();
  EXPECT_TRUE(log->wait_idle(kLong));
}

TEST_F(LogTest, NobodyWaitsForALogThatIsStopped) {
  MUST(log->subscribe("c", {}, recorder()));
  log->start();
  log->stop();
  publish("a");
  EXPECT_FALSE(log->wait_idle(std::chrono::hours(1)));
}

// Each event makes the next, ten deep. Whenever the log says that it is idle, all ten have been handled.
TEST_F(LogTest, IsIdleOnlyAfterTheLastOfAChainOfEvents) {
  std::atomic<int> handled = 0;
  MUST(log->subscribe("chain", {"link"}, [&](const Event& event) -> Result<void> {
    const int left = std::stoi(event.subject);
    if (left > 1) publish("link", std::to_string(left - 1));
    ++handled;
    return {};
  }));
  MUST(log->subscribe("other", {"nothing"}, recorder()));
  log->start();
  for (int round = 1; round <= 50; ++round) {
    publish("link", "10");
    while (!log->idle()) std::this_thread::yield();
    ASSERT_EQ(handled, round * 10);
  }
}

TEST_F(LogTest, ManyThreadsPublishAndNothingIsLost) {
  MUST(log->subscribe("c", {}, recorder()));
  log->start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto id = publish("a");
        EXPECT_GE(log->newest(), id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(log->wait_idle(kLong));
  log->stop();
  EXPECT_EQ(seen.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_F(LogTest, AStoppedLogGoesOnWhereItWas) {
  std::promise<void> entered;
  std::promise<void> leave;
  int calls = 0;
  MUST(log->subscribe("c", {}, [&](const Event&) -> Result<void> {
    if (++calls > 1) return {};
    entered.set_value();
    leave.get_future().wait();
    return {};
  }));
  publish("a");
  publish("a");
  log->start();
  entered.get_future().wait();
  std::thread stopper([&] { log->stop(); });
  leave.set_value();
  stopper.join();
  EXPECT_GE(calls, 1);
  run_to_idle();
  EXPECT_EQ(calls, 2);
}

TEST_F(LogTest, AConsumerIsNamedOnceAndBeforeTheStart) {
  MUST(log->subscribe("c", {}, recorder()));
  EXPECT_EQ(log->subscribe("c", {}, recorder()).error().code, Code::kAlreadyExists);
  log->start();
  EXPECT_EQ(log->subscribe("d", {}, recorder()).error().code, Code::kInternal);
}

TEST_F(LogTest, EventsThatTheLogDidNotPublishAreHeardOf) {
  MUST(log->subscribe("c", {}, recorder()));
  log->start();
  MUST(database->execute("insert into events (type, subject, event_time, data) values ('a', 's', 0, '{}')"));
  log->notify();
  EXPECT_TRUE(log->wait_idle(kLong));
  log->stop();
  EXPECT_THAT(seen, ElementsAre(1));
}

}  // namespace
}  // namespace millrace::events
