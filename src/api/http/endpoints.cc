#include <cmath>
#include <nlohmann/json.hpp>

#include "api/http/composition_json.h"
#include "api/http/resources.h"
#include "api/http/tensor_json.h"
#include "datasets/datasets.h"
#include "duck/duck.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "monitoring/monitoring.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Request;

Json optional_version(const std::optional<std::int64_t>& version) { return version ? Json(*version) : Json(nullptr); }

Json to_json(const serving::ArmStatus& arm) {
  return {{"name", arm.spec.name},
          {"alias", arm.spec.alias.empty() ? Json(nullptr) : Json(arm.spec.alias)},
          {"version", optional_version(arm.version)},
          {"problem", arm.problem},
          {"weight", arm.spec.weight},
          {"share", arm.share},
          {"trials", arm.evidence.trials},
          {"reward", arm.evidence.reward},
          {"predictions", arm.predictions},
          {"failures", arm.failures},
          {"p50_ms", arm.p50_seconds * 1000},
          {"p99_ms", arm.p99_seconds * 1000}};
}

Json to_json(const serving::ShadowStatus& shadow) {
  return {{"alias", shadow.alias},
          {"version", optional_version(shadow.version)},
          {"later", shadow.later},
          {"compared", shadow.compared},
          {"agreed", shadow.agreed},
          {"failures", shadow.failures},
          {"dropped", shadow.dropped},
          {"difference_mean", shadow.difference_mean},
          {"difference_p99", shadow.difference_p99},
          {"p50_ms", shadow.p50_seconds * 1000},
          {"p99_ms", shadow.p99_seconds * 1000}};
}

Json by_hand_json(const serving::RoutesInForce& in_force) {
  if (!in_force.by_hand) return nullptr;
  return {{"who", in_force.by_hand->who},
          {"reason", in_force.by_hand->reason},
          {"set_time", format_time(in_force.by_hand->set_time)}};
}

// What is in force, what the document says, and who set it aside.
Json routes_json(const serving::EndpointStatus& status) {
  return {{"endpoint", status.spec.name},
          {"routes", serving::to_json(status.in_force.routes)},
          {"declared", serving::to_json(status.spec.routes)},
          {"by_hand", by_hand_json(status.in_force)}};
}

Json to_json(const serving::EndpointStatus& status) {
  auto shadows = Json::array(), arms = Json::array();
  for (const auto& shadow : status.shadows) shadows.push_back(to_json(shadow));
  for (const auto& arm : status.arms) arms.push_back(to_json(arm));
  const auto& alias = status.in_force.routes.arms.front().alias;
  return {{"name", status.spec.name},
          {"description", status.spec.description},
          {"model", status.spec.composition ? Json(nullptr) : Json(status.spec.model)},
          {"composition", composition_json(status)},
          {"alias", alias.empty() ? Json(nullptr) : Json(alias)},
          {"features", status.spec.features ? Json(*status.spec.features) : Json(nullptr)},
          {"version", optional_version(status.version)},
          {"asleep", status.asleep},
          {"problem", status.problem},
          {"arms", std::move(arms)},
          {"routes", serving::to_json(status.in_force.routes)},
          {"routes_by_hand", by_hand_json(status.in_force)},
          {"shadows", std::move(shadows)},
          {"platform", status.platform},
          {"inputs", api::to_json(status.inputs)},
          {"outputs", api::to_json(status.outputs)},
          {"log", status.log},
          {"log_sample", status.spec.log.sample},
          {"predictions", status.predictions},
          {"failures", status.failures},
          {"p50_ms", status.p50_seconds * 1000},
          {"p99_ms", status.p99_seconds * 1000}};
}

Result<std::vector<serving::ArmWeight>> weights_of(const Json& object) {
  std::vector<serving::ArmWeight> weights;
  for (const auto& [arm, weight] : object.items()) {
    if (!weight.is_number()) return invalid_argument("the weight of arm {} must be a number", arm);
    weights.push_back({arm, weight.get<double>()});
  }
  return weights;
}

// {"weights": {"champion": 90, ...}, "reason"} changes those; {"routes": {...}, "reason"} changes all.
Result<Json> change_routes(serving::Endpoints& endpoints, const Request& request) {
  const std::string name(request.param("name"));
  auto body = TRY(Body::parse(request.body));
  const auto reason = body.required_string("reason");
  const auto weights = body.object("weights"), routes = body.object("routes");
  TRY(body.finish());
  if (weights.empty() == routes.empty()) return invalid_argument("give one of \"weights\" and \"routes\"");
  if (!weights.empty())
    TRY(endpoints.set_weights(name, TRY(weights_of(weights)), reason));
  else
    TRY(endpoints.set_routes(name, TRY(serving::parse_routes(dump_json(routes))), reason));
  return routes_json(TRY(endpoints.find(name)));
}

Result<Json> reset_routes(serving::Endpoints& endpoints, const Request& request) {
  const std::string name(request.param("name"));
  TRY(only_queries(request, {"reason"}));
  TRY(endpoints.reset_routes(name, request.query("reason").value_or("")));
  return routes_json(TRY(endpoints.find(name)));
}

