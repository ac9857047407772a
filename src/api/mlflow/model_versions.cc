#include <utility>

#include "api/mlflow/model_source.h"
#include "api/mlflow/read.h"
#include "api/mlflow/registry_messages.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "registry/registry.h"

namespace millrace::api::mlflow {

namespace {

constexpr int kDefaultResults = 10'000;
constexpr int kMostResults = 200'000;

Answer version_answer(const registry::ModelVersion& version) {
  return object([&](JsonWriter& out) {
    out.key("model_version");
    write(out, version);
  });
}

// The name and the number that nearly every request has.
struct VersionKey {
  std::string_view name;
  std::int64_t version = 0;

  explicit VersionKey(const Fields& in) : name(in.required_text("name")), version(read_version(in)) {}
  operator Subject() const { return {name, version}; }
};

Result<ModelSource> source_of(Services& services, const SourceRequest& request, bool is_prompt) {
  if (!is_prompt) return resolve_source(services, request);
  return ModelSource{.source = request.source, .storage = {}, .run_id = request.run_id, .model_id = request.model_id};
}

bool has_prompt_tag(const std::vector<registry::Tag>& tags) { return registry::Model{.tags = tags}.is_prompt(); }

Result<Answer> create_version(Services& services, Input& in) {
  registry::NewVersion version{.model = std::string(in.required_text("name")),
                               .run_link = owned(in.text("run_link")),
                               .user_id = owned(in.text("user_id")),
                               .description = owned(in.text("description")),
                               .tags = read_model_tags(in)};
  const SourceRequest request{.source = std::string(in.required_text("source")),
                              .run_id = owned(in.text("run_id")),
                              .model_id = owned(in.text("model_id"))};
  TRY(in.check());
  const auto source = TRY(source_of(services, request, has_prompt_tag(version.tags)));
  version.source = source.source;
  version.storage = source.storage;
  version.run_id = source.run_id;
  version.model_id = source.model_id;
  describe(services, version);
  return version_answer(TRY(worded(services.registry, services.registry.create_version(version), {version.model})));
}

Result<Answer> get_version(Services& services, Input& in) {
  const VersionKey key(in);
  TRY(in.check());
  return version_answer(TRY(worded(services.registry, services.registry.find_version(key.name, key.version), key)));
}

Result<Answer> update_version(Services& services, Input& in) {
  const VersionKey key(in);
  const auto description = in.text("description").value_or("");
  TRY(in.check());
  TRY(worded(services.registry, services.registry.set_version_description(key.name, key.version, description), key));
  return version_answer(TRY(services.registry.find_version(key.name, key.version)));
}

Result<Answer> transition_stage(Services& services, Input& in) {
  const VersionKey key(in);
  const auto text = in.required_text("stage");
  const bool archive = in.boolean("archive_existing_versions").value_or(false);
  TRY(in.check());
  registry::Stage stage{};
  if (!registry::from_text(text, stage)) {
    return invalid_argument(
        "Invalid Model Version stage: {}. Value must be one of None, Staging, Production, Archived.", text);
  }
  const auto others = archive ? registry::Others::kArchive : registry::Others::kStay;
  return version_answer(
      TRY(worded(services.registry, services.registry.set_stage(key.name, key.version, stage, others), key)));
}

Result<Answer> delete_version(Services& services, Input& in) {
  const VersionKey key(in);
  TRY(in.check());
  TRY(worded(services.registry, services.registry.delete_version(key.name, key.version), key));
  return Answer{};
}

Result<Answer> search_versions(Services& services, Input& in) {
  const auto request = TRY(read_search(in, kDefaultResults, kMostResults));
  TRY(in.check());
  const auto found = TRY(services.registry.search_versions(request));
  return object([&](JsonWriter& out) {
    out.list("model_versions", found.items, [&](const auto& version) { write(out, version); });
    if (!found.next.empty()) out.field("next_page_token", found.next);
  });
}

Result<Answer> get_download_uri(Services& services, Input& in) {
  const VersionKey key(in);
  TRY(in.check());
  const auto version = TRY(worded(services.registry, services.registry.find_version(key.name, key.version), key));
  return object([&](JsonWriter& out) { out.field("artifact_uri", version.location()); });
}

Result<Answer> set_tag(Services& services, Input& in) {
  const VersionKey key(in);
  const registry::Tag tag{std::string(in.required_text("key")), owned(in.text("value"))};
  TRY(in.check());
  TRY(worded(services.registry, services.registry.set_version_tag(key.name, key.version, tag), key));
  return Answer{};
}

// To delete a tag that is not there is no error for MLflow's client.
Result<Answer> delete_tag(Services& services, Input& in) {
  const VersionKey key(in);
  const auto tag = in.required_text("key");
  TRY(in.check());
  TRY(worded(services.registry, services.registry.find_version(key.name, key.version), key));
  const auto deleted = services.registry.delete_version_tag(key.name, key.version, tag);
  if (!deleted && deleted.error().code != Code::kNotFound) return std::unexpected(deleted.error());
  return Answer{};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/model-versions/create", create_version, Access::kWrite},
    {"PATCH", "/api/2.0/mlflow/model-versions/update", update_version, Access::kWrite},
    {"POST", "/api/2.0/mlflow/model-versions/transition-stage", transition_stage, Access::kDeploy},
    {"DELETE", "/api/2.0/mlflow/model-versions/delete", delete_version, Access::kDeploy},
    {"GET", "/api/2.0/mlflow/model-versions/get", get_version, Access::kRead},
    {"GET", "/api/2.0/mlflow/model-versions/search", search_versions, Access::kRead},
    {"GET", "/api/2.0/mlflow/model-versions/get-download-uri", get_download_uri, Access::kRead},
    {"POST", "/api/2.0/mlflow/model-versions/set-tag", set_tag, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/model-versions/delete-tag", delete_tag, Access::kWrite},
};

}  // namespace

void add_model_version_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
