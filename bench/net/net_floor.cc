// What a request costs before anything is done for it: a server with one inline handler and a LoadClient in one
// process, over loopback.
//
//   net_floor [connections=16] [requests=500000] [io_threads=2]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/net.h"

namespace {

using namespace millrace;

struct Setting {
  int connections = 16;
  int requests = 500'000;
  int io_threads = 2;
};

struct Outcome {
  std::vector<std::int64_t> latencies_us;
  int failures = 0;
};

net::Router make_router() {
  net::Router router;
  const auto answer = [](const net::Request& request) {
    return net::Response{.body = std::string(request.body.substr(0, 200))};
  };
  router.add("POST", "/v2/models/{name}/infer", answer, net::Lane::kInline);
  return router;
}

Outcome run(net::LoadClient& client, const Setting& setting) {
  Outcome outcome;
  outcome.latencies_us.reserve(static_cast<std::size_t>(setting.requests));
  const std::string body(300, 'x');
  for (int i = 0; i < setting.requests; ++i) {
    client.submit("POST", "/v2/models/delays/infer", body, [&](Result<net::ClientResponse>&& answer, Duration latency) {
      if (!answer || answer->status != 200) ++outcome.failures;
      outcome.latencies_us.push_back(latency.count());
    });
    client.run_until(static_cast<std::size_t>(setting.connections) * 4);
  }
  client.run_until(0);
  return outcome;
}

std::int64_t quantile(std::vector<std::int64_t>& values, double q) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

}  // namespace

int main(int argc, char** argv) {
  Setting setting;
  if (argc > 1) setting.connections = std::atoi(argv[1]);
  if (argc > 2) setting.requests = std::atoi(argv[2]);
  if (argc > 3) setting.io_threads = std::atoi(argv[3]);
  const auto router = make_router();
  const auto server = MUST(net::Server::start({.io_threads = setting.io_threads}, router));
  const auto client = MUST(net::LoadClient::open({.port = server->port(), .connections = setting.connections}));
  const auto begun = std::chrono::steady_clock::now();
  auto outcome = run(*client, setting);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("{} connections, {} io threads: {:.0f} requests/s, p50 {} us, p99 {} us, {} failures\n",
             setting.connections, setting.io_threads, setting.requests / took.count(),
             quantile(outcome.latencies_us, 0.5), quantile(outcome.latencies_us, 0.99), outcome.failures);
  return outcome.failures == 0 ? 0 : 1;
}