double label_value(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

// {"labels": [{"id", "event_time", "value"}]}: all are kept, or none.
Result<Json> add_labels(Services& services, const Request& request) {
  std::string endpoint(request.param("name"));
  TRY(services.endpoints.find(endpoint));
  auto body = TRY(Body::parse(request.body));
  auto list = body.array("labels");
  TRY(body.finish());
  std::vector<monitoring::Label> labels;
  labels.reserve(list.size());
  for (const auto& item : list) {
    if (!item.is_object() || !item.contains("id") || !item["id"].is_string() || !item.contains("event_time") ||
        !item["event_time"].is_string())
      return invalid_argument("each of \"labels\" must be an object with \"id\", \"event_time\" and \"value\"");
    auto value = item.contains("value") ? label_value(item["value"]) : std::numeric_limits<double>::quiet_NaN();
    if (!std::isfinite(value))
      return invalid_argument("label \"{}\" needs \"value\", a number or a boolean",
                              item["id"].get_ref<const std::string&>());
    labels.push_back({.id = item["id"].get_ref<const std::string&>(),
                      .event_time = TRY(parse_time(item["event_time"].get_ref<const std::string&>())),
                      .value = value});
  }
  TRY(services.monitors.labels().add(endpoint, labels));
  return Json{{"labels", labels.size()}};
}

Result<Json> commit(Services& services, const Request& request) {
  std::string endpoint(request.param("name"));
  TRY(services.endpoints.find(endpoint));
  TRY(services.endpoints.commit_predictions(endpoint));
  TRY(services.monitors.labels().commit(endpoint));
  return Json{{"endpoint", endpoint}};
}

Json cell(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return nullptr;
  switch (column.type) {
    case duck::Type::kBoolean:
      return column.ints[row] != 0;
    case duck::Type::kBigint:
      return column.ints[row];
    case duck::Type::kDouble:
      return column.doubles[row];
    case duck::Type::kVarchar:
      return column.strings[row];
    case duck::Type::kTimestamp:
      return format_time({column.ints[row]});
  }
  return nullptr;
}

Result<Json> find_row(Services& services, const std::string& dataset, const std::string& id, std::string_view order) {
  auto version = services.datasets.version(dataset);
  if (!version) return Json(nullptr);
  auto connection = TRY(services.duck.connect());
  auto table = TRY(connection.query(
      fmt::format("select * from {} where id = ? order by event_time {} limit 1", datasets::scan_sql(*version), order),
      {id}));
  if (table.rows == 0) return Json(nullptr);
  auto out = Json::object();
  for (const auto& column : table.columns) out[column.name] = cell(column, 0);
  return out;
}

// The node of the lineage graph that an endpoint's version is.
std::string origin_of(const serving::EndpointStatus& status, std::int64_t version) {
  if (status.spec.composition) return serving::node_of_composition(status.spec.name, version);
  return fmt::format("model:{}/{}", status.spec.model, version);
}

// A logged prediction, its label, and what it came of: the model version, its run, the training set, the data.
Result<Json> find_prediction(Services& services, const Request& request) {
  std::string endpoint(request.param("name")), id(request.param("id"));
  auto status = TRY(services.endpoints.find(endpoint));
  TRY(services.endpoints.commit_predictions(endpoint));
  TRY(services.monitors.labels().commit(endpoint));
  auto row = TRY(find_row(services, status.log, id, "asc"));
  if (row.is_null()) return not_found("endpoint {} has answered no prediction \"{}\"", endpoint, id);
  auto label = TRY(find_row(services, monitoring::Labels::dataset_name(endpoint), id, "desc"));
  auto came_of = origin_of(status, row["version"].get<std::int64_t>());
  auto graph = services.lineage.walk(came_of, lineage::Direction::kUpstream);
  return Json{{"prediction", std::move(row)},
              {"label", std::move(label)},
              {"model_version", came_of},
              {"lineage", graph ? lineage::to_json(*graph) : Json(nullptr)}};
}

}  // namespace

void add_endpoint_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/endpoints", Access::kRead, [&](const Request&) {
    auto items = Json::array();
    for (const auto& status : services.endpoints.list()) items.push_back(to_json(status));
    return answer(page_json(std::move(items), {}));
  });
  router.add("GET", "/api/v1/endpoints/{name}", Access::kRead, [&](const Request& request) {
    return answer(services.endpoints.find(request.param("name")), [](const auto& status) { return to_json(status); });
  });
  router.add("GET", "/api/v1/endpoints/{name}/routes", Access::kRead, [&](const Request& request) {
    return answer(services.endpoints.find(request.param("name")),
                  [](const auto& status) { return routes_json(status); });
  });
  router.add("PATCH", "/api/v1/endpoints/{name}/routes", Access::kDeploy,
             [&](const Request& request) { return answer(change_routes(services.endpoints, request)); });
  router.add("DELETE", "/api/v1/endpoints/{name}/routes", Access::kDeploy,
             [&](const Request& request) { return answer(reset_routes(services.endpoints, request)); });
  router.add(
      "POST", "/api/v1/endpoints/{name}/labels", Access::kRecord,
      [&](const Request& request) { return answer(add_labels(services, request)); }, net::Lane::kInline);
  router.add("POST", "/api/v1/endpoints/{name}/commit", Access::kWrite,
             [&](const Request& request) { return answer(commit(services, request)); });
  router.add("POST", "/api/v1/endpoints/{name}/predictions", Access::kRecord, [&](const Request& request) {
    return answer(services.endpoints.take_predictions(request.param("name"), request.body),
                  [](std::int64_t rows) { return Json{{"rows", rows}}; });
  });
  router.add("GET", "/api/v1/endpoints/{name}/predictions/{id}", Access::kRead,
             [&](const Request& request) { return answer(find_prediction(services, request)); });
}

}  // namespace millrace::api
