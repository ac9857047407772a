#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "api/http/series_request.h"
#include "api/http/tracking_json.h"
#include "delivery/event_clock.h"
#include "search/syntax.h"
#include "tracking/tracking.h"

namespace millrace::api {
namespace {

template <typename List>
Json pairs(const List& list) {
  auto out = Json::object();
  for (const auto& item : list) out[item.key] = item.value;
  return out;
}

}  // namespace

Json to_json(const tracking::Experiment& experiment) {
  return {{"id", experiment.id},
          {"name", experiment.name},
          {"lifecycle_stage", tracking::to_text(experiment.lifecycle_stage)},
          {"creation_time", format_time(experiment.creation_time)},
          {"tags", pairs(experiment.tags)}};
}

Json to_json(const tracking::Run& run) {
  return {{"id", run.id},
          {"experiment_id", run.experiment_id},
          {"name", run.name},
          {"status", tracking::to_text(run.status)},
          {"start_time", format_time(run.start_time)},
          {"end_time", run.end_time ? Json(format_time(*run.end_time)) : Json(nullptr)},
          {"lifecycle_stage", tracking::to_text(run.lifecycle_stage)},
          {"params", pairs(run.params)},
          {"metrics", pairs(run.metrics)},
          {"tags", pairs(run.tags)}};
}

namespace {

using net::Request;

template <typename T>
Json to_page(const Page<T>& page) {
  auto items = Json::array();
  for (const auto& item : page.items) items.push_back(to_json(item));
  return page_json(std::move(items), page.next);
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

Result<Json> create_run(tracking::Store& tracking, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  tracking::NewRun run{.experiment = body.string("experiment").value_or("Default"),
                       .experiment_id = {},
                       .name = body.string("name").value_or(""),
                       .key = body.string("key").value_or(""),
                       .start_time = body.time("start_time"),
                       .user_id = {}};
  for (const auto& [key, value] : body.object("tags").items()) run.tags.push_back({key, text_of(value)});
  TRY(body.finish());
  return to_json(TRY(tracking.create_run(run)));
}

Result<tracking::Metric> metric_from(const Json& json) {
  Body body(json, "metrics[].");
  tracking::Metric metric{.key = body.required_string("key"),
                          .value = body.number("value").value_or(std::numeric_limits<double>::quiet_NaN()),
                          .timestamp = body.time("timestamp").value_or(Timestamp{}),
                          .step = body.integer("step").value_or(0)};
  TRY(body.finish());
  return metric;
}

// {"metrics": [{"key", "value", "timestamp", "step"}], "params": {...}, "tags": {...}}: all of it or nothing.
Result<Json> log_batch(tracking::Store& tracking, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  tracking::Batch batch;
  for (const auto& metric : body.array("metrics")) batch.metrics.push_back(TRY(metric_from(metric)));
  for (const auto& [key, value] : body.object("params").items()) batch.params.push_back({key, text_of(value)});
  for (const auto& [key, value] : body.object("tags").items()) batch.tags.push_back({key, text_of(value)});
  TRY(body.finish());
  TRY(tracking.log_batch(request.param("id"), batch));
  return to_json(TRY(tracking.find_run(request.param("id"))));
}

Result<Json> update_run(tracking::Store& tracking, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  tracking::RunUpdate update{.name = body.string("name"), .end_time = body.time("end_time")};
  if (auto status = body.string("status")) {
    tracking::RunStatus value{};
    if (!tracking::from_text(*status, value))
      return invalid_argument("status \"{}\" is not one of RUNNING, SCHEDULED, FINISHED, FAILED, KILLED", *status);
    update.status = value;
  }
  TRY(body.finish());
  return to_json(TRY(tracking.update_run(request.param("id"), update)));
}

// Of about a million points.
constexpr std::size_t kMostSeriesBytes = 16 << 20;

Result<Json> log_series(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  const auto series = TRY(read_series(request.body, services.clock.now()));
  TRY(services.tracking.log_series(request.param("id"), series));
  std::size_t points = 0;
  for (const auto& one : series) points += one.points.size();
  return Json{{"series", series.size()}, {"points", points}};
}

Result<tracking::View> view_query(const Request& request) {
  const std::string view = request.query("view").value_or("active");
  if (view == "active") return tracking::View::kActiveOnly;
  if (view == "deleted") return tracking::View::kDeletedOnly;
  if (view == "all") return tracking::View::kAll;
  return invalid_argument("view \"{}\" is not one of active, deleted, all", view);
}

// ?filter=, ?order_by= and ?view=, beside a page's own.
Result<tracking::Search> search_query(const Request& request, std::string_view default_order) {
  const PageRequest page = TRY(page_request(request));
  return tracking::Search{
      .filter = request.query("filter").value_or(""),
      .order_by = search::split_order_by(request.query("order_by").value_or(std::string(default_order))),
      .view = TRY(view_query(request)),
      .max_results = page.rows(),
      .page_token = page.after};
}

std::vector<std::string> comma_separated(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Result<Json> list_runs(tracking::Store& tracking, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "experiment_id", "filter", "order_by", "view", "fields"}));
  tracking::RunSearch wanted{TRY(search_query(request, ""))};
  if (const auto ids = request.query("experiment_id"); ids && !ids->empty())
    wanted.experiment_ids = comma_separated(*ids);
  if (const auto fields = request.query("fields"); fields && !fields->empty()) {
    wanted.fields = TRY(tracking::Projection::parse(comma_separated(*fields)));
  }
  return to_page(TRY(tracking.search_runs(wanted)));
}

Result<Json> list_experiments(tracking::Store& tracking, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "filter", "order_by", "view"}));
  return to_page(TRY(tracking.search_experiments(TRY(search_query(request, "experiment_id DESC")))));
}

