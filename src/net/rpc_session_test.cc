#include "net/rpc_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>

#include "net/raw_connection.h"
#include "net/rpc_client_for_tests.h"
#include "net/server.h"
#include "net/test_server.h"

namespace millrace::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::string_literals;
using More = RpcTestClient::More;

constexpr auto kEcho = "/test.Echo/Inline";

int code(Code code) { return static_cast<int>(code); }

// A server of echoes on a free port.
class RpcSessionTest : public ::testing::Test {
 protected:
  RpcSessionTest() { start({}); }
  ~RpcSessionTest() override { latch_.open(); }

  void start(ServerOptions options) {
    server_.reset();
    rpcs_ = make_methods();
    options.rpc = RpcOptions{.router = &rpcs_, .stream_limit = 100};
    server_ = MUST(Server::start(std::move(options), http_));
  }

  RpcRouter make_methods() {
    RpcRouter all;
    const auto echo = [](const RpcCall& call) -> RpcAnswer { return std::string(call.message); };
    const auto fail_it = [](const RpcCall& call) -> RpcAnswer { return not_found("no {}\n", call.message); };
    const auto is_off = [this](const RpcCall&) -> RpcAnswer { return std::string(watched_ ? "on" : ""); };
    all.add("test.Echo", "Inline", Access::kPublic, echo, Lane::kInline);
    all.add("test.Echo", "Blocking", Access::kPublic, echo);
    all.add("test.Echo", "Fails", Access::kPublic, fail_it, Lane::kInline);
    all.add("test.Echo", "Throws", Access::kPublic,
            [](const RpcCall&) -> RpcAnswer { throw std::runtime_error("a bug"); });
    all.add("test.Echo", "Stream", Access::kPublic, echo, Lane::kInline, RpcShape::kExchange);
    all.add("test.Echo", "BlockingStream", Access::kPublic, echo, Lane::kBlocking, RpcShape::kExchange);
    all.add("test.Echo", "Watch", Access::kPublic, is_off, Lane::kInline, RpcShape::kWatch);
    all.add(
        "test.Echo", "Metadata", Access::kPublic,
        [](const RpcCall& call) -> RpcAnswer {
          return fmt::format("{} {} {}", call.request.header("X-Colour"), call.request.header("host"),
                             call.deadline.has_value());
        },
        Lane::kInline);
    all.add(
        "test.Echo", "Large", Access::kPublic, [](const RpcCall&) -> RpcAnswer { return std::string(5 << 20, 'x'); },
        Lane::kInline);
    all.add("test.Echo", "Held", Access::kPublic, [this](const RpcCall&) -> RpcAnswer {
      latch_.arrive_and_wait();
      return "released"s;
    });
    all.add_deferred("test.Echo", "Later", Access::kPublic, [this](const RpcCall& call, RpcReply reply) {
      later_ = std::jthread([reply = std::move(reply), text = std::string(call.message)]() mutable { reply(text); });
    });
    all.add_deferred("test.Echo", "AtOnce", Access::kPublic,
                     [](const RpcCall& call, RpcReply reply) { reply(std::string(call.message)); });
    all.add_deferred("test.Echo", "Forgotten", Access::kPublic, [](const RpcCall&, RpcReply) {});
    return all;
  }

  std::uint16_t port() const { return server_->rpc_port(); }

  Latch latch_;
  std::atomic<bool> watched_ = false;
  std::jthread later_;
  Router http_;
  RpcRouter rpcs_;
  std::unique_ptr<Server> server_;
};

TEST_F(RpcSessionTest, AnswersAUnaryCallInEveryLane) {
  RpcTestClient client(port());
  for (const auto* method : {"Inline", "Blocking", "AtOnce", "Later"}) {
    const auto outcome = client.call(fmt::format("/test.Echo/{}", method), method);
    EXPECT_EQ(outcome.http_status, "200") << method;
    EXPECT_EQ(outcome.status, 0) << method;
    EXPECT_THAT(outcome.answers, ElementsAre(method));
  }
}

