#include <utility>

#include "api/mlflow/read.h"
#include "api/mlflow/registry_messages.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "registry/registry.h"

namespace millrace::api::mlflow {

namespace {

constexpr int kDefaultResults = 100;
constexpr int kMostResults = 1000;

Result<Answer> model_answer(Services& services, const registry::Model& model) {
  const auto latest = TRY(services.registry.latest_versions(std::vector{model}));
  return object([&](JsonWriter& out) {
    out.key("registered_model");
    write(out, model, latest.front());
  });
}

Result<Answer> create_model(Services& services, Input& in) {
  registry::NewModel model{.name = std::string(in.required_text("name")),
                           .description = owned(in.text("description")),
                           .tags = read_model_tags(in)};
  TRY(in.check());
  return model_answer(services, TRY(worded(services.registry, services.registry.create_model(model), {model.name})));
}

Result<Answer> rename_model(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const auto new_name = in.required_text("new_name");
  TRY(in.check());
  auto renamed = services.registry.rename_model(name, new_name);
  const bool taken = !renamed && renamed.error().code == Code::kAlreadyExists;
  return model_answer(services, TRY(worded(services.registry, std::move(renamed), {taken ? new_name : name})));
}

Result<Answer> update_model(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const auto description = in.text("description").value_or("");
  TRY(in.check());
  TRY(worded(services.registry, services.registry.set_description(name, description), {name}));
  return model_answer(services, TRY(services.registry.find_model(name)));
}

Result<Answer> delete_model(Services& services, Input& in) {
  const auto name = in.required_text("name");
  TRY(in.check());
  TRY(worded(services.registry, services.registry.delete_model(name), {name}));
  return Answer{};
}

Result<Answer> get_model(Services& services, Input& in) {
  const auto name = in.required_text("name");
  TRY(in.check());
  return model_answer(services, TRY(worded(services.registry, services.registry.find_model(name), {name})));
}

Result<Answer> search_models(Services& services, Input& in) {
  const auto request = TRY(read_search(in, kDefaultResults, kMostResults));
  TRY(in.check());
  const auto found = TRY(services.registry.search_models(request));
  const auto latest = TRY(services.registry.latest_versions(found.items));
  return object([&](JsonWriter& out) {
    std::size_t i = 0;
    out.list("registered_models", found.items, [&](const auto& model) { write(out, model, latest[i++]); });
    if (!found.next.empty()) out.field("next_page_token", found.next);
  });
}

Result<Answer> get_latest_versions(Services& services, Input& in) {
  const auto name = in.required_text("name");
  std::vector<registry::Stage> stages;
  for (const auto text : in.texts("stages")) {
    registry::Stage stage{};
    if (!registry::from_text(text, stage)) {
      return invalid_argument(
          "Invalid Model Version stage: {}. Value must be one of None, Staging, Production, Archived.", text);
    }
    stages.push_back(stage);
  }
  TRY(in.check());
  const auto latest = TRY(worded(services.registry, services.registry.latest_versions(name, stages), {name}));
  return object(
      [&](JsonWriter& out) { out.list("model_versions", latest, [&](const auto& version) { write(out, version); }); });
}

Result<Answer> set_tag(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const registry::Tag tag{std::string(in.required_text("key")), owned(in.text("value"))};
  TRY(in.check());
  TRY(worded(services.registry, services.registry.set_tag(name, tag), {name}));
  return Answer{};
}

// To delete what is not there is no error for MLflow's client.
Result<void> passing_over(Result<void> deleted, bool is_there) {
  if (!deleted && deleted.error().code == Code::kNotFound && is_there) return {};
  return deleted;
}

Result<Answer> delete_tag(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const auto key = in.required_text("key");
  TRY(in.check());
  const bool is_there = services.registry.find_model(name).has_value();
  TRY(worded(services.registry, passing_over(services.registry.delete_tag(name, key), is_there), {name}));
  return Answer{};
}

Result<Answer> set_alias(Services& services, Input& in) {
  registry::SetAlias change{.model = std::string(in.required_text("name")),
                            .alias = std::string(in.required_text("alias")),
                            .version = read_version(in),
                            .reason = "set by an MLflow client",
                            .pipeline_run = {},
                            .expected_previous = {}};
  TRY(in.check());
  TRY(worded(services.registry, services.registry.set_alias(change), {change.model, change.version}));
  return Answer{};
}

Result<Answer> delete_alias(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const auto alias = in.required_text("alias");
  TRY(in.check());
  const bool is_there = services.registry.find_model(name).has_value();
  auto deleted = services.registry.delete_alias(name, alias, "deleted by an MLflow client");
  TRY(worded(services.registry, passing_over(std::move(deleted), is_there), {name}));
  return Answer{};
}

Result<Answer> get_by_alias(Services& services, Input& in) {
  const auto name = in.required_text("name");
  const auto alias = in.required_text("alias");
  TRY(in.check());
  TRY(worded(services.registry, services.registry.find_model(name), {name}));
  const auto version = services.registry.find_alias(name, alias);
  if (!version) return invalid_argument("Registered model alias {} not found.", alias);
  return object([&](JsonWriter& out) {
    out.key("model_version");
    write(out, *version);
  });
}

constexpr std::string_view kAlias = "/api/2.0/mlflow/registered-models/alias";
constexpr std::string_view kLatest = "/api/2.0/mlflow/registered-models/get-latest-versions";
constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/registered-models/create", create_model, Access::kWrite},
    {"POST", "/api/2.0/mlflow/registered-models/rename", rename_model, Access::kDeploy},
    {"PATCH", "/api/2.0/mlflow/registered-models/update", update_model, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/registered-models/delete", delete_model, Access::kDeploy},
    {"GET", "/api/2.0/mlflow/registered-models/get", get_model, Access::kRead},
    {"GET", "/api/2.0/mlflow/registered-models/search", search_models, Access::kRead},
    {"POST", kLatest, get_latest_versions, Access::kRead},
    {"GET", kLatest, get_latest_versions, Access::kRead},
    {"POST", "/api/2.0/mlflow/registered-models/set-tag", set_tag, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/registered-models/delete-tag", delete_tag, Access::kWrite},
    {"POST", kAlias, set_alias, Access::kDeploy},
    {"DELETE", kAlias, delete_alias, Access::kDeploy},
    {"GET", kAlias, get_by_alias, Access::kRead},
};

}  // namespace

void add_registered_model_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
