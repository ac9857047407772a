#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "api/mlflow/model_source.h"
#include "base/suggest.h"
#include "registry/registry.h"

namespace millrace::api {
namespace {

using net::Request;

Json to_json(const std::vector<registry::Tag>& tags) {
  auto out = Json::object();
  for (const auto& tag : tags) out[tag.key] = tag.value;
  return out;
}

Json to_json(const registry::Model& model) {
  auto aliases = Json::object();
  for (const auto& alias : model.aliases) aliases[alias.name] = alias.version;
  return {{"name", model.name},
          {"description", model.description},
          {"creation_time", format_time(model.creation_time)},
          {"last_updated_time", format_time(model.last_updated_time)},
          {"aliases", std::move(aliases)},
          {"tags", to_json(model.tags)}};
}

Json to_json(const registry::ModelVersion& version) {
  return {{"model", version.model},
          {"version", version.version},
          {"source", version.source},
          {"run_id", version.run_id},
          {"stage", to_text(version.stage)},
          {"flavors", version.folder.flavors},
          {"input_example", version.folder.input_example},
          {"pickles", version.folder.pickles},
          {"signature", version.signature.empty() ? Json(nullptr) : parse_json(version.signature).value_or(nullptr)},
          {"description", version.description},
          {"pipeline_run", version.pipeline_run},
          {"creation_time", format_time(version.creation_time)},
          {"last_updated_time", format_time(version.last_updated_time)},
          {"aliases", version.aliases},
          {"tags", to_json(version.tags)}};
}

Json optional_version(const std::optional<std::int64_t>& version) { return version ? Json(*version) : Json(nullptr); }

Json to_json(const registry::AliasChange& change) {
  return {{"model", change.model},
          {"alias", change.alias},
          {"version", optional_version(change.version)},
          {"previous", optional_version(change.previous)},
          {"reason", change.reason},
          {"pipeline_run", change.pipeline_run},
          {"event_time", format_time(change.event_time)}};
}

template <typename T>
Json to_page(const Page<T>& page) {
  auto items = Json::array();
  for (const auto& item : page.items) items.push_back(to_json(item));
  return page_json(std::move(items), page.next);
}

// The names that a request may have meant: of models, or where the model is there, of its aliases.
Result<std::vector<std::string>> names_near(registry::Store& registry, const Request& request) {
  std::vector<std::string> names;
  if (auto model = registry.find_model(request.param("name"))) {
    for (const auto& alias : model->aliases) names.push_back(alias.name);
    return names;
  }
  for (const auto& model : TRY(registry.list_models({.limit = 1000})).items) names.push_back(model.name);
  return names;
}

// The answer; where a model or an alias is not there, with the nearest name that is.
net::Response answer_with_nearest(registry::Store& registry, const Request& request, Result<Json> result) {
  if (result || result.error().code != Code::kNotFound) return answer(result);
  auto asked = registry.find_model(request.param("name")) ? request.param("alias") : request.param("name");
  auto error = result.error();
  if (auto names = names_near(registry, request); names && !asked.empty()) error.message += did_you_mean(asked, *names);
  return answer(error);
}

Result<std::int64_t> version_of(const Request& request) {
  auto text = request.param("version");
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    return invalid_argument("\"{}\" is not a model version; versions are 1, 2, 3...", text);
  return number;
}

Result<Json> list_models(registry::Store& registry, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  return to_page(TRY(registry.list_models(TRY(page_request(request)))));
}

Result<Json> list_versions(registry::Store& registry, const Request& request) {
  TRY(only_queries(request, {"limit", "after"}));
  return to_page(TRY(registry.list_versions(request.param("name"), TRY(page_request(request)))));
}

Result<Json> find_version(registry::Store& registry, const Request& request) {
  return to_json(TRY(registry.find_version(request.param("name"), TRY(version_of(request)))));
}

Result<Json> find_model(registry::Store& registry, const Request& request) {
  return to_json(TRY(registry.find_model(request.param("name"))));
}

Result<Json> find_alias(registry::Store& registry, const Request& request) {
  return to_json(TRY(registry.find_alias(request.param("name"), request.param("alias"))));
}

Result<Json> create_version(Services& services, const Request& request) {
  auto& registry = services.registry;
  auto body = TRY(Body::parse(request.body));
  registry::NewVersion version{.model = std::string(request.param("name")),
                               .source = body.required_string("source"),
                               .run_id = body.string("run_id").value_or(""),
                               .signature = {},
                               .description = body.string("description").value_or(""),
                               .pipeline_run = body.string("pipeline_run").value_or(""),
                               .key = body.string("key").value_or("")};
  if (auto signature = body.object("signature"); !signature.empty()) version.signature = dump_json(signature);
  for (const auto& [key, value] : body.object("tags").items())
    version.tags.push_back({key, value.is_string() ? value.get<std::string>() : dump_json(value)});
  for (const auto& node : body.array("derived_from")) {
    if (!node.is_string()) return invalid_argument("\"derived_from\" must be a list of strings");
    version.derived_from.push_back(node.get<std::string>());
  }
  TRY(body.finish());
  TRY(registry.ensure_model(version.model));
  mlflow::describe(services, version);
  return to_json(TRY(registry.create_version(version)));
}

Result<Json> set_alias(registry::Store& registry, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  registry::SetAlias change{.model = std::string(request.param("name")),
                            .alias = std::string(request.param("alias")),
                            .version = body.integer("version").value_or(0),
                            .reason = body.string("reason").value_or(""),
                            .pipeline_run = body.string("pipeline_run").value_or(""),
                            .expected_previous = body.integer("expected_previous")};
  TRY(body.finish());
  if (change.version < 1) return invalid_argument("\"version\" must be a whole number of at least 1");
  TRY(registry.set_alias(change));
  return to_json(TRY(registry.find_alias(change.model, change.alias)));
}

Result<Json> alias_history(registry::Store& registry, const Request& request) {
  TRY(only_queries(request, {"limit", "after", "alias"}));
  TRY(registry.find_model(request.param("name")));
  return to_page(TRY(
      registry.alias_history(request.param("name"), request.query("alias").value_or(""), TRY(page_request(request)))));
}

Result<Json> set_tags(registry::Store& registry, const Request& request) {
  auto version = TRY(version_of(request));
  auto body = TRY(parse_json(request.body));
  if (!body.is_object()) return invalid_argument("the body must be a JSON object of tags");
  for (const auto& [key, value] : body.items())
    TRY(registry.set_version_tag(request.param("name"), version,
                                 {key, value.is_string() ? value.get<std::string>() : dump_json(value)}));
  return to_json(TRY(registry.find_version(request.param("name"), version)));
}

}  // namespace

void add_model_routes(net::Router& router, Services& services) {
  auto& registry = services.registry;
  router.add("GET", "/api/v1/models", Access::kRead,
             [&](const Request& request) { return answer(list_models(registry, request)); });
  router.add("GET", "/api/v1/models/{name}", Access::kRead, [&](const Request& request) {
    return answer_with_nearest(registry, request, find_model(registry, request));
  });
  router.add("GET", "/api/v1/models/{name}/versions", Access::kRead,
             [&](const Request& request) { return answer(list_versions(registry, request)); });
  router.add("POST", "/api/v1/models/{name}/versions", Access::kWrite,
             [&](const Request& request) { return answer(create_version(services, request), 201); });
  router.add("GET", "/api/v1/models/{name}/versions/{version}", Access::kRead, [&](const Request& request) {
    return answer_with_nearest(registry, request, find_version(registry, request));
  });
  router.add("PATCH", "/api/v1/models/{name}/versions/{version}/tags", Access::kWrite,
             [&](const Request& request) { return answer(set_tags(registry, request)); });
  router.add("GET", "/api/v1/models/{name}/aliases/{alias}", Access::kRead, [&](const Request& request) {
    return answer_with_nearest(registry, request, find_alias(registry, request));
  });
  router.add("PUT", "/api/v1/models/{name}/aliases/{alias}", Access::kDeploy,
             [&](const Request& request) { return answer(set_alias(registry, request)); });
  router.add("GET", "/api/v1/models/{name}/alias-history", Access::kRead,
             [&](const Request& request) { return answer(alias_history(registry, request)); });
}

}  // namespace millrace::api
