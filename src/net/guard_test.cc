#include "net/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "net/client.h"
#include "net/raw_connection.h"
#include "net/server.h"

namespace millrace::net {
namespace {

using ::testing::HasSubstr;

// Knows "Authorization: friend" at once, "slow" on the pool, and nobody else.
class DoorKeeper final : public Guard {
 public:
  Verdict check(Request& request, const Route* route, Response& refusal) override {
    if (route == nullptr || route->access == Access::kPublic) return Verdict::kAdmit;
    const auto who = request.header("Authorization");
    if (who == "slow" || who == "stranger") return Verdict::kAskPool;
    if (who == "friend") return admit(request, "friend"), Verdict::kAdmit;
    refusal = closed();
    return Verdict::kRefuse;
  }
  std::optional<Response> verify(Request& request, const Route*) override {
    if (request.header("Authorization") == "stranger") return closed();
    admit(request, "slow");
    return std::nullopt;
  }
  void answered(const Request&, const Route&, const Response& response) override { last_status = response.status; }

  Verdict check_call(Request& request, const Route& route, Error& refusal) override {
    Response ignored;
    const auto verdict = check(request, &route, ignored);
    if (verdict == Verdict::kRefuse) refusal = {Code::kUnauthenticated, "who are you?"};
    return verdict;
  }
  void answered_call(const Request&, const Route&, const Error*) override {}
  Result<void> verify_call(Request& request, const Route& route) override {
    if (verify(request, &route)) return fail(Code::kUnauthenticated, "who are you?");
    return {};
  }

  std::atomic<int> last_status{0};

 private:
  static void admit(Request& request, std::string name) {
    auto principal = std::make_shared<const std::string>(std::move(name));
    request.user = *principal;
    request.principal = std::move(principal);
  }
  static Response closed() { return error_response(401, "UNAUTHENTICATED", "who are you?"); }
};

class Counting final : public BodySink {
 public:
  std::expected<void, Response> write(std::string_view piece) override {
    size_ += piece.size();
    return {};
  }
  Response finish() override { return {.status = 201, .body = std::to_string(size_)}; }

 private:
  std::size_t size_ = 0;
};

class GuardTest : public ::testing::Test {
 protected:
  GuardTest() {
    const auto name = [](const Request& request) { return Response{.body = std::string(request.user)}; };
    router.add("GET", "/public", Access::kPublic, name, Lane::kInline);
    router.add("POST", "/inline", Access::kRead, name, Lane::kInline);
    router.add("POST", "/blocking", Access::kRead, name);
    router.add_upload("PUT", "/upload", Access::kWrite,
                      [](const Request&) -> std::expected<std::unique_ptr<BodySink>, Response> {
                        return std::make_unique<Counting>();
                      });
    server = MUST(Server::start({.guard = &keeper}, router));
  }
  ClientResponse send(std::string_view method, std::string_view target, std::string who, std::string_view body = "x") {
    return MUST(client().send(
        {.method = method, .target = target, .body = body, .headers = {{"Authorization", std::move(who)}}}));
  }
  Client client() const { return MUST(Client::open(fmt::format("http://127.0.0.1:{}", server->port()))); }

  DoorKeeper keeper;
  Router router;
  std::unique_ptr<Server> server;
};

TEST_F(GuardTest, HandlersSeeWhoAsksWhereverTheyRun) {
  for (const auto* path : {"/inline", "/blocking"}) {
    for (const auto* who : {"friend", "slow"}) {
      const auto response = send("POST", path, who);
      EXPECT_EQ(response.status, 200) << path << who;
      EXPECT_EQ(response.body, who) << path;
    }
    EXPECT_EQ(send("POST", path, "nobody").status, 401) << path;
    EXPECT_EQ(send("POST", path, "stranger").status, 401) << path;
  }
  EXPECT_EQ(send("GET", "/public", "nobody", "").body, "");
  EXPECT_EQ(send("GET", "/nowhere", "nobody", "").status, 404);
}

TEST_F(GuardTest, AConnectionGoesOnAfterARefusalAndForgetsWhoAskedBefore) {
  auto one = client();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(MUST(one.send({.method = "POST", .target = "/blocking", .body = "abc"})).status, 401);
    EXPECT_EQ(MUST(one.send({.method = "POST",
                             .target = "/blocking",
                             .body = "abc",
                             .headers = {{"Authorization", i == 1 ? "slow" : "friend"}}}))
                  .status,
              200);
  }
}

TEST_F(GuardTest, UploadsAreAdmittedOrRefusedBeforeTheirBody) {
  const std::string body(3 << 20, 'x');
  for (const auto* who : {"friend", "slow"}) {
    const auto response = send("PUT", "/upload", who, body);
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, std::to_string(body.size()));
    EXPECT_EQ(keeper.last_status, 201);
  }
  for (const auto* who : {"nobody", "stranger"}) EXPECT_EQ(send("PUT", "/upload", who, body).status, 401);
}

TEST_F(GuardTest, WhoWaitsToBeAskedForTheBodyIsRefusedWithoutIt) {
  RawConnection raw(server->port());
  raw.send("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(raw.receive_all(), HasSubstr("401 Unauthorized"));
}

}  // namespace
}  // namespace millrace::net
