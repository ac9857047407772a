#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "net/raw_connection.h"
#include "net/server.h"
#include "net/test_server.h"

namespace millrace::net {
namespace {

using testing::StartsWith;

std::string get(std::string_view path) { return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path); }

// Requests whose answers are still owed, in the order in which they came.
class Waiting {
 public:
  void add(Reply reply) {
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
    changed_.notify_all();
  }
  std::vector<Reply> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return replies_.size() >= count; });
    return std::exchange(replies_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Reply> replies_;
};

class Deferred : public testing::Test {
 protected:
  Deferred() {
    router_.add_deferred("GET", "/later", Access::kUndeclared,
                         [this](const Request&, Reply reply) { waiting.add(std::move(reply)); });
    router_.add_deferred("GET", "/at_once/{name}", Access::kUndeclared, [](const Request& request, Reply reply) {
      reply({.body = std::string(request.param("name"))});
    });
    router_.add_deferred("GET", "/release", Access::kUndeclared, [this](const Request&, Reply reply) {
      for (auto& other : waiting.take(1)) other({.body = "released"});
      reply({.body = "done"});
    });
    router_.add_deferred("GET", "/forgotten", Access::kUndeclared, [](const Request&, Reply) {});
    router_.add_deferred("GET", "/throws", Access::kUndeclared,
                         [](const Request&, Reply) { throw std::runtime_error("a bug"); });
    server = MUST(Server::start({.io_threads = 1, .pool_threads = 1}, router_));
  }

 private:
  Router router_;

 protected:
  Waiting waiting;
  std::unique_ptr<Server> server;
};

TEST_F(Deferred, AnswersAtOnceWhereItCan) {
  RawConnection connection(server->port());
  connection.send(get("/at_once/a") + get("/at_once/b") + get("/at_once/c"));
  for (const auto* expected : {"a", "b", "c"}) EXPECT_EQ(connection.receive().body, expected);
}

TEST_F(Deferred, TheNextRequestsOfTheConnectionWait) {
  RawConnection connection(server->port());
  connection.send(get("/at_once/a") + get("/later") + get("/at_once/b"));
  EXPECT_EQ(connection.receive().body, "a");
  std::jthread([replies = waiting.take(1)]() mutable { replies[0]({.body = "later"}); });
  EXPECT_EQ(connection.receive().body, "later");
  EXPECT_EQ(connection.receive().body, "b");
}

TEST_F(Deferred, HundredsWaitWithoutAThreadEach) {
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 300; ++i) {
    connections.push_back(std::make_unique<RawConnection>(server->port()));
    connections.back()->send(get("/later"));
  }
  auto replies = waiting.take(300);
  RawConnection other(server->port());
  other.send(get("/at_once/meanwhile"));
  EXPECT_EQ(other.receive().body, "meanwhile");
  for (auto& reply : replies) reply({.body = "x"});
  for (auto& connection : connections) EXPECT_EQ(connection->receive().body, "x");
}

TEST_F(Deferred, OneMayAnswerAnothersRequest) {
  RawConnection first(server->port()), second(server->port());
  first.send(get("/later"));
  auto replies = waiting.take(1);
  waiting.add(std::move(replies[0]));
  second.send(get("/release"));
  EXPECT_EQ(second.receive().body, "done");
  EXPECT_EQ(first.receive().body, "released");
}

TEST_F(Deferred, AReplyThatIsDroppedIsAnInternalError) {
  RawConnection connection(server->port());
  for (const auto* path : {"/forgotten", "/throws"}) {
    connection.send(get(path));
    const auto response = connection.receive();
    EXPECT_EQ(response.status, 500);
    EXPECT_THAT(response.body, StartsWith(R"({"error":{"code":"INTERNAL")"));
  }
  connection.send(get("/later"));
  waiting.take(1).clear();
  EXPECT_EQ(connection.receive().status, 500);
}

TEST_F(Deferred, TheAnswerToAClientThatVanishedIsDropped) {
  RawConnection gone(server->port());
  gone.send(get("/later"));
  auto replies = waiting.take(1);
  gone.vanish();
  RawConnection other(server->port());
  other.send(get("/at_once/a"));
  EXPECT_EQ(other.receive().body, "a");
  replies[0]({.body = "too late"});
  other.send(get("/at_once/b"));
  EXPECT_EQ(other.receive().body, "b");
}

TEST_F(Deferred, AStopWaitsForAnswersWithinItsGrace) {
  RawConnection connection(server->port());
  connection.send(get("/later"));
  auto replies = waiting.take(1);
  std::thread stopper([&] { server->stop(std::chrono::seconds(30)); });
  replies[0]({.body = "in time"});
  const auto response = connection.receive();
  EXPECT_EQ(response.body, "in time");
  stopper.join();
}

TEST_F(Deferred, AnswersAfterTheServersEndAreDropped) {
  RawConnection connection(server->port());
  connection.send(get("/later"));
  auto replies = waiting.take(1);
  server->stop(Duration{0});
  replies[0]({.body = "too late"});
  server.reset();
  EXPECT_TRUE(connection.is_closed_by_server());
}

}  // namespace
}  // namespace millrace::net
