#include "net/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "net/client.h"
#include "net/test_server.h"

namespace millrace::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::string_view_literals;

constexpr std::string_view kHello = "GET /hello/bob?q=1 HTTP/1.1\r\nHost: x\r\n\r\n";

std::string post(std::string_view path, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", path, body.size(), body);
}

std::string get(std::string_view path) { return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path); }

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server;
  RawConnection connection(server.port());
  for (int i = 0; i < 3; ++i) {
    connection.send(kHello);
    const auto response = connection.receive();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello bob 1");
    EXPECT_EQ(response.header("Content-Type"), "text/plain");
    EXPECT_EQ(response.header("Connection"), "");
  }
}

TEST(Server, TakesRequestsByteByByte) {
  TestServer server;
  RawConnection connection(server.port());
  for (const char c : post("/echo", "hello")) connection.send({&c, 1});
  EXPECT_EQ(connection.receive().body, "hello");
}

TEST(Server, SkipsEmptyLinesBeforeARequest) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send("\r\n\r\n" + std::string(kHello));
  EXPECT_EQ(connection.receive().status, 200);
}

TEST(Server, RefusesMalformedRequests) {
  const struct {
    std::string_view name, bytes;
    int status;
  } cases[] = {
      {"not HTTP", "GARBAGE\r\n\r\n", 400},
      {"TLS", "\x16\x03\x01\x02", 400},
      {"no version", "GET /hello/a\r\n\r\n", 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"bare line feeds", "GET /hello/a HTTP/1.1\nHost: x\n\n", 400},
      {"no host", "GET /hello/a HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET /hello/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"space in a field name", "GET /hello/a HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", 400},
      {"folded field", "GET /hello/a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
      {"length not a number", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", 400},
      {"negative length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
      {"length beyond 64 bits", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {"two lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400},
      {"length and chunked",
       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", 400},
      {"unknown coding", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"chunked HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"unknown expectation", "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417},
      {"chunk size", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"chunk end", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n", 400},
      {"NUL in the path", "GET /hello/a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"raw NUL in the path", "GET /hello/a\0b HTTP/1.1\r\nHost: x\r\n\r\n"sv, 400},
      {"malformed escape", "GET /hello/%G1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"path is not UTF-8", "GET /hello/%FF HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"malformed query", "GET /hello/a?q=%1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
  };
  TestServer server;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    RawConnection connection(server.port());
    connection.send(c.bytes);
    const auto response = connection.receive();
    EXPECT_EQ(response.status, c.status);
    EXPECT_THAT(response.body, StartsWith(R"({"error":{"code":")"));
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(connection.is_closed_by_server());
  }
}

TEST(Server, DecodesChunkedBodiesAndIgnoresTrailers) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;note=1\r\nabc\r\n2\r\nde\r\n0\r\nHost: other\r\nX: y\r\n\r\n");
  EXPECT_EQ(connection.receive().body, "abcde");
}

TEST(Server, GarbageAfterAChunkedBodyIsARequestOfItsOwn) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n<garbage>\r\n\r\n");
  EXPECT_EQ(connection.receive().body, "a");
  EXPECT_EQ(connection.receive().status, 400);
}

TEST(Server, TakesLargeBodies) {
  TestServer server;
  std::string body;
  for (int i = 0; body.size() < (3 << 20); ++i) body += std::to_string(i);
  RawConnection plain(server.port());
  plain.send(post("/echo", body));
  EXPECT_EQ(plain.receive().body, body);

  RawConnection chunked(server.port());
  chunked.send("POST /echo/blocking HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (std::size_t at = 0; at < body.size(); at += 70'001) {
    const auto piece = body.substr(at, 70'001);
    chunked.send(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  }
  chunked.send("0\r\n\r\n" + std::string(kHello));
  EXPECT_EQ(chunked.receive().body, body);
  EXPECT_EQ(chunked.receive().body, "hello bob 1");
}

TEST(Server, SendsLargeAnswers) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(get("/large") + get("/large") + std::string(kHello));
  EXPECT_EQ(connection.receive().body.size(), 5U << 20);
  EXPECT_EQ(connection.receive().body.size(), 5U << 20);
  EXPECT_EQ(connection.receive().body, "hello bob 1");
}

TEST(Server, RefusesBodiesThatAreTooLarge) {
  TestServer server({.body_limit = 1000});
  const std::string large(2000, 'x');
  RawConnection plain(server.port());
  plain.send(post("/echo", large));
  EXPECT_EQ(plain.receive().status, 413);

  RawConnection chunked(server.port());
  chunked.send(fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n{}\r\n200\r\n",
                           std::string(512, 'x')));
  const auto response = chunked.receive();
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("larger than 1000 bytes"));
  EXPECT_TRUE(chunked.is_closed_by_server());

  RawConnection own_limit(server.port());
  own_limit.send(post("/small", "12345678901"));
  EXPECT_THAT(own_limit.receive().body, HasSubstr("larger than 10 bytes"));
}

TEST(Server, AClientThatSendsATooLargeBodyStillGetsTheAnswer) {
  TestServer server({.body_limit = 1000});
  auto client = MUST(Client::open(fmt::format("http://127.0.0.1:{}", server.port())));
  const auto response = client.post("/echo", std::string(20 << 20, 'x'));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

TEST(Server, RefusesHeadersThatAreTooLarge) {
  TestServer server;
  RawConnection one_long(server.port());
  one_long.send("GET /hello/a HTTP/1.1\r\nHost: x\r\nA: " + std::string(20'000, 'a'));
  EXPECT_EQ(one_long.receive().status, 431);

  RawConnection many_small(server.port());
  many_small.send("GET /hello/a HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 60; ++i) many_small.send(fmt::format("A{}: {}\r\n", i, std::string(300, 'a')));
  EXPECT_EQ(many_small.receive().status, 431);

  RawConnection long_target(server.port());
  long_target.send(get("/" + std::string(20'000, 'a')));
  EXPECT_EQ(long_target.receive().status, 431);
}

TEST(Server, GivesUpOnSlowClients) {
  const auto shortly = std::chrono::milliseconds(60);
  TestServer server({.header_timeout = shortly, .body_timeout = shortly, .idle_timeout = shortly});
  RawConnection slow_header(server.port());
  slow_header.send("GET /hello/a HTTP/1.1\r\nHos");
  const auto response = slow_header.receive();
  EXPECT_EQ(response.status, 408);
  EXPECT_THAT(response.body, HasSubstr("header of the request took too long"));
  EXPECT_TRUE(slow_header.is_closed_by_server());

  RawConnection slow_body(server.port());
  slow_body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(slow_body.receive().body, HasSubstr("body of the request took too long"));
  EXPECT_TRUE(slow_body.is_closed_by_server());

  RawConnection idle(server.port());
  EXPECT_EQ(idle.receive_all(), "");
}

TEST(Server, ARunningHandlerIsNotTimedOut) {
  const auto shortly = std::chrono::milliseconds(20);
  TestServer server({.header_timeout = shortly, .body_timeout = shortly, .idle_timeout = shortly});
  RawConnection held(server.port());
  held.send(get("/held"));
  server.latch.wait_for_arrivals(1);
  EXPECT_EQ(RawConnection(server.port()).receive_all(), "");  // long enough for the idle timeout
  server.latch.open();
  EXPECT_EQ(held.receive().body, "released");
}

TEST(Server, ClosesWhereTheClientTakesNothing) {
  TestServer server({.write_timeout = std::chrono::milliseconds(60)});
  RawConnection connection(server.port());
  for (int i = 0; i < 8; ++i) connection.send(get("/large"));
  auto client = MUST(Client::open(fmt::format("http://127.0.0.1:{}", server.port())));
  EXPECT_EQ(MUST(client.get("/hello/a")).status, 200);
  server.server().stop(std::chrono::seconds(30));  // would last as long were the connection not given up
}

TEST(Server, AHalfClosedClientGetsItsAnswer) {
  TestServer server;
  for (const std::string path : {"/echo", "/echo/blocking"}) {
    RawConnection connection(server.port());
    connection.send(post(path, "one") + post(path, "two"));
    connection.end_sending();
    EXPECT_EQ(connection.receive().body, "one");
    EXPECT_EQ(connection.receive().body, "two");
    EXPECT_TRUE(connection.is_closed_by_server());
  }
}

TEST(Server, AHalfSentRequestIsRefused) {
  TestServer server;
  for (const std::string_view bytes : {"GET /hel", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"}) {
    RawConnection connection(server.port());
    connection.send(bytes);
    connection.end_sending();
    EXPECT_THAT(connection.receive().body, HasSubstr("ended before it was complete"));
    EXPECT_TRUE(connection.is_closed_by_server());
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  RawConnection connection(server.port());
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += post(i % 3 == 0 ? "/echo/blocking" : "/echo", std::to_string(i));
  connection.send(bytes);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(connection.receive().body, std::to_string(i));
}

TEST(Server, ALongBlockingHandlerDoesNotHoldUpOthers) {
  TestServer server({.io_threads = 1, .pool_threads = 2});
  RawConnection held(server.port());
  held.send(get("/held") + std::string(kHello));
  server.latch.wait_for_arrivals(1);
  RawConnection other(server.port());
  other.send(std::string(kHello) + post("/echo/blocking", "b"));
  EXPECT_EQ(other.receive().body, "hello bob 1");
  EXPECT_EQ(other.receive().body, "b");
  server.latch.open();
  EXPECT_EQ(held.receive().body, "released");
  EXPECT_EQ(held.receive().body, "hello bob 1");
}

TEST(Server, RefusesBlockingRequestsBeyondTheLimit) {
  TestServer server({.blocking_limit = 1});
  RawConnection first(server.port());
  first.send(get("/held"));
  server.latch.wait_for_arrivals(1);
  RawConnection second(server.port());
  second.send(post("/echo/blocking", "a") + post("/echo", "b"));
  const auto refused = second.receive();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_THAT(refused.body, HasSubstr("UNAVAILABLE"));
  EXPECT_EQ(second.receive().body, "b");
  server.latch.open();
  EXPECT_EQ(first.receive().body, "released");
}

TEST(Server, SpeaksHttp10) {
  TestServer server;
  RawConnection once(server.port());
  once.send("GET /hello/a HTTP/1.0\r\n\r\n");
  EXPECT_THAT(once.receive_all(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Connection: close\r\n")));

  RawConnection kept(server.port());
  for (int i = 0; i < 2; ++i) {
    kept.send("GET /hello/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(kept.receive().header("Connection"), "keep-alive");
  }
}

TEST(Server, ClosesWhenAsked) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send("GET /hello/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection.receive().header("Connection"), "close");
  EXPECT_TRUE(connection.is_closed_by_server());
}

TEST(Server, SaysContinueBeforeABodyThatWaits) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  connection.send("abc");
  EXPECT_THAT(connection.receive_all(), HasSubstr("HTTP/1.1 200 OK"));

  RawConnection refused(server.port());
  refused.send("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(refused.receive_all(), StartsWith("HTTP/1.1 413"));
}

TEST(Server, ContinueIsSentFirst) {
  TestServer server;
  auto socket = MUST(start_connecting(MUST(resolve("127.0.0.1", server.port())).front()));
  pollfd wait{socket.get(), POLLOUT, 0};
  ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
  const std::string_view head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_EQ(::send(socket.get(), head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  wait.events = POLLIN;
  ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
  std::string got(100, '\0');
  got.resize(static_cast<std::size_t>(::recv(socket.get(), got.data(), got.size(), 0)));
  EXPECT_EQ(got, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(Server, SurvivesClientsThatVanish) {
  TestServer server;
  for (int i = 0; i < 20; ++i) {
    RawConnection in_header(server.port());
    in_header.send("GET /hel");
    in_header.vanish();
    RawConnection in_handler(server.port());
    in_handler.send(get("/echo/blocking") + get("/large") + get("/large"));
    in_handler.vanish();
  }
  RawConnection held(server.port());
  held.send(get("/held"));
  server.latch.wait_for_arrivals(1);
  held.vanish();
  server.latch.open();
  RawConnection connection(server.port());
  connection.send(kHello);
  EXPECT_EQ(connection.receive().status, 200);
}

TEST(Server, StopsGracefully) {
  TestServer server({.io_threads = 1});
  RawConnection idle(server.port());
  idle.send(kHello);
  EXPECT_EQ(idle.receive().status, 200);
  RawConnection held(server.port());
  held.send(get("/held"));
  server.latch.wait_for_arrivals(1);
  std::thread stopper([&] { server.server().stop(std::chrono::seconds(30)); });
  EXPECT_TRUE(idle.is_closed_by_server());
  server.latch.open();
  const auto response = held.receive();
  EXPECT_EQ(response.body, "released");
  EXPECT_EQ(response.header("Connection"), "close");
  stopper.join();
  EXPECT_FALSE(MUST(Client::open(fmt::format("http://127.0.0.1:{}", server.port()))).get("/hello/a"));
}

TEST(Server, StopWithoutGraceClosesWhatRuns) {
  TestServer server;
  RawConnection held(server.port());
  held.send(get("/held"));
  server.latch.wait_for_arrivals(1);
  std::thread stopper([&] { server.server().stop(Duration{0}); });
  server.latch.open();  // the handler is waited for, whether or not its answer still goes out
  stopper.join();
}

TEST(Server, SaysThatThePortIsInUse) {
  TestServer server;
  const Router router;
  const auto second = Server::start({.port = server.port()}, router);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            fmt::format("cannot listen on 127.0.0.1:{}: address already in use; choose another with --listen",
                        server.port()));
}

TEST(Server, NamesWhatIsNotThere) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(get("/nowhere"));
  auto response = connection.receive();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"error":{"code":"NOT_FOUND","message":"there is nothing at /nowhere"}})");

  connection.send(post("/hello/bob", "x"));
  response = connection.receive();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(
      response.body,
      R"({"error":{"code":"UNIMPLEMENTED","message":"/hello/bob does not answer POST; it answers GET, HEAD, OPTIONS"}})");

  connection.send("OPTIONS /hello/bob HTTP/1.1\r\nHost: x\r\n\r\n");
  response = connection.receive();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.header("Allow"), "GET, HEAD, OPTIONS");
}

TEST(Server, AnswersHeadWithoutABody) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send("HEAD /hello/bob HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = connection.receive(true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "11");
  connection.send(kHello);
  EXPECT_EQ(connection.receive().body, "hello bob 1");
}

TEST(Server, AnswerWithoutContentHasNoLength) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send("DELETE /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(connection.receive_all(), AllOf(StartsWith("HTTP/1.1 204 No Content"), Not(HasSubstr("Content-Length"))));
}

TEST(Server, AHandlerThatThrowsIsAnInternalError) {
  TestServer server;
  RawConnection connection(server.port());
  for (const std::string_view path : {"/throws", "/throws/inline"}) {
    connection.send(get(path));
    const auto response = connection.receive();
    EXPECT_EQ(response.status, 500);
    EXPECT_THAT(response.body, StartsWith(R"({"error":{"code":"INTERNAL")"));
  }
}

TEST(Server, HeaderValuesCannotForgeFields) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(get("/forged"));
  const auto response = connection.receive();
  EXPECT_EQ(response.header("X-A"), "a  X-B: b");
  EXPECT_EQ(response.header("X-B"), "");
}

TEST(Server, ForgetsAConnectionThatAChildProcessStillHolds) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(kHello);
  ASSERT_EQ(connection.receive().status, 200);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(write_end.get());
    char byte = 0;
    while (::read(read_end.get(), &byte, 1) > 0) {
    }
    ::_exit(0);
  }
  connection.send("GET /hello/bob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 200);
  connection.send(kHello);  // arrives where only the child could read it
  for (int i = 0; i < 10; ++i) {
    RawConnection other(server.port());
    other.send(kHello);
    EXPECT_EQ(other.receive().status, 200);
  }
  write_end.reset();
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(Server, TellsWhatBlockingHandlersDid) {
  std::mutex mutex;
  std::vector<std::string> seen;
  {
    TestServer server({.observe = [&](const Request& request, const Response& response, Duration) {
      const std::lock_guard lock(mutex);
      seen.push_back(fmt::format("{} {} {}", request.method, request.route, response.status));
    }});
    RawConnection connection(server.port());
    connection.send(post("/echo/blocking", "a") + get("/throws") + std::string(kHello));
    for (int i = 0; i < 3; ++i) EXPECT_NE(connection.receive().status, 0);
  }
  EXPECT_THAT(seen, testing::ElementsAre("POST /echo/blocking 200", "GET /throws 500"));
}

TEST(Server, ServesManyConnectionsAtOnce) {
  TestServer server;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&server, t] {
      auto client = MUST(Client::open(fmt::format("http://127.0.0.1:{}", server.port())));
      for (int i = 0; i < 200; ++i) {
        const auto body = fmt::format("{}:{}", t, i);
        ASSERT_EQ(MUST(client.post(i % 2 == 0 ? "/echo" : "/echo/blocking", body)).body, body);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace millrace::net
