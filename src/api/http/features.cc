#include "features/features.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "base/suggest.h"
#include "delivery/event_clock.h"
#include "features/live.h"

namespace millrace::api {
namespace {

using features::Live;
using net::Request;

Json to_json(const features::FeatureViewSpec& view) {
  auto entities = Json::array();
  for (const auto& entity : view.entities) entities.push_back(entity.name);
  auto list = Json::array();
  for (const auto& feature : view.features)
    list.push_back({{"name", feature.name},
                    {"description", feature.description},
                    {"sql", feature.sql},
                    {"aggregate", features::aggregate_name(feature.aggregate)},
                    {"window", feature.window == Duration{0} ? Json(nullptr) : Json(format_duration(feature.window))}});
  return {{"name", view.name},
          {"description", view.description},
          {"source", view.source.name},
          {"entities", std::move(entities)},
          {"ttl", view.ttl ? Json(format_duration(*view.ttl)) : Json(nullptr)},
          {"where", view.where},
          {"features", std::move(list)}};
}

Result<Json> to_json(const features::Definitions& definitions, const features::FeatureServiceSpec& service) {
  auto resolved = TRY(definitions.resolve(service.name));
  auto inputs = Json::array();
  for (const auto& input : resolved->inputs)
    inputs.push_back({{"name", input.name}, {"type", sql::type_name(input.type)}, {"entity", input.is_entity}});
  return Json{{"name", service.name},
              {"description", service.description},
              {"inputs", std::move(inputs)},
              {"features", resolved->features},
              {"hash", resolved->hash}};
}

Json list_views(const Live& live) {
  auto items = Json::array();
  if (auto definitions = live.definitions())
    for (const auto& view : definitions->views()) items.push_back(to_json(view));
  return page_json(std::move(items), {});
}

Result<Json> find_view(const Live& live, std::string_view name) {
  std::vector<std::string> names;
  if (auto definitions = live.definitions())
    for (const auto& view : definitions->views()) {
      if (view.name == name) return to_json(view);
      names.push_back(view.name);
    }
  return not_found("feature view \"{}\" does not exist{}", name, did_you_mean(name, names));
}

Result<Json> list_services(const Live& live) {
  auto items = Json::array();
  if (auto definitions = live.definitions())
    for (const auto& service : definitions->services()) items.push_back(TRY(to_json(*definitions, service)));
  return page_json(std::move(items), {});
}

Result<Json> find_service(const Live& live, std::string_view name) {
  std::vector<std::string> names;
  if (auto definitions = live.definitions())
    for (const auto& service : definitions->services()) {
      if (service.name == name) return to_json(*definitions, service);
      names.push_back(service.name);
    }
  return not_found("feature service \"{}\" does not exist{}", name, did_you_mean(name, names));
}

Result<sql::Value> to_value(const Json& json, const features::InputColumn& input) {
  if (json.is_null()) return sql::Value::null();
  auto wrong = [&] { return invalid_argument("input \"{}\" must be a {}", input.name, sql::type_name(input.type)); };
  switch (input.type) {
    case sql::Type::kVarchar:
      return json.is_string() ? Result<sql::Value>(sql::Value::of(std::string_view(json.get_ref<const std::string&>())))
                              : wrong();
    case sql::Type::kBigint:
      return json.is_number_integer() ? Result<sql::Value>(sql::Value::of(json.get<std::int64_t>())) : wrong();
    case sql::Type::kDouble:
      return json.is_number() ? Result<sql::Value>(sql::Value::of(json.get<double>())) : wrong();
    case sql::Type::kBoolean:
      return json.is_boolean() ? Result<sql::Value>(sql::Value::of(json.get<bool>())) : wrong();
    case sql::Type::kTimestamp:
      return json.is_string() ? Result<sql::Value>(sql::Value::of(TRY(parse_time(json.get<std::string>())).us))
                              : wrong();
  }
  return wrong();
}

// {"inputs": {"origin": "ORD", ...}, "event_time": T}: the vector as of that moment.
Result<Json> online(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  auto given = body.object("inputs");
  auto moment = body.time("event_time").value_or(services.clock.now());
  TRY(body.finish());
  auto plan = TRY(services.features.plan(request.param("name")));
  std::vector<sql::Value> values;
  for (const auto& input : plan->inputs()) {
    if (!given.contains(input.name)) return invalid_argument("\"inputs\" lacks \"{}\"", input.name);
    values.push_back(TRY(to_value(given[input.name], input)));
  }
  features::online::LookupScratch scratch;
  std::vector<double> vector(plan->features().size());
  plan->lookup(values, moment, scratch, vector);
  auto out = Json::object();
  for (std::size_t i = 0; i < vector.size(); ++i)
    out[plan->features()[i]] = std::isfinite(vector[i]) ? Json(vector[i]) : Json(nullptr);
  return Json{{"event_time", format_time(moment)}, {"features", std::move(out)}};
}

// One that JSON has no number for stands as text.
Json readable(Json json) {
  if (json == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (json == "Infinity") return std::numeric_limits<double>::infinity();
  if (json == "-Infinity") return -std::numeric_limits<double>::infinity();
  return json;
}

// As an endpoint has it from a request: moments are microseconds, and truths 0 or 1.
Result<sql::Value> to_plain_value(const Json& json, const features::InputColumn& input) {
  const bool whole = json.is_number_integer();
  if ((input.type == sql::Type::kTimestamp || input.type == sql::Type::kBoolean) && whole)
    return sql::Value::of(json.get<std::int64_t>());
  return to_value(json, input);
}

// What the vectors of several rows are made of; the rows outlive it.
struct Rows {
  std::vector<std::vector<sql::Value>> rows;
  Timestamp moment;
};

Result<Rows> read_rows(Json& list, Timestamp moment, const std::vector<features::InputColumn>& inputs) {
  Rows read{.moment = moment};
  for (Json& row : list) {
    if (!row.is_array() || row.size() != inputs.size())
      return invalid_argument("each of \"rows\" must be a list of {} values", inputs.size());
    auto& values = read.rows.emplace_back();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].type == sql::Type::kDouble) row[i] = readable(std::move(row[i]));
      values.push_back(TRY(to_plain_value(row[i], inputs[i])));
    }
  }
  return read;
}