TEST_F(RpcSessionTest, ErrorsAreStatuses) {
  RpcTestClient client(port());
  const auto failed = client.call("/test.Echo/Fails", "such thing");
  EXPECT_EQ(failed.status, code(Code::kNotFound));
  EXPECT_EQ(failed.message, "no such thing%0A");
  EXPECT_EQ(client.call("/test.Echo/Throws", "").status, code(Code::kInternal));
  EXPECT_EQ(client.call("/test.Echo/Forgotten", "").status, code(Code::kInternal));
  const auto unknown = client.call("/test.Echo/Nothing", "");
  EXPECT_EQ(unknown.status, code(Code::kUnimplemented));
  EXPECT_THAT(unknown.message, HasSubstr("/test.Echo/Nothing"));
}

TEST_F(RpcSessionTest, LargeMessagesPassInBothDirections) {
  RpcTestClient client(port());
  EXPECT_THAT(client.call("/test.Echo/Large", "").answers, ElementsAre(std::string(5 << 20, 'x')));
  const std::string large(3 << 20, 'y');
  EXPECT_THAT(client.call(kEcho, large).answers, ElementsAre(large));
}

TEST_F(RpcSessionTest, CallsOnOneConnectionDoNotWaitForEachOther) {
  RpcTestClient client(port());
  const auto held = client.start("/test.Echo/Held");
  client.send_message(held, "", More::kNo);
  latch_.wait_for_arrivals(1);
  EXPECT_THAT(client.call(kEcho, "meanwhile").answers, ElementsAre("meanwhile"));
  latch_.open();
  EXPECT_THAT(client.receive(held).answers, ElementsAre("released"));
}

TEST_F(RpcSessionTest, EachMessageOfAStreamIsAnswered) {
  RpcTestClient client(port());
  for (const auto* path : {"/test.Echo/Stream", "/test.Echo/BlockingStream"}) {
    const auto id = client.start(path);
    client.send_message(id, "one");
    EXPECT_THAT(client.receive(id, 1).answers, ElementsAre("one"));
    client.send_message(id, "two");
    client.send_message(id, "three", More::kNo);
    const auto outcome = client.receive(id);
    EXPECT_THAT(outcome.answers, ElementsAre("one", "two", "three")) << path;
    EXPECT_EQ(outcome.status, 0);
  }
}

