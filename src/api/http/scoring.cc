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

// Null for an endpoint that never sleeps.
Json sleep_json(const serving::EndpointStatus& status) {
  if (!status.spec.scoring.scale_to_zero) return nullptr;
  const auto starts = static_cast<double>(status.cold_starts);
  return {{"after", format_duration(*status.spec.scoring.scale_to_zero)},
          {"asleep", status.asleep},
          {"cold_starts", status.cold_starts},
          {"mean_ms", status.cold_starts == 0 ? Json(nullptr) : Json(1000 * status.cold_start_seconds / starts)}};
}

// Why an endpoint's requests are scored as they are: at once, or waiting, in batches, by which processes; and whether
// its models are in memory.
Result<Json> stats(const serving::Endpoints& endpoints, std::string_view name) {
  auto sleep = sleep_json(TRY(endpoints.find(name)));
  auto status = TRY(endpoints.scoring(name));
  if (!status)
    return Json{{"name", name},        {"waits", false},           {"queue", nullptr},
                {"batching", nullptr}, {"workers", Json::array()}, {"sleep", std::move(sleep)}};
  auto workers = Json::array();
  for (const auto& worker : status->workers) workers.push_back(to_json(worker));
  return Json{{"name", name},
              {"waits", true},
              {"queue", to_json(status->queue)},
              {"batching", batching_json(*status)},
              {"workers", std::move(workers)},
              {"sleep", std::move(sleep)}};
}

}  // namespace

void add_scoring_routes(net::Router& router, const ServingServices& services) {
  router.add("GET", "/api/v1/endpoints/{name}/stats", Access::kRead,
             [&endpoints = services.endpoints](const net::Request& request) {
               return answer(stats(endpoints, request.param("name")));
             });
}

}  // namespace millrace::api
