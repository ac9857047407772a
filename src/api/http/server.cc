#include <unistd.h>

#include <nlohmann/json.hpp>

#include "access/access.h"
#include "api/http/resident.h"
#include "api/http/resources.h"
#include "datasets/datasets.h"
#include "delivery/event_clock.h"
#include "delivery/project.h"
#include "events/events.h"
#include "features/live.h"
#include "pipelines/pipelines.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Request;
using net::Response;

constexpr char kOpenApi[] = {
#embed "openapi.json"
    , 0};

void refresh_gauges(Services& services) {
  auto& metrics = services.metrics;
  metrics.gauge("process_resident_memory_bytes", "Resident memory of the server.")
      .set(static_cast<double>(resident_bytes()));
  metrics.gauge("millrace_event_time_seconds", "The event clock, in seconds since 1970.")
      .set(static_cast<double>(services.clock.now().us) / 1e6);
  metrics.gauge("millrace_pipeline_runs_active", "Pipeline runs that are queued or running.")
      .set(static_cast<double>(services.pipelines.active().value_or(0)));
  auto size = services.features.size();
  metrics.gauge("millrace_online_store_keys", "Keys in the online store.").set(static_cast<double>(size.keys));
  metrics.gauge("millrace_online_store_rows", "Rows in the online store.").set(static_cast<double>(size.rows));
  metrics.gauge("millrace_events_newest", "The number of the newest event.")
      .set(static_cast<double>(services.events.newest()));
  for (const auto& dataset : services.datasets.list())
    metrics.gauge("millrace_dataset_rows", "Rows of a dataset's newest version.", {{"dataset", dataset.spec.name}})
        .set(static_cast<double>(dataset.rows));
}

Json endpoint_summary(const serving::EndpointStatus& status) {
  return {{"name", status.spec.name},
          {"version", status.version ? Json(*status.version) : Json(nullptr)},
          {"predictions", status.predictions},
          {"problem", status.problem}};
}

Result<Json> status(Services& services) {
  auto endpoints = Json::array();
  for (const auto& endpoint : services.endpoints.list()) endpoints.push_back(endpoint_summary(endpoint));
  auto release = services.project.current();
  std::int64_t rows = 0, quarantined = 0;
  for (const auto& dataset : services.datasets.list()) rows += dataset.rows, quarantined += dataset.quarantined;
  return Json{
      {"version", services.version},
      {"project", release ? Json(release->project) : Json(nullptr)},
      {"release", release ? Json(release->number) : Json(nullptr)},
      {"commit", release ? Json(release->commit) : Json(nullptr)},
      {"clock", {{"mode", delivery::to_text(services.clock.mode())}, {"now", format_time(services.clock.now())}}},
      {"settled", TRY(services.conductor.settled())},
      {"active_pipeline_runs", TRY(services.pipelines.active())},
      {"datasets", services.datasets.list().size()},
      {"rows", rows},
      {"quarantined", quarantined},
      {"endpoints", std::move(endpoints)},
      {"resident_bytes", resident_bytes()},
      {"pid", getpid()},
      {"open", !services.access.closed()}};
}

}  // namespace

void add_server_routes(net::Router& router, Services& services) {
  services.metrics.before_exposition([&] { refresh_gauges(services); });
  router.add(
      "GET", "/health", Access::kPublic, [](const Request&) { return answer(Json{{"status", "ok"}}); },
      net::Lane::kInline);
  router.add("GET", "/metrics", Access::kRead, [&](const Request&) {
    return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = services.metrics.exposition() + services.endpoints.exposition()};
  });
  router.add("GET", "/api/v1/openapi.json", Access::kPublic, [](const Request&) { return Response{.body = kOpenApi}; });
  router.add("GET", "/api/v1/status", Access::kRead, [&](const Request&) { return answer(status(services)); });
}

}  // namespace millrace::api
