#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "blob/blob.h"
#include "delivery/event_clock.h"
#include "transfer/home_source.h"
#include "transfer/intake.h"
#include "transfer/wire.h"

// Records that were made elsewhere, each taken whole and under the id that it has there (docs/formats/records.md). All
// of it may be told again.
namespace millrace::api {
namespace {

using net::Request;

constexpr std::string_view kOwnArtifacts = "mlflow-artifacts:/";

transfer::Intake::Parts parts(Services& services) {
  return {.database = services.db,
          .blobs = services.blobs,
          .tracking = services.tracking,
          .logged_models = services.logged_models,
          .traces = services.traces,
          .evaluation_datasets = services.evaluation_datasets,
          .registry = services.registry,
          .lineage = services.lineage,
          .clock = services.clock,
          .events = &services.events};
}

transfer::Intake intake(Services& services) { return transfer::Intake(parts(services)); }
transfer::HomeSource source(Services& services) { return transfer::HomeSource(parts(services)); }

template <typename Record>
Result<Record> record_of(const Request& request) {
  Record record;
  TRY(transfer::from_json(TRY(parse_json(request.body)), record));
  return record;
}

std::string id_of(const Request& request) { return std::string(request.param("id")); }

// Where the path names a record, the record is that one.
Result<void> same_id(const Request& request, const std::string& id) {
  if (id_of(request) == id) return {};
  return invalid_argument("the path says \"{}\" and the record \"{}\"", id_of(request), id);
}

// Where artifacts are is this server's to say: a client could name any file of its disk.
Result<void> no_artifact_uri(const std::string& uri) {
  if (uri.empty()) return {};
  return invalid_argument("artifact_uri \"{}\" cannot be given; the server answers where the artifacts are", uri);
}

Result<transfer::Kind> kind_of(const std::string& text) {
  transfer::Kind kind{};
  if (!from_text(text, kind)) return invalid_argument("\"{}\" is no kind of record", text);
  return kind;
}

Result<Json> list_fingerprints(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto kind = body.required_string("kind");
  const auto ids = body.any("ids");
  TRY(body.finish());
  if (!ids.is_array()) return invalid_argument("ids must be a list of texts");
  if (ids.size() > transfer::kMostAsked) return invalid_argument("at most {} ids at once", transfer::kMostAsked);
  std::vector<std::string> wanted;
  for (const auto& id : ids) {
    if (!id.is_string()) return invalid_argument("ids must be texts");
    wanted.push_back(id);
  }
  auto found = Json::object();
  for (const auto& [id, fingerprint] : TRY(intake(services).fingerprints(TRY(kind_of(kind)), wanted))) {
    found[id] = fingerprint;
  }
  return Json{{"fingerprints", std::move(found)}};
}

Result<Json> put_fingerprint(Services& services, const Request& request) {
  auto body = TRY(Body::parse(request.body));
  const auto kind = body.required_string("kind");
  const auto id = body.required_string("id");
  const auto fingerprint = body.required_string("fingerprint");
  TRY(body.finish());
  TRY(intake(services).remember(TRY(kind_of(kind)), id, fingerprint));
  return Json{{"id", id}, {"fingerprint", fingerprint}};
}

Result<Json> put_experiment(Services& services, const Request& request) {
  auto experiment = TRY(record_of<tracking::Experiment>(request));
  if (!experiment.artifact_location.empty()) return invalid_argument("artifact_location cannot be given here");
  experiment.id.clear();
  return Json{{"id", TRY(intake(services).put_experiment(experiment))}};
}

template <typename Items>
Json items_of(const Items& items) {
  auto list = Json::array();
  for (const auto& item : items) list.push_back(transfer::to_json(item));
  return {{"items", std::move(list)}, {"next", nullptr}};
}

// ?NAME=, which must be there, and nothing else.
Result<std::string> only_query(const Request& request, const char* name) {
  TRY(only_queries(request, {name}));
  const auto value = request.query(name);
  if (!value) return invalid_argument("the query parameter {} is missing", name);
  return *value;
}

Result<Json> list_experiments(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return items_of(TRY(source(services).experiments()));
}

using ListIds = Result<std::vector<std::string>> (transfer::HomeSource::*)(const std::string& experiment_id);

// All ids of an experiment's.
template <ListIds list>
Result<Json> list_ids(Services& services, const Request& request) {
  const auto experiment = TRY(only_query(request, "experiment_id"));
  TRY(services.tracking.find_experiment(experiment));
  auto home = source(services);
  return Json{{"items", TRY((home.*list)(experiment))}, {"next", nullptr}};
}

Result<Json> get_run(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  auto home = source(services);
  const auto points = TRY(home.count_points(id_of(request)));
  return Json{{"run", transfer::to_json(TRY(home.run(id_of(request))))}, {"points", transfer::to_json(points)}};
}

Result<Json> get_points(Services& services, const Request& request) {
  const auto key = TRY(only_query(request, "key"));
  const auto points = TRY(source(services).points(id_of(request), key));
  return Json{{"series", transfer::to_json(std::vector{transfer::to_series(key, points)})}};
}

Result<Json> get_logged_model(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return transfer::to_json(TRY(source(services).logged_model(id_of(request))));
}

Result<Json> get_trace(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return transfer::to_json(TRY(source(services).trace(id_of(request))));
}

Result<Json> list_evaluation_datasets(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return items_of(TRY(source(services).evaluation_sets()));
}

Result<Json> list_models(Services& services, const Request& request) {
  TRY(only_queries(request, {}));
  return items_of(TRY(source(services).models()));
}

Result<Json> list_versions(Services& services, const Request& request) {
  return items_of(TRY(source(services).versions(TRY(only_query(request, "model")))));
}

Result<Json> put_run(Services& services, const Request& request) {
  const auto run = TRY(record_of<tracking::Run>(request));
  TRY(same_id(request, run.id));
  TRY(no_artifact_uri(run.artifact_uri));
  return Json{{"artifact_uri", TRY(intake(services).put_run(run))}};
}

Result<Json> put_points(Services& services, const Request& request) {
  std::vector<transfer::Series> series;
  auto body = TRY(Body::parse(request.body));
  TRY(transfer::from_json(body.any("series"), series));
  TRY(body.finish());
  return Json{{"points", transfer::to_json(TRY(intake(services).put_points(id_of(request), series)))}};
}

Result<Json> put_logged_model(Services& services, const Request& request) {
  const auto model = TRY(record_of<tracking::LoggedModel>(request));
  TRY(same_id(request, model.id));
  TRY(no_artifact_uri(model.artifact_uri));
  return Json{{"artifact_uri", TRY(intake(services).put_logged_model(model))}};
}

Result<Json> put_trace(Services& services, const Request& request) {
  const auto record = TRY(record_of<transfer::TraceRecord>(request));
  TRY(same_id(request, record.trace.info.id));
  TRY(intake(services).put_trace(record));
  return Json{{"id", record.trace.info.id}};
}

Result<Json> put_evaluation_dataset(Services& services, const Request& request) {
  const auto set = TRY(record_of<transfer::EvaluationSet>(request));
  TRY(same_id(request, set.dataset.id));
  TRY(intake(services).put_evaluation_set(set));
  return Json{{"id", set.dataset.id}};
}

Result<Json> put_model(Services& services, const Request& request) {
  const auto model = TRY(record_of<registry::Model>(request));
  TRY(same_id(request, model.name));
  if (!model.aliases.empty()) return invalid_argument("aliases are set one by one, where one may");
  TRY(intake(services).put_model(model));
  return Json{{"name", model.name}};
}

bool is_elsewhere(const std::string& uri) { return uri.contains("://") && !uri.starts_with("file:"); }

// Its bytes are where a version's may be: below this server's artifacts of runs and models, or where its clients find
// them. Never elsewhere on the server's own disk.
Result<void> check_location(const registry::ModelVersion& version) {
  if (!version.storage.empty()) {
    if (version.storage.starts_with(kOwnArtifacts) || is_elsewhere(version.storage)) return {};
    return invalid_argument("storage \"{}\" is not below {}", version.storage, kOwnArtifacts);
  }
  const std::string& source = version.source;
  if (source.empty()) return invalid_argument("a version of model \"{}\" needs a source", version.model);
  const bool ours = source.starts_with("file:") || source.starts_with("artifacts:") || source.starts_with('/');
  if (!ours) return {};
  return invalid_argument("the source \"{}\" is a path of another machine; say in storage where its copy is", source);
}

Result<Json> put_version(Services& services, const Request& request) {
  const auto version = TRY(record_of<registry::ModelVersion>(request));
  TRY(check_location(version));
  if (version.stage != registry::Stage::kNone) return invalid_argument("stages are set one by one, where one may");
  return Json{{"model", version.model}, {"version", TRY(intake(services).put_version(version, id_of(request)))}};
}

}  // namespace

void add_record_routes(net::Router& router, Services& services) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, auto handler) {
    router.add(method, path, access,
               [&services, handler](const Request& request) { return answer(handler(services, request)); });
  };
  using transfer::HomeSource;
  add("POST", "/api/v1/records/fingerprints", Access::kRead, list_fingerprints);
  add("PUT", "/api/v1/records/fingerprints", Access::kWrite, put_fingerprint);
  add("GET", "/api/v1/records/experiments", Access::kRead, list_experiments);
  add("PUT", "/api/v1/records/experiments", Access::kWrite, put_experiment);
  add("GET", "/api/v1/records/runs", Access::kRead, list_ids<&HomeSource::run_ids>);
  add("GET", "/api/v1/records/runs/{id}", Access::kRead, get_run);
  add("PUT", "/api/v1/records/runs/{id}", Access::kWrite, put_run);
  add("GET", "/api/v1/records/runs/{id}/points", Access::kRead, get_points);
  add("POST", "/api/v1/records/runs/{id}/points", Access::kRecord, put_points);
  add("GET", "/api/v1/records/logged-models", Access::kRead, list_ids<&HomeSource::logged_model_ids>);
  add("GET", "/api/v1/records/logged-models/{id}", Access::kRead, get_logged_model);
  add("PUT", "/api/v1/records/logged-models/{id}", Access::kWrite, put_logged_model);
  add("GET", "/api/v1/records/traces", Access::kRead, list_ids<&HomeSource::trace_ids>);
  add("GET", "/api/v1/records/traces/{id}", Access::kRead, get_trace);
  add("PUT", "/api/v1/records/traces/{id}", Access::kWrite, put_trace);
  add("GET", "/api/v1/records/evaluation-datasets", Access::kRead, list_evaluation_datasets);
  add("PUT", "/api/v1/records/evaluation-datasets/{id}", Access::kWrite, put_evaluation_dataset);
  add("GET", "/api/v1/records/models", Access::kRead, list_models);
  add("PUT", "/api/v1/records/models/{id}", Access::kWrite, put_model);
  add("GET", "/api/v1/records/versions", Access::kRead, list_versions);
  add("PUT", "/api/v1/records/versions/{id}", Access::kWrite, put_version);
}

}  // namespace millrace::api
