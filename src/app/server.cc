#include "app/server.h"

#include <atomic>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "access/access.h"
#include "access/audit.h"
#include "api/grpc/methods.h"
#include "api/http/guard.h"
#include "api/http/housekeeping.h"
#include "api/http/routes.h"
#include "api/mlflow/url_signer.h"
#include "app/artifact_place.h"
#include "app/file_models.h"
#include "app/home_id.h"
#include "app/issuer_keys.h"
#include "app/seal_keys.h"
#include "app/steps/step.h"
#include "app/vectors.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/log.h"
#include "blob/blob.h"
#include "datasets/datasets.h"
#include "db/db.h"
#include "delivery/bandits.h"
#include "delivery/event_clock.h"
#include "delivery/gates.h"
#include "delivery/project.h"
#include "duck/duck.h"
#include "events/event.h"
#include "events/events.h"
#include "features/live.h"
#include "jobs/jobs.h"
#include "lineage/lineage.h"
#include "monitoring/monitoring.h"
#include "net/rpc.h"
#include "net/server.h"
#include "net/trust.h"
#include "notify/notify.h"
#include "openlineage/inbox.h"
#include "openlineage/outbox.h"
#include "openlineage/poster.h"
#include "pipelines/pipelines.h"
#include "proc/build_id.h"
#include "registry/lineage_source.h"
#include "registry/moves.h"
#include "registry/registry.h"
#include "replicas/publisher.h"
#include "replicas/roster.h"
#include "serving/lineage_source.h"
#include "serving/rehearsal.h"
#include "serving/runtimes/python_host.h"
#include "serving/serving.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/heartbeats.h"
#include "tracking/lineage_source.h"
#include "tracking/logged_models.h"
#include "tracking/traces/traces.h"
#include "tracking/tracking.h"
#include "transfer/intake.h"
#include "triggers/triggers.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kDuckMemory = std::uint64_t{1} << 30;
constexpr auto kTick = std::chrono::seconds(1);
constexpr auto kUsesKeptEvery = std::chrono::minutes(1);
constexpr auto kHouseKeptEvery = std::chrono::hours(1);
constexpr auto kUploadsKept = std::chrono::hours(7 * 24);  // of which nothing comes any more
constexpr auto kStepTokenLife = std::chrono::days(2);

// What a dataset or a model reference means now.
class InputResolver {
 public:
  InputResolver(datasets::Datasets& datasets, registry::Store& registry, blob::Store& blobs)
      : datasets_(datasets), registry_(registry), blobs_(blobs) {}

  Result<pipelines::ResolvedInput> operator()(const pipelines::InputRef& ref) const {
    return ref.kind == pipelines::InputRef::Kind::kDataset ? dataset(ref) : model(ref);
  }

 private:
  Result<pipelines::ResolvedInput> dataset(const pipelines::InputRef& ref) const {
    auto version = TRY(datasets_.version(ref.name));
    auto node = fmt::format("dataset:{}/{}", ref.name, version.version);
    return pipelines::ResolvedInput{.ref = ref.text,
                                    .kind = "dataset",
                                    .uri = node,
                                    .path = {},
                                    .version = std::to_string(version.version),
                                    .hash = version.content_hash,
                                    .artifact = node};
  }

  Result<pipelines::ResolvedInput> model(const pipelines::InputRef& ref) const {
    auto version = ref.by_version ? registry_.find_version(ref.name, std::stoll(ref.selector))
                                  : registry_.find_alias(ref.name, ref.selector);
    if (!version) return std::unexpected(version.error());
    auto path = TRY(blobs_.local_path(version->location()));
    return pipelines::ResolvedInput{.ref = ref.text,
                                    .kind = "model",
                                    .uri = version->location(),
                                    .path = path.string(),
                                    .version = std::to_string(version->version),
                                    .hash = TRY(sha256_tree(path)),
                                    .artifact = fmt::format("model:{}/{}", ref.name, version->version)};
  }

  datasets::Datasets& datasets_;
  registry::Store& registry_;
  blob::Store& blobs_;
};

// The training set that a served version came of, and how good it was at its gate.
class ReferenceFinder {
 public:
  ReferenceFinder(registry::Store& registry, blob::Store& blobs, serving::Endpoints*& endpoints, delivery::Gates& gates)
      : registry_(registry), blobs_(blobs), endpoints_(endpoints), gates_(gates) {}

