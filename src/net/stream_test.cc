#include "net/stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/client.h"
#include "net/raw_connection.h"
#include "net/request.h"
#include "net/server.h"

namespace millrace::net {
namespace {

// What became of the uploads of a test.
struct Seen {
  std::atomic<int> opened{0}, finished{0}, destroyed{0};
  std::atomic<std::uint64_t> bytes{0}, sum{0};
  std::atomic<std::size_t> largest{0};
};

class CountingSink final : public BodySink {
 public:
  explicit CountingSink(Seen& seen) : seen_(seen) { ++seen_.opened; }
  ~CountingSink() override { ++seen_.destroyed; }

  std::expected<void, Response> write(std::string_view piece) override {
    if (piece.starts_with("refuse")) return std::unexpected(error_response(507, "RESOURCE_EXHAUSTED", "full"));
    seen_.bytes += piece.size();
    for (const char c : piece) seen_.sum += static_cast<unsigned char>(c);
    seen_.largest = std::max(seen_.largest.load(), piece.size());
    return {};
  }
  Response finish() override {
    ++seen_.finished;
    return {.body = std::to_string(seen_.bytes)};
  }

 private:
  Seen& seen_;
};

// The numbers 0..255 over and over.
class Numbers final : public BodySource {
 public:
  Numbers(std::uint64_t size, std::uint64_t fails_at) : size_(size), fails_at_(fails_at) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::span<char> into) override {
    if (at_ >= fails_at_) return data_loss("the disk is gone");
    for (char& c : into) c = static_cast<char>(at_++ % 256);
    return into.size();
  }

 private:
  const std::uint64_t size_, fails_at_;
  std::uint64_t at_ = 0;
};

class Zeros final : public BodySource {
 public:
  explicit Zeros(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::span<char> into) override { return into.size(); }

 private:
  const std::uint64_t size_;
};

std::string numbers(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 256);
  return text;
}

class StreamTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    router_.add_upload("PUT", "/things/{name}",
                       [this](const Request& request) -> std::expected<std::unique_ptr<BodySink>, Response> {
                         if (request.param("name") == "no") return std::unexpected(error_response(403, "NO", "no"));
                         return std::make_unique<CountingSink>(seen);
                       });
    router_.add("GET", "/numbers/{size}", [](const Request& request) {
      const auto size = std::stoull(std::string(request.param("size")));
      const auto fails_at = std::stoull(request.query("fails_at").value_or("999999999999"));
      return Response{.source = std::make_shared<Numbers>(size, fails_at)};
    });
    router_.add("GET", "/zeros/{size}", [](const Request& request) {
      return Response{.source = std::make_shared<Zeros>(std::stoull(std::string(request.param("size"))))};
    });
    router_.add("GET", "/small", [](const Request&) { return Response{.body = "small"}; }, Lane::kInline);
    server = MUST(Server::start(std::move(options), router_));
    client.emplace(MUST(Client::open(fmt::format("http://127.0.0.1:{}", server->port()))));
  }
  ClientResponse put(std::string_view target, std::string_view body) {
    return MUST(client->send({.method = "PUT", .target = target, .body = body}));
  }
  // Sinks are destroyed on the pool, after the answer.
  void wait_for_the_end() {
    while (seen.destroyed < seen.opened) std::this_thread::yield();
  }

  Seen seen;
  Router router_;
  std::unique_ptr<Server> server;
  std::optional<Client> client;
};

TEST_F(StreamTest, ABodyComesWholeInPieces) {
  start();
  const std::string body = numbers((5 << 20) + 17);
  EXPECT_EQ(put("/things/a", body).body, std::to_string(body.size()));
  EXPECT_EQ(seen.sum, (5ULL << 20) / 256 * 32640 + 16 * 17 / 2);
  EXPECT_LE(seen.largest, kPieceSize);
  EXPECT_EQ(put("/things/a", "").status, 200);
  EXPECT_EQ(put("/things/a", "x").status, 200);
  EXPECT_EQ(seen.finished, 3);
  EXPECT_EQ(MUST(client->get("/small")).body, "small");
}

