#include "net/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/load_client.h"
#include "net/test_server.h"

namespace millrace::net {
namespace {

using testing::HasSubstr;

std::string url(const TestServer& server) { return fmt::format("http://127.0.0.1:{}", server.port()); }

// A port that nothing listens on: one just given back.
std::uint16_t unused_port() { return local_port(MUST(listen_on("127.0.0.1", 0)).get()); }

TEST(Client, RefusesAddressesItCannotUse) {
  for (const std::string_view bad :
       {"localhost:1", "ftp://localhost", "https://", "http://", "http://a/b", "http://a:x", "http://a:99999"}) {
    EXPECT_FALSE(Client::open(bad)) << bad;
  }
  for (const std::string_view good :
       {"http://localhost", "http://localhost:1/", "http://[::1]:80", "https://localhost"})
    EXPECT_TRUE(Client::open(good)) << good;
}

TEST(Client, SendsAndReceives) {
  TestServer server;
  auto client = MUST(Client::open(url(server)));
  EXPECT_EQ(MUST(client.get("/hello/a%20b?q=x%20y")).body, "hello a b x y");
  EXPECT_EQ(MUST(client.post("/echo", "text")).body, "text");
  EXPECT_EQ(MUST(client.post("/echo", "")).body, "");
  EXPECT_EQ(MUST(client.send({.method = "HEAD", .target = "/large"})).header("content-length"),
            std::to_string(5 << 20));
  EXPECT_EQ(MUST(client.get("/large")).body.size(), 5U << 20);
  EXPECT_EQ(MUST(client.send({.method = "DELETE", .target = "/thing"})).status, 204);
  EXPECT_EQ(MUST(client.get("/nowhere")).status, 404);
}

TEST(Client, ConnectsAgainWhereTheServerClosed) {
  TestServer server({.idle_timeout = std::chrono::milliseconds(20)});
  auto client = MUST(Client::open(url(server)));
  EXPECT_EQ(MUST(client.post("/echo", "a")).body, "a");
  EXPECT_EQ(RawConnection(server.port()).receive_all(), "");  // as long as the idle timeout
  EXPECT_EQ(RawConnection(server.port()).receive_all(), "");
  EXPECT_EQ(MUST(client.post("/echo", "b")).body, "b");
}

TEST(Client, SaysThatNothingListens) {
  auto client = MUST(Client::open(fmt::format("http://127.0.0.1:{}", unused_port())));
  const auto response = client.get("/");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("connection refused; is the server running?"));
}

TEST(Client, GivesUpInTime) {
  TestServer server;
  auto client = MUST(Client::open(url(server)));
  const auto response = client.send({.target = "/held", .timeout = std::chrono::milliseconds(20)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kDeadlineExceeded);
  server.latch.open();
  EXPECT_EQ(MUST(client.get("/hello/a")).body, "hello a -");  // not the late answer of the other
}

TEST(Client, RefusesWhatIsNotHttp) {
  const auto listener = MUST(listen_on("127.0.0.1", 0));
  auto client = MUST(Client::open(fmt::format("http://127.0.0.1:{}", local_port(listener.get()))));
  std::thread server([&] {
    pollfd wait{listener.get(), POLLIN, 0};
    ::poll(&wait, 1, 10'000);
    const Fd peer(::accept(listener.get(), nullptr, nullptr));
    ::send(peer.get(), "SSH-2.0\r\n\r\n", 11, 0);
  });
  const auto response = client.get("/");
  server.join();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kDataLoss);
}

class LoadClientPipelines : public testing::TestWithParam<int> {};

TEST_P(LoadClientPipelines, AnswerEveryRequestWithItsOwnAnswer) {
  TestServer server;
  const auto client = MUST(LoadClient::open({.port = server.port(), .connections = 3, .pipeline = GetParam()}));
  std::vector<int> answered(1000);
  for (std::size_t i = 0; i < answered.size(); ++i) {
    const auto body = std::to_string(i);
    client->submit("POST", i % 7 == 0 ? "/echo/blocking" : "/echo", body,
                   [&, i, body](Result<ClientResponse>&& answer, Duration latency) {
                     EXPECT_EQ(MUST(std::move(answer)).body, body);
                     EXPECT_GE(latency.count(), 0);
                     ++answered[i];
                   });
  }
  EXPECT_EQ(client->pending(), answered.size());
  client->run_until(10);
  EXPECT_LE(client->pending(), 10U);
  client->run_until(0);
  EXPECT_THAT(answered, testing::Each(1));
}

INSTANTIATE_TEST_SUITE_P(LoadClient, LoadClientPipelines, testing::Values(1, 2, 16));

TEST(LoadClient, ACallbackMaySubmit) {
  TestServer server;
  const auto client = MUST(LoadClient::open({.port = server.port(), .connections = 2}));
  int answers = 0;
  std::function<void()> again = [&] {
    client->submit("GET", "/hello/a", "", [&](Result<ClientResponse>&&, Duration) {
      if (++answers < 50) again();
    });
  };
  again();
  client->run_until(0);
  EXPECT_EQ(answers, 50);
}

TEST(LoadClient, ReportsLostConnectionsAndGoesOn) {
  auto first = std::make_unique<TestServer>();
  const auto port = first->port();
  const auto client = MUST(LoadClient::open({.port = port, .connections = 3}));
  std::vector<Code> codes;
  const auto note = [&](Result<ClientResponse>&& answer, Duration) {
    codes.push_back(answer ? Code{0} : answer.error().code);
  };
  for (int i = 0; i < 3; ++i) client->submit("GET", "/hello/a", "", note);
  client->run_until(0);
  first.reset();
  for (int i = 0; i < 6; ++i) client->submit("GET", "/hello/a", "", note);
  client->run_until(0);
  const TestServer second({.port = port});
  for (int i = 0; i < 3; ++i) client->submit("GET", "/hello/a", "", note);
  client->run_until(0);
  std::vector<Code> expected(3, Code{0});
  expected.insert(expected.end(), 6, Code::kUnavailable);
  expected.insert(expected.end(), 3, Code{0});
  EXPECT_EQ(codes, expected);
}

TEST(LoadClient, ReportsAnswersThatDoNotCome) {
  TestServer server;
  const auto client =
      MUST(LoadClient::open({.port = server.port(), .connections = 1, .timeout = std::chrono::milliseconds(50)}));
  std::vector<std::string> seen;
  const auto note = [&](Result<ClientResponse>&& answer, Duration) {
    seen.push_back(answer ? answer->body : std::string(code_name(answer.error().code)));
  };
  client->submit("GET", "/held", "", note);
  client->submit("GET", "/hello/a", "", note);
  client->run_until(0);
  EXPECT_THAT(seen, testing::ElementsAre("DEADLINE_EXCEEDED", "hello a -"));
}

TEST(LoadClient, FollowsAServerThatClosesAfterEachAnswer) {
  TestServer server;
  const auto client = MUST(LoadClient::open({.port = server.port(), .connections = 2}));
  int good = 0;
  for (int i = 0; i < 10; ++i) {
    client->submit_bytes("GET /hello/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                         [&](Result<ClientResponse>&& answer, Duration) { good += answer && answer->status == 200; });
  }
  client->run_until(0);
  EXPECT_EQ(good, 10);
}

}  // namespace
}  // namespace millrace::net