  Result<monitoring::Reference> operator()(const std::string& endpoint, const std::string& version) const {
    auto status = TRY(endpoints_->find(endpoint));
    if (status.spec.composition)
      return not_found("endpoint {} answers by several models, which have no one training set to compare with",
                       endpoint);
    auto found = TRY(registry_.find_version(status.spec.model, std::stoll(version)));
    monitoring::Reference reference;
    for (const auto& tag : found.tags)
      if (tag.key == "millrace.training_set")
        reference.training_set = TRY(blobs_.local_path(tag.value)) / "data.parquet";
    if (reference.training_set.empty())
      return not_found("version {} of model {} has no training set", version, status.spec.model);
    reference.features = status.feature_columns;
    for (auto* metric : {"log_loss", "roc_auc", "brier_score", "expected_calibration_error", "accuracy"})
      if (auto value = TRY(gates_.metric_of(status.spec.model, found.version, metric)))
        reference.metrics[metric] = *value;
    return reference;
  }

 private:
  registry::Store& registry_;
  blob::Store& blobs_;
  serving::Endpoints*& endpoints_;
  delivery::Gates& gates_;
};

// "scaler/3, classifier/7"
std::string text_of(const std::vector<serving::MemberVersion>& members) {
  std::string text;
  for (const auto& [model, version] : members) text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", model, version);
  return text;
}

}  // namespace

std::string version() { return "0.1.0"; }

// Members are built in this order and destroyed in the reverse one.
struct Server::Parts {
  ServerSettings settings;
  std::string url;
  WallClock wall;
  RandomIds ids;
  api::UrlSigner signer{ids, wall};
  metrics::Registry metrics;
  std::optional<db::HomeLock> lock;
  std::unique_ptr<db::Database> db;
  std::optional<Sealer> sealer;
  std::unique_ptr<access::Store> access;
  std::unique_ptr<access::Audit> audit;
  std::unique_ptr<delivery::EventClock> clock;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<duck::Database> duck;
  std::unique_ptr<datasets::Datasets> datasets;
  std::unique_ptr<tracking::Store> tracking;
  std::unique_ptr<tracking::Heartbeats> heartbeats;
  std::unique_ptr<tracking::LoggedModels> logged_models;
  std::unique_ptr<tracking::Traces> traces;
  std::unique_ptr<tracking::Assessments> assessments;
  std::unique_ptr<tracking::EvaluationDatasets> evaluation_datasets;
  std::unique_ptr<registry::Store> registry;
  std::optional<registry::Moves> moves;
  std::unique_ptr<openlineage::Inbox> inbox;
  std::optional<openlineage::Outbox> outbox;
  std::unique_ptr<notify::Webhooks> webhooks;
  std::unique_ptr<delivery::Gates> gates;
  std::unique_ptr<features::Live> features;
  std::unique_ptr<serving::RouteStore> routes;
  std::unique_ptr<serving::CompositionStore> compositions;
  std::optional<serving::PythonHost> python;
  std::optional<serving::Rehearsal> rehearsal;
  std::unique_ptr<serving::Endpoints> endpoints;
  serving::Endpoints* served = nullptr;
  std::unique_ptr<replicas::Publisher> publisher;
  replicas::Roster roster;
  std::optional<tracking::LineageSource> tracked;
  std::optional<registry::LineageSource> registered;
  std::optional<serving::LineageSource> deployed;
  std::unique_ptr<monitoring::Monitors> monitors;
  std::unique_ptr<jobs::Queue> queue;
  std::unique_ptr<pipelines::Engine> pipelines;
  std::unique_ptr<triggers::Triggers> triggers;
  std::optional<delivery::Bandits> bandits;
  std::unique_ptr<delivery::Conductor> conductor;
  std::unique_ptr<delivery::Project> project;
  std::unique_ptr<api::Services> services;
  net::Router router;
  std::unique_ptr<api::RequestGuard> guard;
  net::RpcRouter rpcs;
  std::unique_ptr<net::Server> http;
  std::string open_to;  // whom the server is open to, in words; "" where it has users
  std::unique_ptr<openlineage::Poster> poster;
  std::jthread ticker;