Result<Json> metric_history(tracking::Store& tracking, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  auto wanted = TRY(page_request(request));
  auto key = request.param("key");
  TRY(tracking.find_run(request.param("id")));
  auto page = TRY(tracking.metric_history(request.param("id"), key, {.limit = wanted.rows(), .after = wanted.after}));
  auto items = Json::array();
  for (const auto& point : page.items)
    items.push_back(
        {{"key", key}, {"value", point.value}, {"timestamp", format_time(point.timestamp)}, {"step", point.step}});
  return page_json(std::move(items), page.next);
}

}  // namespace

void add_run_routes(net::Router& router, Services& services) {
  auto& tracking = services.tracking;
  router.add("GET", "/api/v1/experiments", Access::kRead,
             [&](const Request& request) { return answer(list_experiments(tracking, request)); });
  router.add("GET", "/api/v1/experiments/{id}", Access::kRead, [&](const Request& request) {
    return answer(tracking.find_experiment(request.param("id")),
                  [](const auto& experiment) { return to_json(experiment); });
  });
  router.add("GET", "/api/v1/runs", Access::kRead,
             [&](const Request& request) { return answer(list_runs(tracking, request)); });
  router.add("POST", "/api/v1/runs", Access::kWrite,
             [&](const Request& request) { return answer(create_run(tracking, request), 201); });
  router.add("GET", "/api/v1/runs/{id}", Access::kRead, [&](const Request& request) {
    return answer(tracking.find_run(request.param("id")), [](const auto& run) { return to_json(run); });
  });
  router.add("PATCH", "/api/v1/runs/{id}", Access::kWrite,
             [&](const Request& request) { return answer(update_run(tracking, request)); });
  router.add("POST", "/api/v1/runs/{id}/log", Access::kRecord,
             [&](const Request& request) { return answer(log_batch(tracking, request)); });
  router.add(
      "POST", "/api/v1/runs/{id}/series", Access::kRecord,
      [&](const Request& request) { return answer(log_series(services, request)); }, net::Lane::kBlocking,
      kMostSeriesBytes);
  router.add("GET", "/api/v1/runs/{id}/metrics/{key...}", Access::kRead,
             [&](const Request& request) { return answer(metric_history(tracking, request)); });
}

}  // namespace millrace::api
