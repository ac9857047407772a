#include "api/http/model_repository.h"

#include <nlohmann/json.hpp>

#include "api/http/model_config.h"
#include "api/http/oip_error.h"
#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Request;
using net::Response;
using serving::Endpoints;
using serving::EndpointStatus;

// Each version of an endpoint once, whatever its arms.
std::map<std::int64_t, serving::RequestTotals> versions_of(const EndpointStatus& status) {
  std::map<std::int64_t, serving::RequestTotals> versions;
  for (const auto& arm : status.arms)
    if (arm.version) versions.emplace(*arm.version, arm.requests);
  return versions;
}

// kNotFound where the endpoint does not serve the version that the path names.
Result<EndpointStatus> find_model(const Endpoints& endpoints, const Request& request) {
  auto wanted = TRY(version_of(request));
  auto status = TRY(endpoints.find(request.param("name")));
  if (wanted && !serving::serves_version(status, *wanted))
    return not_found("model {} does not serve version {}", status.spec.name, *wanted);
  return status;
}

Result<Json> config(const Endpoints& endpoints, const Request& request) {
  auto status = TRY(find_model(endpoints, request));
  if (!status.version) return unavailable("model {} is not ready: {}", status.spec.name, status.problem);
  return model_config(status);
}

void add_statistics(const EndpointStatus& status, std::optional<std::int64_t> wanted, Json& list) {
  for (const auto& [version, totals] : versions_of(status))
    if (!wanted || version == *wanted) list.push_back(model_statistics(status.spec.name, version, totals));
}

Result<Json> statistics(const Endpoints& endpoints, const Request& request) {
  auto list = Json::array();
  add_statistics(TRY(find_model(endpoints, request)), TRY(version_of(request)), list);
  return Json{{"model_stats", std::move(list)}};
}

Json all_statistics(const Endpoints& endpoints) {
  auto list = Json::array();
  for (const auto& status : endpoints.list()) add_statistics(status, std::nullopt, list);
  return {{"model_stats", std::move(list)}};
}

// {"ready": true} lists only what answers.
Result<Json> index(const Endpoints& endpoints, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto only_ready = body.boolean("ready").value_or(false);
  TRY(body.finish());
  auto list = Json::array();
  for (const auto& status : endpoints.list()) {
    for (const auto& [version, totals] : versions_of(status))
      list.push_back(
          {{"name", status.spec.name}, {"version", std::to_string(version)}, {"state", "READY"}, {"reason", ""}});
    if (!status.version && !only_ready)
      list.push_back({{"name", status.spec.name}, {"state", "UNAVAILABLE"}, {"reason", status.problem}});
  }
  return list;
}

Result<void> check_load(const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto parameters = body.object("parameters");
  TRY(body.finish());
  for (const auto& [name, value] : parameters.items()) TRY(check_load_parameter(name));
  return {};
}

Response done(const Result<void>& result) {
  return result ? Response{.content_type = "", .body = ""} : oip_error(result.error());
}

Response load(Endpoints& endpoints, const Request& request) {
  auto checked = check_load(request);
  return done(checked ? endpoints.load(request.param("name")) : checked);
}

Response missing(std::string_view what) {
  return oip_error(fail(Code::kUnimplemented, "millrace has no {}", what).error());
}

}  // namespace

Result<void> check_load_parameter(std::string_view name) {
  if (name != "config" && !name.starts_with("file:")) return {};
  return fail(Code::kUnimplemented,
              "the parameter \"{}\" is not taken: an endpoint is what its document says; apply a project", name);
}

void add_repository_routes(net::Router& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  auto config_handler = [&endpoints](const Request& request) { return oip_answer(config(endpoints, request)); };
  auto statistics_handler = [&endpoints](const Request& request) { return oip_answer(statistics(endpoints, request)); };
  auto no_logging = [](const Request&) { return missing("change of log settings at run time"); };
  auto no_tracing = [](const Request&) { return missing("tracing of single requests"); };
  router.add("GET", "/v2/models/{name}/config", Access::kPredict, config_handler);
  router.add("GET", "/v2/models/{name}/versions/{version}/config", Access::kPredict, config_handler);
  router.add("GET", "/v2/models/{name}/stats", Access::kPredict, statistics_handler);
  router.add("GET", "/v2/models/{name}/versions/{version}/stats", Access::kPredict, statistics_handler);
  router.add("GET", "/v2/models/stats", Access::kPredict,
             [&endpoints](const Request&) { return answer(all_statistics(endpoints)); });
  router.add("POST", "/v2/repository/index", Access::kPredict,
             [&endpoints](const Request& request) { return oip_answer(index(endpoints, request)); });
  router.add("GET", "/v2/logging", Access::kPredict, no_logging);
  router.add("POST", "/v2/logging", Access::kDeploy, no_logging);
  router.add("GET", "/v2/trace/setting", Access::kPredict, no_tracing);
  router.add("POST", "/v2/trace/setting", Access::kDeploy, no_tracing);
  router.add("GET", "/v2/models/{name}/trace/setting", Access::kPredict, no_tracing);
  router.add("POST", "/v2/models/{name}/trace/setting", Access::kDeploy, no_tracing);
}

void add_repository_change_routes(net::Router& router, Endpoints& endpoints) {
  router.add("POST", "/v2/repository/models/{name}/load", Access::kDeploy,
             [&endpoints](const Request& request) { return load(endpoints, request); });
  router.add("POST", "/v2/repository/models/{name}/unload", Access::kDeploy,
             [&endpoints](const Request& request) { return done(endpoints.unload(request.param("name"))); });
}

}  // namespace millrace::api