  Result<void> open_stores();
  Result<registry::GateStanding> gate_of(const std::string& model, std::int64_t version) const;
  Result<void> open_access();
  Result<void> open_serving();
  Result<void> open_loop();
  Result<void> open_project();
  Result<void> subscribe();
  Result<void> listen();
  std::map<std::string, std::string> step_secrets(const pipelines::StepContext& context) const;
  Result<void> install(const delivery::Documents& documents, std::shared_ptr<const features::Definitions> definitions,
                       const fs::path& folder);
  Result<void> install(const serving::EndpointSpec& spec, const fs::path& folder);
  void check(const delivery::Documents& documents, Diagnostics& diagnostics);
  void tick(std::stop_token stop);
  void keep_house();
};

Result<void> Server::Parts::open_stores() {
  TRY(make_directories(settings.home));
  lock.emplace(TRY(db::HomeLock::acquire(settings.home)));
  db = TRY(db::Database::open(database_uri(settings.home, settings.db)));
  TRY(match_home(settings.home, *db, ids));
  sealer.emplace(TRY(open_sealer(settings.home)));
  clock = TRY(delivery::EventClock::open(*db, wall));
  events = TRY(events::Log::open(*db));
  lineage = TRY(lineage::Store::open(*db));
  blobs = TRY(open_artifacts(settings.home, settings.artifacts, wall, ids));
  TRY(make_directories(settings.home / "tmp"));
  duck =
      TRY(duck::Database::open({.memory_limit = kDuckMemory, .threads = 1, .temp_directory = settings.home / "tmp"}));
  datasets = TRY(datasets::Datasets::open({*db, *blobs, *duck, *lineage, *events, *clock, ids, settings.home}));
  tracking = TRY(
      tracking::Store::open({.database = *db,
                             .lineage = *lineage,
                             .events = *events,
                             .clock = *clock,
                             .ids = ids,
                             .run_changed = [this](auto experiment, auto run) { heartbeats->note(experiment, run); }}));
  heartbeats = std::make_unique<tracking::Heartbeats>(*db, *tracking, wall);
  logged_models = std::make_unique<tracking::LoggedModels>(*db, *clock, ids);
  traces = TRY(tracking::Traces::open({*db, *clock}));
  evaluation_datasets = TRY(tracking::EvaluationDatasets::open({*db, *clock, ids}));
  assessments = std::make_unique<tracking::Assessments>(*db, *clock, ids);
  const auto find_gate = [this](const auto& model, auto version) { return gate_of(model, version); };
  registry = TRY(registry::Store::open(
      {.database = *db, .lineage = *lineage, .events = *events, .clock = *clock, .find_gate = find_gate}));
  moves.emplace(registry::Moves::Parts{*db, *events, *registry, *clock, find_gate});
  inbox = TRY(openlineage::Inbox::open({*db, *lineage, wall, settings.openlineage_namespace}));
  outbox.emplace(openlineage::Outbox::Parts{*events, *lineage, settings.openlineage_namespace,
                                            fmt::format("urn:millrace:{}", version())});
  TRY(transfer::migrate(*db));
  webhooks = TRY(notify::Webhooks::open({.database = *db,
                                         .events = *events,
                                         .wall = wall,
                                         .ids = ids,
                                         .sealer = *sealer,
                                         .reach = settings.webhook_reach}));
  gates = TRY(delivery::Gates::open(*db, *events));
  return {};
}

Result<registry::GateStanding> Server::Parts::gate_of(const std::string& model, std::int64_t version) const {
  const auto decision = TRY(gates->newest(model, version));
  if (!decision) return registry::GateStanding{};
  return registry::GateStanding{.decided = true, .passed = decision->passed, .reason = decision->reason};
}

// Who may use it is settled before anything else is built.
Result<void> Server::Parts::open_access() {
  access = TRY(access::Store::open(*db, wall));
  audit = std::make_unique<access::Audit>(*db);
  if (!settings.issuers.empty()) {
    access->set_issuers(std::make_unique<access::Issuers>(settings.issuers, fetch_issuer_keys));
  }
  open_to = TRY(check_exposure(settings.listening, access->closed()));
  return {};
}