TEST_F(RpcSessionTest, AStreamOfManyMessagesIsAnsweredInOrder) {
  RpcTestClient client(port());
  const auto id = client.start("/test.Echo/Stream");
  const std::string message(10'000, 'm');
  for (int i = 0; i < 1000; ++i) client.send_message(id, message, i == 999 ? More::kNo : More::kYes);
  const auto outcome = client.receive(id);
  EXPECT_EQ(outcome.answers.size(), 1000U);
  EXPECT_EQ(outcome.status, 0);
}

TEST_F(RpcSessionTest, AWatchIsAnsweredAgainWhereTheAnswerChanges) {
  start({.header_timeout = std::chrono::milliseconds(200)});  // it is looked at often
  RpcTestClient client(port());
  const auto id = client.start("/test.Echo/Watch");
  client.send_message(id, "", More::kNo);
  EXPECT_THAT(client.receive(id, 1).answers, ElementsAre(""));
  watched_ = true;
  EXPECT_THAT(client.receive(id, 2).answers, ElementsAre("", "on"));
}

TEST_F(RpcSessionTest, MetadataAndDeadlineReachTheHandler) {
  RpcTestClient client(port());
  EXPECT_THAT(client.call("/test.Echo/Metadata", "", {{"x-colour", "blue"}, {"grpc-timeout", "5S"}}).answers,
              ElementsAre("blue localhost true"));
}

TEST_F(RpcSessionTest, ADeadlineThatPassesEndsTheCall) {
  start({.header_timeout = std::chrono::milliseconds(200)});
  RpcTestClient client(port());
  EXPECT_EQ(client.call(kEcho, "", {{"grpc-timeout", "1n"}}).status, code(Code::kDeadlineExceeded));
  const auto id = client.start(kEcho, {{"grpc-timeout", "10m"}});
  EXPECT_EQ(client.receive(id).status, code(Code::kDeadlineExceeded));
}

TEST_F(RpcSessionTest, PackedMessagesAreUnpacked) {
  // gzip of "hello"
  const auto packed = "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"s;
  const auto framed = "\1\0\0\0"s + static_cast<char>(packed.size()) + packed;
  RpcTestClient client(port());
  const auto call = [&](const std::string& encoding) {
    const auto id = client.start(kEcho, {{"grpc-encoding", encoding}});
    client.send(id, framed, More::kNo);
    return client.receive(id);
  };
  EXPECT_THAT(call("gzip").answers, ElementsAre("hello"));
  EXPECT_EQ(call("identity").status, code(Code::kInternal));
  EXPECT_EQ(call("snappy").status, code(Code::kUnimplemented));
}

TEST_F(RpcSessionTest, MalformedCallsEndWithAStatus) {
  start({.body_limit = 1000, .header_limit = 1000});
  struct Case {
    std::string name;
    std::string bytes;
    Code expected;
  };
  const Case cases[] = {
      {"no message", "", Code::kUnimplemented},
      {"half a prefix", "\0\0"s, Code::kInvalidArgument},
      {"half a message", "\0\0\0\0\5ab"s, Code::kInvalidArgument},
      {"no prefix", "{\"a\":1}", Code::kInvalidArgument},
      {"too long", "\0\0\0\4\0"s, Code::kResourceExhausted},
      {"absurdly long", "\0\xff\xff\xff\xff"s, Code::kResourceExhausted},
      {"two messages", "\0\0\0\0\1a\0\0\0\0\1b"s, Code::kUnimplemented},
  };
  RpcTestClient client(port());
  for (const auto& at : cases) {
    const auto id = client.start(kEcho);
    client.send(id, at.bytes, More::kNo);
    EXPECT_EQ(client.receive(id).status, code(at.expected)) << at.name;
  }
  EXPECT_EQ(client.call(kEcho, "", {{"grpc-timeout", "soon"}}).status, code(Code::kInvalidArgument));
  EXPECT_EQ(client.call(kEcho, "", {{"x-large", std::string(2000, 'x')}}).status, code(Code::kResourceExhausted));
  EXPECT_EQ(client.call(kEcho, "", {{"content-type", "application/json"}}).http_status, "415");
  EXPECT_EQ(client.call(kEcho, "", {{":method", "PUT"}}).http_status, "405");
  EXPECT_THAT(client.call(kEcho, "still here").answers, ElementsAre("still here"));
}

TEST_F(RpcSessionTest, AnErrorBeforeTheEndOfTheMessageStopsTheClient) {
  RpcTestClient client(port());
  const auto id = client.start("/test.Echo/Nothing");
  const auto outcome = client.receive(id);
  EXPECT_EQ(outcome.status, code(Code::kUnimplemented));
  EXPECT_TRUE(outcome.over);
}

TEST_F(RpcSessionTest, ACallThatIsDroppedWhileItRunsLeavesTheConnectionWell) {
  RpcTestClient client(port());
  const auto held = client.start("/test.Echo/Held");
  client.send_message(held, "", More::kNo);
  latch_.wait_for_arrivals(1);
  client.reset(held);
  EXPECT_THAT(client.call(kEcho, "a").answers, ElementsAre("a"));
  latch_.open();
  EXPECT_THAT(client.call("/test.Echo/Blocking", "b").answers, ElementsAre("b"));
}

TEST_F(RpcSessionTest, AClientThatVanishesWhileItsCallRunsIsForgotten) {
  {
    RpcTestClient client(port());
    const auto held = client.start("/test.Echo/Held");
    client.send_message(held, "", More::kNo);
    latch_.wait_for_arrivals(1);
  }
  RpcTestClient another(port());
  EXPECT_EQ(another.call(kEcho, "").status, 0);
  latch_.open();
  EXPECT_EQ(another.call("/test.Echo/Blocking", "").status, 0);
}

TEST_F(RpcSessionTest, AClientThatOpensCallsOnlyToDropThemIsSentAway) {
  RpcTestClient client(port());
  for (int i = 0; i < 3000; ++i) client.reset(client.start(kEcho));
  EXPECT_GE(client.receive_goaway(), 0);
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_EQ(RpcTestClient(port()).call(kEcho, "").status, 0);
}

TEST_F(RpcSessionTest, AFloodOfPingsIsAnsweredOrEndsTheConnection) {
  RawConnection connection(port());
  connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s + "\0\0\0\4\0\0\0\0\0"s);
  std::string pings;
  for (int i = 0; i < 20'000; ++i) pings += "\0\0\x08\6\0\0\0\0\0"s + "12345678";
  connection.send(pings);
  connection.vanish();
  EXPECT_EQ(RpcTestClient(port()).call(kEcho, "").status, 0);
}

TEST_F(RpcSessionTest, WhatIsNotHttp2IsRefused) {
  RawConnection http(port());
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  http.end_sending();
  EXPECT_THAT(http.receive_all(), StartsWith("HTTP/1.1 400"));
  RawConnection noise(port());
  noise.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(1000, '\xff'));
  noise.end_sending();
  EXPECT_EQ(RpcTestClient(port()).call(kEcho, "").status, 0);
}

