#include "api/mlflow/model_source.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/mlflow/artifact_path.h"
#include "blob/blob.h"
#include "registry/describe.h"
#include "tracking/logged_models.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::string_view kPickleTag = "millrace.pickles";

std::unexpected<Error> not_of(std::string_view source, std::string_view id_name) {
  return invalid_argument(
      "Invalid model version source: '{}'. The {} request parameter must identify the resource that contains the "
      "source.",
      source, id_name);
}

// "runs:/x" and "runs:x" are "x" for the scheme "runs"; none where the URI has another, or names a host.
std::optional<std::string_view> after_scheme(std::string_view uri, std::string_view scheme) {
  if (!uri.starts_with(scheme) || uri.substr(scheme.size(), 1) != ":") return std::nullopt;
  auto path = uri.substr(scheme.size() + 1);
  if (path.starts_with("//")) return std::nullopt;
  if (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

bool is_local(std::string_view source) {
  const auto colon = source.find(':');
  if (colon == std::string_view::npos || colon < 2) return true;
  return source.substr(0, colon) == "file" || source.substr(0, colon).find('/') != std::string_view::npos;
}

bool lies_within(std::string_view uri, std::string_view root) {
  return uri == root || (uri.starts_with(root) && uri.substr(root.size()).starts_with('/'));
}

Result<ModelSource> of_logged_model(Services& services, const SourceRequest& request, std::string_view id) {
  id = id.substr(0, id.find('/'));
  if (!request.model_id.empty() && request.model_id != id) return not_of(request.source, "model_id");
  const auto model = TRY(services.logged_models.find(id));
  return ModelSource{.source = request.source,
                     .storage = model.artifact_uri,
                     .run_id = request.run_id.empty() ? model.source_run_id : request.run_id,
                     .model_id = std::string(id)};
}

Result<ModelSource> of_version(Services& services, const SourceRequest& request, std::string_view path) {
  const auto version = TRY(find_version_by_uri(services, path));
  const bool other_run = !request.run_id.empty() && request.run_id != version.run_id;
  const bool other_model = !request.model_id.empty() && request.model_id != version.model_id;
  if (other_run || other_model) {
    return invalid_argument(
        "Invalid model version source: '{}'. The run_id and model_id request parameters must match the referenced "
        "model version.",
        request.source);
  }
  return ModelSource{.source = fmt::format("models:/{}/{}", version.model, version.version),
                     .storage = version.location(),
                     .run_id = version.run_id,
                     .model_id = version.model_id};
}

Result<ModelSource> of_run(Services& services, const SourceRequest& request, std::string_view path) {
  const auto slash = path.find('/');
  const auto run_id = path.substr(0, slash);
  if (slash == std::string_view::npos || (!request.run_id.empty() && request.run_id != run_id)) {
    return not_of(request.source, "run_id");
  }
  const auto run = services.tracking.find_run(run_id);
  if (!run) return not_of(request.source, "run_id");
  const std::string below = TRY(safe_file_path(path.substr(slash + 1)));
  return ModelSource{.source = request.source,
                     .storage = fmt::format("{}/{}", run->artifact_uri, below),
                     .run_id = std::string(run_id),
                     .model_id = request.model_id};
}

// Only what its own run or logged model has: a path of the server's store says nothing about who may read it.
Result<ModelSource> of_artifacts(Services& services, const SourceRequest& request, std::string_view path) {
  const std::string uri = fmt::format("mlflow-artifacts:/{}", TRY(safe_file_path(path)));
  const bool by_model = !request.model_id.empty();
  if (!by_model && request.run_id.empty()) return not_of(request.source, "run_id");
  std::string root;
  if (by_model) {
    if (const auto model = services.logged_models.find(request.model_id)) root = model->artifact_uri;
  } else if (const auto run = services.tracking.find_run(request.run_id)) {
    root = run->artifact_uri;
  }
  if (root.empty() || !lies_within(uri, root)) return not_of(request.source, by_model ? "model_id" : "run_id");
  return ModelSource{.source = request.source, .storage = uri, .run_id = request.run_id, .model_id = request.model_id};
}

// Percent-encoded dots climb, too.
bool climbs(std::string_view source) {
  const auto colon = source.find(':');
  auto path = source.substr(colon + 1);
  while (path.starts_with('/')) path.remove_prefix(1);
  path = path.substr(0, path.find_first_of("?#"));
  return !safe_path(path).has_value();
}

}  // namespace

Result<ModelSource> resolve_source(Services& services, const SourceRequest& request) {
  if (is_local(request.source)) {
    return invalid_argument(
        "Invalid model version source: '{}'. To use a local path as a model version source, the run_id request "
        "parameter has to be specified and the local path has to be contained within the artifact directory of the "
        "run specified by the run_id.",
        request.source);
  }
  if (const auto path = after_scheme(request.source, "models")) {
    return path->starts_with("m-") ? of_logged_model(services, request, *path) : of_version(services, request, *path);
  }
  if (const auto path = after_scheme(request.source, "runs")) return of_run(services, request, *path);
  if (const auto path = after_scheme(request.source, "mlflow-artifacts")) return of_artifacts(services, request, *path);
  if (climbs(request.source)) {
    return invalid_argument(
        "Invalid model version source: '{}'. If supplying a source as an http, https, local file path, ftp, "
        "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references "
        "present. Please provide an absolute path.",
        request.source);
  }
  return ModelSource{.source = request.source, .storage = {}, .run_id = request.run_id, .model_id = request.model_id};
}

Result<registry::ModelVersion> find_version_by_uri(Services& services, std::string_view path) {
  if (const auto at = path.find('@'); at != std::string_view::npos) {
    return services.registry.find_alias(path.substr(0, at), path.substr(at + 1));
  }
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) {
    return invalid_argument("Not a proper models:/ URI: models:/{}. It is models:/NAME/VERSION or models:/NAME@ALIAS.",
                            path);
  }
  const auto name = path.substr(0, slash), which = path.substr(slash + 1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), number);
  if (error == std::errc() && end == which.data() + which.size()) return services.registry.find_version(name, number);
  std::vector<registry::Stage> stages;
  registry::Stage stage{};
  if (registry::from_text(which, stage)) stages.push_back(stage);
  auto latest = TRY(services.registry.latest_versions(name, stages));
  if (latest.empty() || (stages.empty() && which != "latest")) {
    return not_found("No versions of model with name '{}' and stage '{}' found", name, which);
  }
  return std::ranges::max(latest, {}, &registry::ModelVersion::version);
}

void describe(Services& services, registry::NewVersion& version) {
  const auto& uri = version.storage.empty() ? version.source : version.storage;
  if (uri.starts_with("file:") || !blob::key_of(uri)) return;
  const auto folder = services.blobs.local_path(uri);
  if (!folder) return;
  auto described = registry::describe_folder(*folder);
  version.folder = std::move(described.folder);
  if (version.signature.empty()) version.signature = std::move(described.signature);
  if (!version.folder.pickles.empty()) {
    version.tags.push_back({std::string(kPickleTag), fmt::format("{}", fmt::join(version.folder.pickles, ", "))});
  }
}

}  // namespace millrace::api::mlflow