Result<void> Server::Parts::open_serving() {
  features = std::make_unique<features::Live>(*datasets, *duck, *clock);
  using PythonModels = serving::PythonHost::Models;
  python.emplace(
      serving::PythonHost::Settings{.home = settings.home,
                                    .interpreter = settings.python,
                                    .models = settings.python_models ? PythonModels::kAllowed : PythonModels::kRefused},
      metrics);
  rehearsal.emplace(settings.program);
  routes = TRY(serving::RouteStore::open({*db, *events, *clock}));
  compositions = TRY(serving::CompositionStore::open({*db, *events, *clock}));
  endpoints = std::make_unique<serving::Endpoints>(serving::Endpoints::Parts{
      *registry, *blobs, *datasets, *routes, online_vectors(*features), *clock, wall, ids, metrics, &*python,
      [](const serving::VersionChange& change) {
        auto text = [](const std::optional<std::int64_t>& v) { return v ? std::to_string(*v) : std::string("none"); };
        log::info("endpoint serves another version", {{"endpoint", change.endpoint},
                                                      {"arm", change.arm},
                                                      {"version", text(change.version)},
                                                      {"previous", text(change.previous)},
                                                      {"models", text_of(change.members)}});
      },
      &*rehearsal, compositions.get(), [this] { publisher->touch(); }});
  served = endpoints.get();
  const auto event_time = [this] {
    return clock->mode() == delivery::ClockMode::kEvent ? std::optional(clock->now()) : std::nullopt;
  };
  publisher =
      TRY(replicas::Publisher::open({*db, *endpoints, {*registry, *blobs}, online_vectors(*features), event_time}));
  lineage->add_source(tracked.emplace(*db));
  lineage->add_source(registered.emplace(*db));
  lineage->add_source(deployed.emplace(*endpoints, *compositions));
  monitors = TRY(monitoring::Monitors::open(
      {*db, *events, *datasets, *duck,
       [this](const std::string& endpoint) { return endpoints->commit_predictions(endpoint); },
       ReferenceFinder(*registry, *blobs, served, *gates)}));
  return {};
}

// A step may run for long, but not for ever; its token ends with the server, too.
std::map<std::string, std::string> Server::Parts::step_secrets(const pipelines::StepContext& context) const {
  const auto name = fmt::format("{}/{}", context.pipeline_run_id, context.step);
  const auto token = access->step_token(name, kStepTokenLife);
  std::map<std::string, std::string> secrets{{"MILLRACE_TOKEN", token}, {"MLFLOW_TRACKING_TOKEN", token}};
  if (settings.listening.tls_certificate.empty()) return secrets;
  if (auto fingerprint = net::fingerprint_of(settings.listening.tls_certificate)) {
    secrets["MILLRACE_SERVER_FINGERPRINT"] = *fingerprint;
  }
  return secrets;
}

Result<void> Server::Parts::open_loop() {
  queue = TRY(jobs::Queue::open(*db, wall, {.log_directory = settings.home / "logs" / "jobs", .concurrency = 2}));
  pipelines = TRY(pipelines::Engine::open({*db, *events, *lineage, *blobs, *queue, wall, ids},
                                          {.work_directory = settings.home / "work",
                                           .program = settings.program,
                                           .build_id = TRY(proc::build_id(settings.program)),
                                           .builtins = step_declarations(),
                                           .resolver = InputResolver(*datasets, *registry, *blobs),
                                           .server_url = [this] { return url; },
                                           .secrets = [this](const auto& context) { return step_secrets(context); }}));
  triggers = TRY(triggers::Triggers::open({*db, *events, [this](const triggers::StartRequest& request) {
                                             return pipelines->start_run({.pipeline = request.pipeline,
                                                                          .params = request.params,
                                                                          .key = request.key,
                                                                          .event_time = request.event_time,
                                                                          .cause = request.cause});
                                           }}));
  bandits.emplace(delivery::Bandits::Parts{*endpoints, *monitors, *datasets, *duck});
  conductor = std::make_unique<delivery::Conductor>(
      delivery::Conductor::Parts{*clock, *events, *monitors, *bandits, *triggers, *pipelines});
  return {};
}