TEST_F(StreamTest, ABodyOfChunksComesWhole) {
  start();
  RawConnection raw(server->port());
  raw.send("PUT /things/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk(100'000, 'x');
  for (int i = 0; i < 40; ++i) raw.send(fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk));
  raw.send("0\r\n\r\nGET /small HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(raw.receive().body, "4000000");
  EXPECT_EQ(raw.receive().body, "small");
}

TEST_F(StreamTest, RequestsBehindABodyAreAnsweredInOrder) {
  start();
  RawConnection raw(server->port());
  raw.send(
      "PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /numbers/300000 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(raw.receive().body, "3");
  EXPECT_EQ(raw.receive().body, numbers(300'000));
  EXPECT_EQ(raw.receive().body, "small");
}

TEST_F(StreamTest, ASinkMayRefuseBeforeTheBodyIsThere) {
  start();
  RawConnection raw(server->port());
  raw.send("PUT /things/no HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_EQ(raw.receive().status, 403);
  EXPECT_TRUE(raw.is_closed_by_server());
  EXPECT_EQ(put("/things/no", std::string(3 << 20, 'x')).status, 403);
  EXPECT_EQ(put("/things/a", "refuse" + std::string(3 << 20, 'x')).status, 507);
  wait_for_the_end();
  EXPECT_EQ(seen.finished, 0);
}

TEST_F(StreamTest, AContinueIsSentOnceTheSinkIsOpen) {
  start();
  RawConnection raw(server->port());
  raw.send("PUT /things/no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_TRUE(raw.receive_all().starts_with("HTTP/1.1 403"));
  RawConnection other(server->port());
  other.send(
      "PUT /things/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
  while (seen.opened == 0) std::this_thread::yield();
  other.send("abc");
  EXPECT_EQ(other.receive().body, "3");
}

TEST_F(StreamTest, AnUploadThatEndsEarlyLeavesNothing) {
  start();
  const std::string head = "PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n";
  RawConnection gone(server->port());
  gone.send(head + std::string(2'000'000, 'x'));
  while (seen.opened == 0) std::this_thread::yield();
  gone.vanish();
  wait_for_the_end();
  RawConnection half(server->port());
  half.send(head + std::string(2'000'000, 'x'));
  half.end_sending();
  EXPECT_EQ(half.receive().status, 400);
  wait_for_the_end();
  EXPECT_EQ(seen.opened, 2);
  EXPECT_EQ(seen.finished, 0);
}

TEST_F(StreamTest, ASlowBodyIsGivenUp) {
  start({.body_timeout = std::chrono::milliseconds(60)});
  RawConnection raw(server->port());
  raw.send("PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx");
  EXPECT_EQ(raw.receive().status, 408);
  wait_for_the_end();
  EXPECT_EQ(seen.finished, 0);
}

TEST_F(StreamTest, AMalformedChunkEndsTheUpload) {
  start();
  RawConnection raw(server->port());
  raw.send("PUT /things/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
  EXPECT_EQ(raw.receive().status, 400);
  wait_for_the_end();
  EXPECT_EQ(seen.finished, 0);
}

TEST_F(StreamTest, ASourceIsSentWhole) {
  start();
  EXPECT_EQ(MUST(client->get("/numbers/7000001")).body, numbers(7'000'001));
  EXPECT_EQ(MUST(client->get("/numbers/0")).body, "");
  const auto head = MUST(client->send({.method = "HEAD", .target = "/numbers/7000001"}));
  EXPECT_EQ(head.header("Content-Length"), "7000001");
  EXPECT_EQ(MUST(client->get("/small")).body, "small");
}

// The client reads while the server sends, so the server finds room at every point between two of its calls.
TEST_F(StreamTest, ALongDownloadNeverStands) {
  start();
  RawConnection raw(server->port());
  constexpr std::size_t kSize = 2ULL << 30;
  raw.send(fmt::format("GET /zeros/{} HTTP/1.1\r\nHost: x\r\n\r\n", kSize));
  std::size_t got = 0;
  while (got < kSize) {
    const auto more = raw.receive_some().size();
    ASSERT_GT(more, 0U) << "stands after " << got << " bytes";
    got += more;
  }
}

TEST_F(StreamTest, ASourceThatFailsClosesTheConnection) {
  start();
  EXPECT_EQ(client->get("/numbers/7000000?fails_at=2000000").error().code, Code::kUnavailable);
  EXPECT_EQ(MUST(client->get("/small")).body, "small");
}

TEST_F(StreamTest, AClientThatLeavesEndsItsDownload) {
  start();
  RawConnection raw(server->port());
  raw.send("GET /numbers/90000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  raw.vanish();
  EXPECT_EQ(MUST(client->get("/small")).body, "small");
}

TEST_F(StreamTest, AStopLetsTransfersEnd) {
  start();
  RawConnection raw(server->port());
  raw.send("PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + std::string(3'000'000, 'x'));
  while (seen.opened == 0) std::this_thread::yield();
  std::thread stop([&] { server->stop(std::chrono::seconds(10)); });
  raw.send(std::string(2'000'000, 'x'));
  EXPECT_EQ(raw.receive().body, "5000000");
  stop.join();
}

TEST_F(StreamTest, AStopWithoutGraceEndsTransfers) {
  start();
  RawConnection up(server->port());
  RawConnection down(server->port());
  up.send("PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + std::string(3'000'000, 'x'));
  down.send("GET /numbers/90000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  while (seen.opened == 0) std::this_thread::yield();
  server.reset();
  EXPECT_EQ(seen.destroyed, 1);
}

}  // namespace
}  // namespace millrace::net