TEST_F(RpcSessionTest, SlowClientsAreNotWaitedFor) {
  start({.header_timeout = std::chrono::milliseconds(40),
         .body_timeout = std::chrono::milliseconds(40),
         .idle_timeout = std::chrono::milliseconds(40)});
  EXPECT_FALSE(RawConnection(port()).receive_all().empty());  // the server's first words, and the end
  RpcTestClient client(port());
  const auto id = client.start(kEcho);
  client.send(id, "\0\0\0\0\5ab"s);
  EXPECT_EQ(client.receive(id).status, code(Code::kDeadlineExceeded));
  EXPECT_EQ(client.receive_goaway(), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(RpcSessionTest, AnAnswerThatNobodyTakesEndsTheConnection) {
  start({.write_timeout = std::chrono::milliseconds(40)});
  RpcTestClient client(port(), 0);
  const auto id = client.start("/test.Echo/Large");
  client.send_message(id, "", More::kNo);
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_EQ(RpcTestClient(port()).call(kEcho, "").status, 0);
}

TEST_F(RpcSessionTest, ASmallWindowIsFilledAgainAndAgain) {
  RpcTestClient client(port(), 1000);
  EXPECT_EQ(client.call(kEcho, std::string(300'000, 'w')).answers.at(0).size(), 300'000U);
}

// Frames of every type with any flags, streams and contents, after a head that is right.
TEST_F(RpcSessionTest, RandomFramesAreSurvived) {
  std::mt19937 random(7);
  const auto below = [&](unsigned most) { return static_cast<char>(random() % most); };
  const std::string head =
      "\x83\x86\x44\x11/test.Echo/Stream\x5f\x10"
      "application/grpc";
  for (int connections = 0; connections < 100; ++connections) {
    RawConnection connection(port());
    std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0\0\0\4\0\0\0\0\0"s;
    for (int frames = 0; frames < 50; ++frames) {
      std::string payload = random() % 3 == 0 ? head : std::string(random() % 40, below(256));
      const bool is_head = payload == head;
      const char type = is_head ? 1 : below(12);
      const char flags = is_head ? 4 : below(256);
      bytes += "\0\0"s + static_cast<char>(payload.size()) + type + flags + "\0\0\0"s + below(16) + payload;
    }
    connection.send(bytes);
    connection.vanish();
  }
  EXPECT_EQ(RpcTestClient(port()).call(kEcho, "").status, 0);
}

TEST_F(RpcSessionTest, StoppingLetsCallsEnd) {
  RpcTestClient client(port());
  const auto held = client.start("/test.Echo/Held");
  client.send_message(held, "", More::kNo);
  const auto watch = client.start("/test.Echo/Watch");
  client.send_message(watch, "", More::kNo);
  client.receive(watch, 1);
  latch_.wait_for_arrivals(1);
  std::jthread stopping([&] { server_->stop(std::chrono::seconds(10)); });
  EXPECT_EQ(client.receive_goaway(), NGHTTP2_NO_ERROR);
  EXPECT_EQ(client.receive(watch).status, code(Code::kUnavailable));
  latch_.open();
  EXPECT_THAT(client.receive(held).answers, ElementsAre("released"));
  EXPECT_TRUE(client.is_closed_by_server());
}

}  // namespace
}  // namespace millrace::net