// Changes that the stores would refuse are found before anything is changed.
void Server::Parts::check(const delivery::Documents& documents, Diagnostics& diagnostics) {
  for (const auto& spec : documents.datasets) {
    auto known = datasets->find(spec.name);
    if (!known || known->rows == 0) continue;
    for (const auto& column : known->spec.columns) {
      auto* kept = spec.find_column(column.name);
      if (!kept)
        diagnostics.add(
            spec.at, fmt::format("dataset {} has {} rows with the column \"{}\", which cannot be taken away", spec.name,
                                 known->rows, column.name));
      else if (kept->type != column.type)
        diagnostics.add(kept->at, fmt::format("column \"{}\" of dataset {} is a {} and cannot become a {}", column.name,
                                              spec.name, duck::type_name(column.type), duck::type_name(kept->type)));
    }
    if (known->spec.event_time != spec.event_time)
      diagnostics.add(spec.at, fmt::format("dataset {} goes by the event time \"{}\", which cannot be changed",
                                           spec.name, known->spec.event_time));
  }
}

Result<void> Server::Parts::install(const delivery::Documents& documents,
                                    std::shared_ptr<const features::Definitions> definitions, const fs::path& folder) {
  TRY(clock->set_mode(documents.project->clock));
  for (const auto& spec : documents.datasets) TRY(datasets->apply(spec));
  TRY(features->apply(std::move(definitions)));
  for (const auto& status : endpoints->list())
    if (std::ranges::find(documents.endpoints, status.spec.name, &serving::EndpointSpec::name) ==
        documents.endpoints.end())
      TRY(endpoints->remove(status.spec.name));
  for (const auto& spec : documents.endpoints) TRY(install(spec, folder));
  TRY(monitors->apply(documents.monitors));
  pipelines->apply(documents.pipelines, {documents.project->name, folder});
  std::optional<Timestamp> now;
  if (clock->now() > Timestamp{}) now = clock->now();
  return triggers->apply(documents.triggers, now);
}

// While the server starts, an endpoint that cannot be served says so as its problem and keeps no other from serving.
Result<void> Server::Parts::install(const serving::EndpointSpec& spec, const fs::path& folder) {
  auto resolved = FileModels(*registry, *blobs, settings.home / "tmp").resolve(spec, folder);
  auto applied = resolved ? endpoints->apply(*resolved) : std::unexpected(resolved.error());
  const bool starts = http == nullptr;
  if (applied || !starts) return applied;
  log::error("an endpoint cannot be served", {{"endpoint", spec.name}, {"problem", applied.error().message}});
  return {};
}

Result<void> Server::Parts::open_project() {
  project =
      TRY(delivery::Project::open({*db, *events, *duck, *clock, settings.home / "projects", step_declarations(),
                                   [this](const auto& documents, auto& diagnostics) { check(documents, diagnostics); },
                                   [this](const auto& endpoint) { return endpoints->outlook(endpoint); },
                                   [this](const auto& documents, auto definitions, const auto& folder) {
                                     return install(documents, std::move(definitions), folder);
                                   }}));
  return project->load();
}

// What goes up goes as an event.
Result<void> Server::Parts::subscribe() {
  TRY(events->subscribe("serving", {"model_version.alias_set", "model_version.alias_deleted"},
                        [this](const events::Event& event) { return endpoints->refresh(event.subject); }));
  return events->subscribe("triggers", triggers::Triggers::event_types(),
                           [this](const events::Event& event) { return triggers->on_event(event); });
}

Result<void> Server::Parts::listen() {
  services = std::make_unique<api::Services>(api::Services{
      .db = *db,
      .blobs = *blobs,
      .duck = *duck,
      .events = *events,
      .lineage = *lineage,
      .datasets = *datasets,
      .tracking = *tracking,
      .logged_models = *logged_models,
      .traces = *traces,
      .assessments = *assessments,
      .evaluation_datasets = *evaluation_datasets,
      .registry = *registry,
      .moves = *moves,
      .lineage_inbox = *inbox,
      .lineage_outbox = *outbox,
      .webhooks = *webhooks,
      .features = *features,
      .pipelines = *pipelines,
      .monitors = *monitors,
      .endpoints = *endpoints,
      .publisher = *publisher,
      .roster = roster,
      .wall = wall,
      .triggers = *triggers,
      .project = *project,
      .clock = *clock,
      .conductor = *conductor,
      .gates = *gates,
      .access = *access,
      .audit = *audit,
      .metrics = metrics,
      .ids = ids,
      .signer = signer,
      .version = version(),
  });
  api::add_routes(router, *services);
  for (const auto& route : router.undeclared()) log::error("a route does not say who may call it", {{"route", route}});
  guard = std::make_unique<api::RequestGuard>(*access, *audit, wall, guard_rules(settings.listening));
  api::grpc::add_methods(rpcs, api::serving_services(*services));
  api::grpc::add_repository_change_methods(rpcs, *endpoints);
  http = TRY(app::listen(settings.listening, {router, rpcs, *guard}));
  url = url_of(settings.listening, http->port());
  return {};
}

