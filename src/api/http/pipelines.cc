#include "pipelines/pipelines.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "base/suggest.h"
#include "delivery/event_clock.h"

namespace millrace::api {
namespace {

using net::Request;
using pipelines::Engine;

Json time_or_null(const std::optional<Timestamp>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }
Json parsed(const std::string& text) { return text.empty() ? Json(nullptr) : parse_json(text).value_or(Json(text)); }

Json to_json(const pipelines::PipelineSpec& spec) {
  auto params = Json::object();
  for (const auto& param : spec.params) params[param.name] = parsed(param.value);
  auto steps = Json::array();
  for (const auto& step : spec.steps) {
    auto needs = Json::array();
    for (auto index : step.needs) needs.push_back(spec.steps[index].name);
    steps.push_back(
        {{"name", step.name}, {"uses", step.uses}, {"run", step.run}, {"needs", needs}, {"outputs", step.outputs}});
  }
  return {{"name", spec.name}, {"description", spec.description}, {"params", params}, {"steps", steps}};
}

Json values(const std::map<std::string, pipelines::ResolvedInput>& inputs) {
  auto out = Json::object();
  for (const auto& [name, input] : inputs) out[name] = pipelines::resolved_input_json(input);
  return out;
}

Json to_json(const pipelines::StepRun& step) {
  return {{"name", step.name},
          {"status", pipelines::to_text(step.status)},
          {"attempts", step.attempts},
          {"cached_from", step.cached_from},
          {"inputs", values(step.inputs)},
          {"outputs", values(step.outputs)},
          {"result", parsed(step.result)},
          {"error", step.error},
          {"started", time_or_null(step.started)},
          {"finished", time_or_null(step.finished)}};
}

Json to_json(const pipelines::PipelineRun& run) {
  auto params = Json::object();
  for (const auto& [name, value] : run.params) params[name] = parsed(value);
  auto steps = Json::array();
  for (const auto& step : run.steps) steps.push_back(to_json(step));
  return {{"id", run.id},
          {"number", run.number},
          {"pipeline", run.pipeline},
          {"status", pipelines::to_text(run.status)},
          {"event_time", format_time(run.event_time)},
          {"cause", run.cause},
          {"error", run.error},
          {"params", std::move(params)},
          {"created", format_time(run.created)},
          {"started", time_or_null(run.started)},
          {"finished", time_or_null(run.finished)},
          {"steps", std::move(steps)}};
}

Result<Json> find_pipeline(Engine& engine, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& spec : engine.list_pipelines()) {
    if (spec.name == name) return to_json(spec);
    names.push_back(spec.name);
  }
  return not_found("pipeline \"{}\" does not exist{}", name, did_you_mean(name, names));
}

Result<Json> start_run(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  pipelines::StartRequest start{.pipeline = std::string(request.param("name")),
                                .params = {},
                                .key = body.string("key").value_or(services.ids.next()),
                                .event_time = services.clock.now(),
                                .cause = body.string("cause").value_or("manual")};
  for (const auto& [name, value] : body.object("params").items()) start.params[name] = dump_json(value);
  TRY(body.finish());
  return to_json(TRY(services.pipelines.find_run(TRY(services.pipelines.start_run(start)))));
}

Result<Json> list_runs(Engine& engine, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "pipeline", "status"}));
  pipelines::RunFilter filter{.pipeline = request.query("pipeline")};
  if (auto text = request.query("status")) {
    pipelines::RunStatus status{};
    if (!pipelines::from_text(*text, status))
      return invalid_argument("status \"{}\" is not one of queued, running, succeeded, failed, cancelled", *text);
    filter.status = status;
  }
  auto page = TRY(engine.list_runs(filter, TRY(page_request(request))));
  auto items = Json::array();
  for (const auto& run : page.items) items.push_back(to_json(run));
  return page_json(std::move(items), page.next);
}

Result<Json> cancel(Engine& engine, const Request& request) {
  std::string id(request.param("id"));
  TRY(engine.cancel_run(id));
  return to_json(TRY(engine.find_run(id)));
}

// {"text", "next", "complete"}: ask again from `next` while it is not complete.
Result<Json> read_log(Engine& engine, const Request& request) {
  TRY(only_queries(request, {"offset"}));
  auto offset = TRY(integer_query(request, "offset")).value_or(0);
  auto chunk = TRY(engine.read_log(std::string(request.param("id")), std::string(request.param("step")), offset));
  return Json{{"text", chunk.bytes}, {"next", chunk.next}, {"complete", chunk.complete}};
}

}  // namespace

void add_pipeline_routes(net::Router& router, Services& services) {
  auto& engine = services.pipelines;
  router.add("GET", "/api/v1/pipelines", Access::kRead, [&](const Request&) {
    auto items = Json::array();
    for (const auto& spec : engine.list_pipelines()) items.push_back(to_json(spec));
    return answer(page_json(std::move(items), {}));
  });
  router.add("GET", "/api/v1/pipelines/{name}", Access::kRead,
             [&](const Request& request) { return answer(find_pipeline(engine, request.param("name"))); });
  router.add("POST", "/api/v1/pipelines/{name}/runs", Access::kWrite,
             [&](const Request& request) { return answer(start_run(services, request), 201); });
  router.add("GET", "/api/v1/pipeline-runs", Access::kRead,
             [&](const Request& request) { return answer(list_runs(engine, request)); });
  router.add("GET", "/api/v1/pipeline-runs/{id}", Access::kRead, [&](const Request& request) {
    auto run = engine.find_run(std::string(request.param("id")));
    return answer(run, [](const auto& found) { return to_json(found); });
  });
  router.add("POST", "/api/v1/pipeline-runs/{id}/cancel", Access::kWrite,
             [&](const Request& request) { return answer(cancel(engine, request)); });
  router.add("GET", "/api/v1/pipeline-runs/{id}/steps/{step}/log", Access::kRead,
             [&](const Request& request) { return answer(read_log(engine, request)); });
}

}  // namespace millrace::api