// {"event_time_us": T, "rows": [[...], ...]}, the values in the service's order: all vectors, to the bit, as
// little-endian doubles.
Result<net::Response> vectors(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto moment = body.integer("event_time_us");
  auto list = body.array("rows");
  TRY(body.finish());
  const auto plan = TRY(services.features.plan(request.param("name")));
  const auto read = TRY(read_rows(list, moment ? Timestamp{*moment} : services.clock.now(), plan->inputs()));
  features::online::LookupScratch scratch;
  std::vector<double> out(plan->features().size());
  net::Response response{.content_type = "application/octet-stream"};
  for (const auto& row : read.rows) {
    plan->lookup(row, read.moment, scratch, out);
    response.body.append(reinterpret_cast<const char*>(out.data()), out.size() * sizeof(double));
  }
  return response;
}

}  // namespace

void add_feature_routes(net::Router& router, Services& services) {
  auto& live = services.features;
  router.add("GET", "/api/v1/feature-views", Access::kRead, [&](const Request&) { return answer(list_views(live)); });
  router.add("GET", "/api/v1/feature-views/{name}", Access::kRead,
             [&](const Request& request) { return answer(find_view(live, request.param("name"))); });
  router.add("GET", "/api/v1/feature-services", Access::kRead,
             [&](const Request&) { return answer(list_services(live)); });
  router.add("GET", "/api/v1/feature-services/{name}", Access::kRead,
             [&](const Request& request) { return answer(find_service(live, request.param("name"))); });
  router.add("POST", "/api/v1/feature-services/{name}/online", Access::kPredict,
             [&](const Request& request) { return answer(online(services, request)); });
  router.add("POST", "/api/v1/feature-services/{name}/vectors", Access::kPredict, [&](const Request& request) {
    auto made = vectors(services, request);
    return made ? std::move(*made) : answer(made.error());
  });
}

}  // namespace millrace::api