// Lets the wall clock have its effects. In event mode only what a crash left undone remains to be done.
void Server::Parts::tick(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock guard(mutex);
  bool first = true;
  auto uses_kept = wall.now();
  Timestamp house_kept;
  while (!stop.stop_requested()) {
    if (first || clock->mode() == delivery::ClockMode::kWall)
      if (auto done = conductor->catch_up(); !done)
        log::error("what is due could not be done", {{"error", done.error().message}});
    first = false;
    if (clock->mode() == delivery::ClockMode::kEvent) publisher->touch();
    endpoints->rest();
    if (auto ended = heartbeats->end_silent_runs(); !ended)
      log::error("silent runs could not be ended", {{"error", ended.error().message}});
    if (wall.now() - uses_kept >= kUsesKeptEvery) {
      uses_kept = wall.now();
      if (auto kept = access->keep_uses(); !kept)
        log::error("the last use of tokens cannot be kept", {{"error", kept.error().message}});
    }
    if (wall.now() - house_kept >= kHouseKeptEvery) {
      house_kept = wall.now();
      keep_house();
    }
    wake.wait_for(guard, stop, kTick, [] { return false; });
  }
}

// What nobody asks for: it is done now and then.
void Server::Parts::keep_house() {
  if (auto removed = blobs->uploads().remove_abandoned(wall.now() - kUploadsKept); !removed)
    log::error("abandoned uploads could not be removed", {{"error", removed.error().message}});
  else if (*removed > 0)
    log::info("abandoned uploads were removed", {{"uploads", std::to_string(*removed)}});
  auto gone = api::retention(*services).apply();
  if (!gone) return log::error("the rules of retention could not be applied", {{"error", gone.error().message}});
  for (const auto& item : *gone)
    log::info("retention", {{"fate", std::string(to_text(item.fate))},
                            {item.kind, item.id},
                            {"experiment", item.experiment},
                            {"reason", item.reason}});
}

Result<std::unique_ptr<Server>> Server::start(ServerSettings settings) {
  auto parts = std::make_unique<Parts>();
  parts->settings = std::move(settings);
  TRY(parts->open_stores());
  TRY(parts->open_access());
  TRY(parts->open_serving());
  TRY(parts->open_loop());
  TRY(parts->open_project());
  TRY(parts->subscribe());
  TRY(parts->listen());
  TRY(parts->triggers->resume());
  TRY(parts->pipelines->start());
  TRY(parts->queue->start());
  parts->events->start();
  parts->publisher->start();
  parts->webhooks->start();
  if (const auto& settings = parts->settings; !settings.openlineage_url.empty())
    parts->poster = TRY(
        openlineage::Poster::start(*parts->db, *parts->outbox, {settings.openlineage_url, settings.openlineage_key}));
  if (!parts->open_to.empty()) log::warn(parts->open_to);
  parts->ticker = std::jthread([raw = parts.get()](std::stop_token stop) { raw->tick(stop); });
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() = default;

std::uint16_t Server::port() const { return parts_->http->port(); }

const std::string& Server::url() const { return parts_->url; }

std::string Server::grpc_target() const {
  return app::grpc_target(parts_->settings.listening, parts_->http->rpc_port());
}

void Server::stop(Duration grace) {
  parts_->ticker.request_stop();
  parts_->poster.reset();
  parts_->publisher->stop();
  parts_->pipelines->stop();
  parts_->http->stop(grace);
  parts_->events->stop();
  if (parts_->ticker.joinable()) parts_->ticker.join();
}

}  // namespace millrace::app
