#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

double milliseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

Json to_json(const serving::QueueStatus& queue) {
  return {{"waiting", queue.waiting},           {"running", queue.running}, {"limit", queue.options.limit},
          {"concurrency", queue.options.lanes}, {"refused", queue.refused}, {"deadlines_exceeded", queue.expired},
          {"batches", queue.batches},           {"rows", queue.rows}};
}

Json batching_json(const serving::ScoringStatus& status) {
  auto measured = Json::array();
  for (const auto& timing : status.measured.timings)
    measured.push_back({{"rows", timing.rows}, {"milliseconds", milliseconds(timing.time)}});
  return {{"max_size", status.batches.limits.max_rows},
          {"max_delay_ms", milliseconds(status.batches.limits.max_delay)},
          {"reason", status.batches.reason},
          {"measured", std::move(measured)}};
}

Json to_json(const serving::WorkerStatus& worker) {
  return {{"pid", worker.pid > 0 ? Json(worker.pid) : Json(nullptr)},
          {"memory_bytes", worker.resident_bytes},
          {"restarts", worker.restarts},
          {"problem", worker.problem}};
}

// Why an endpoint's requests are scored as they are: at once, or waiting, in batches, by which processes.
Result<Json> stats(const serving::Endpoints& endpoints, std::string_view name) {
  auto status = TRY(endpoints.scoring(name));
  if (!status)
    return Json{
        {"name", name}, {"waits", false}, {"queue", nullptr}, {"batching", nullptr}, {"workers", Json::array()}};
  auto workers = Json::array();
  for (const auto& worker : status->workers) workers.push_back(to_json(worker));
  return Json{{"name", name},
              {"waits", true},
              {"queue", to_json(status->queue)},
              {"batching", batching_json(*status)},
              {"workers", std::move(workers)}};
}

}  // namespace

void add_scoring_routes(net::Router& router, const ServingServices& services) {
  router.add("GET", "/api/v1/endpoints/{name}/stats", Access::kRead,
             [&endpoints = services.endpoints](const net::Request& request) {
               return answer(stats(endpoints, request.param("name")));
             });
}

}  // namespace millrace::api
