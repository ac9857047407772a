#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "net/raw_connection.h"
#include "net/server.h"

namespace millrace::net {

// What tests use to hold a handler until they have looked.
class Latch {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_; });
  }
  void wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  int arrived_ = 0;
};

// A server with handlers for tests, on a free port.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}) {
    const auto echo = [](const Request& request) { return Response{.body = std::string(request.body)}; };
    router_.add("POST", "/echo", echo, Lane::kInline);
    router_.add("POST", "/echo/blocking", echo);
    router_.add("POST", "/small", echo, Lane::kInline, 10);
    router_.add("GET", "/hello/{name}", hello, Lane::kInline);
    router_.add("GET", "/held", [this](const Request&) { return held(); });
    router_.add("GET", "/throws", throws);
    router_.add("GET", "/throws/inline", throws, Lane::kInline);
    router_.add("GET", "/large", [](const Request&) { return Response{.body = std::string(5 << 20, 'x')}; });
    router_.add("DELETE", "/thing", [](const Request&) { return Response{.status = 204}; });
    router_.add("GET", "/forged", [](const Request&) { return Response{.headers = {{"X-A", "a\r\nX-B: b"}}}; });
    server_ = MUST(Server::start(std::move(options), router_));
  }
  ~TestServer() { latch.open(); }

  std::uint16_t port() const { return server_->port(); }
  Server& server() { return *server_; }

  Latch latch;  // what GET /held waits for

 private:
  static Response hello(const Request& request) {
    return {.content_type = "text/plain",
            .body = fmt::format("hello {} {}", request.param("name"), request.query("q").value_or("-"))};
  }
  static Response throws(const Request&) { throw std::runtime_error("a bug"); }
  Response held() {
    latch.arrive_and_wait();
    return {.body = "released"};
  }

  Router router_;
  std::unique_ptr<Server> server_;
};

}  // namespace millrace::net
