// What logging to a running server costs, by the requests that MLflow's client makes. A line of JSON for each kind of
// work.
//
//   tracking_load PORT [scale=1.0]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/net.h"

namespace {

using namespace millrace;
using Steady = std::chrono::steady_clock;

constexpr int kBatch = 1000;

struct Bench {
  std::uint16_t port = 0;
  double scale = 1;
  std::string experiment;

  int scaled(int count) const { return std::max(1, static_cast<int>(count * scale)); }
};

struct Outcome {
  std::vector<double> milliseconds;
  double seconds = 0;
  int failures = 0;
};

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

Json call(const Bench& bench, std::string_view path, const Json& body) {
  auto client = MUST(net::LoadClient::open({.port = bench.port, .connections = 1}));
  Json found;
  client->submit("POST", path, dump_json(body),
                 [&](Result<net::ClientResponse>&& answer, Duration) { found = MUST(parse_json(MUST(answer).body)); });
  client->run_until(0);
  return found;
}

std::string new_run(const Bench& bench) {
  return call(bench, "/api/2.0/mlflow/runs/create",
              {{"experiment_id", bench.experiment}, {"start_time", 1}})["run"]["info"]["run_id"];
}

// Each of `connections` has one request under way; `target` and `body` say what the i-th is.
template <typename MakeRequest>
Outcome run(const Bench& bench, int connections, int count, MakeRequest make) {
  auto client = MUST(net::LoadClient::open({.port = bench.port, .connections = connections}));
  Outcome outcome;
  const auto begun = Steady::now();
  for (int i = 0; i < count; ++i) {
    client->submit_bytes(make(*client, i), [&](Result<net::ClientResponse>&& answer, Duration latency) {
      if (!answer || answer->status != 200) ++outcome.failures;
      outcome.milliseconds.push_back(static_cast<double>(latency.count()) / 1000);
    });
    client->run_until(static_cast<std::size_t>(connections) - 1);
  }
  client->run_until(0);
  outcome.seconds = std::chrono::duration<double>(Steady::now() - begun).count();
  return outcome;
}

void report(std::string_view work, const Outcome& outcome, double units) {
  fmt::print("{}\n", dump_json({{"work", work},
                                {"per_second", units / outcome.seconds},
                                {"p50_ms", quantile(outcome.milliseconds, 0.5)},
                                {"p95_ms", quantile(outcome.milliseconds, 0.95)},
                                {"p99_ms", quantile(outcome.milliseconds, 0.99)},
                                {"failures", outcome.failures}}));
}

void log_metric(const Bench& bench, int writers, int count) {
  std::vector<std::string> runs;
  for (int i = 0; i < writers; ++i) runs.push_back(new_run(bench));
  const auto outcome = run(bench, writers, count, [&](const net::LoadClient& client, int i) {
    const std::string& id = runs[static_cast<std::size_t>(i % writers)];
    return client.request_bytes(
        "POST", "/api/2.0/mlflow/runs/log-metric",
        fmt::format(R"({{"run_uuid": "{}", "run_id": "{}", "key": "loss", "value": {}, "timestamp": {}, "step": {}}})",
                    id, id, 1.0 / (i + 1), 1'700'000'000'000 + i, i));
  });
  report(fmt::format("log-metric, {} writers", writers), outcome, count);
}

std::string batch_of(const std::string& run, int begin) {
  std::string metrics;
  for (int i = begin; i < begin + kBatch; ++i) {
    metrics += fmt::format(R"({}{{"key": "loss", "value": {}, "timestamp": {}, "step": {}}})", i == begin ? "" : ", ",
                           1.0 / (i + 1), 1'700'000'000'000 + i, i);
  }
  return fmt::format(R"({{"run_id": "{}", "metrics": [{}]}})", run, metrics);
}

void log_batch(const Bench& bench, int writers, int count) {
  std::vector<std::string> runs;
  for (int i = 0; i < writers; ++i) runs.push_back(new_run(bench));
  const auto outcome = run(bench, writers, count, [&](const net::LoadClient& client, int i) {
    return client.request_bytes("POST", "/api/2.0/mlflow/runs/log-batch",
                                batch_of(runs[static_cast<std::size_t>(i % writers)], i / writers * kBatch));
  });
  report(fmt::format("log-batch of {} points, {} writers", kBatch, writers), outcome, 1.0 * count * kBatch);
}

// The value of a text that follows the list in a JSON object, with or without a space before it; "" where none does.
std::string text_of(std::string_view json, std::string_view name) {
  json.remove_prefix(std::min(json.rfind(']'), json.size()));
  const auto at = json.find(fmt::format("\"{}\":", name));
  if (at == std::string_view::npos) return "";
  const auto begin = json.find('"', at + name.size() + 3) + 1;
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

// All pages, one after another, as the client asks for them.
double read_history(const Bench& bench, const std::string& id) {
  auto client = MUST(net::LoadClient::open({.port = bench.port, .connections = 1}));
  const auto begun = Steady::now();
  std::string token;
  do {
    const auto target =
        fmt::format("/api/2.0/mlflow/metrics/get-history?run_uuid={}&run_id={}&metric_key=loss&max_results=25000{}{}",
                    id, id, token.empty() ? "" : "&page_token=", token);
    std::string body;
    client->submit("GET", target, "",
                   [&](Result<net::ClientResponse>&& answer, Duration) { body = std::move(MUST(answer).body); });
    client->run_until(0);
    token = text_of(body, "next_page_token");
  } while (!token.empty());
  return std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
}

void history(const Bench& bench) {
  const std::string id = new_run(bench);
  run(bench, 1, 100, [&](const net::LoadClient& client, int i) {
    return client.request_bytes("POST", "/api/2.0/mlflow/runs/log-batch", batch_of(id, i * kBatch));
  });
  Outcome pages;
  for (int i = 0; i < 11; ++i) pages.milliseconds.push_back(read_history(bench, id));
  pages.seconds = 1;
  report("history of 100000 points in pages of 25000", pages, 0);
  const auto samples = run(bench, 1, 200, [&](const net::LoadClient& client, int) {
    return client.request_bytes(
        "GET",
        fmt::format("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={}&metric_key=loss&max_results=320",
                    id),
        "");
  });
  report("sample of 320 of 100000 points", samples, 200);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: tracking_load PORT [scale]\n");
    return 2;
  }
  Bench bench{.port = static_cast<std::uint16_t>(std::atoi(argv[1])), .scale = argc > 2 ? std::atof(argv[2]) : 1};
  const auto name = fmt::format("load-{}", Steady::now().time_since_epoch().count());
  bench.experiment = call(bench, "/api/2.0/mlflow/experiments/create", {{"name", name}})["experiment_id"];
  log_metric(bench, 1, bench.scaled(4000));
  log_metric(bench, 8, bench.scaled(60'000));
  log_batch(bench, 1, bench.scaled(300));
  log_batch(bench, 4, bench.scaled(600));
  history(bench);
}
