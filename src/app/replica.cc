#include "app/replica.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "access/access.h"
#include "access/audit.h"
#include "api/grpc/methods.h"
#include "api/http/guard.h"
#include "api/http/on_replica.h"
#include "api/http/origin.h"
#include "api/http/serving_routes.h"
#include "api/mlflow/routes.h"
#include "app/server.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/metrics.h"
#include "blob/blob.h"
#include "datasets/datasets.h"
#include "db/db.h"
#include "duck/duck.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "registry/registry.h"
#include "replicas/followed_clock.h"
#include "replicas/follower.h"
#include "replicas/reporter.h"
#include "replicas/shipper.h"
#include "serving/compositions/composition_store.h"
#include "serving/rehearsal.h"
#include "serving/runtimes/python_host.h"
#include "serving/serving.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

constexpr auto kTick = std::chrono::seconds(1);
constexpr std::uint64_t kDuckMemory = std::uint64_t{256} << 20;

std::string machine_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "replica";
}

void log_change(const serving::VersionChange& change) {
  const auto text = [](const std::optional<std::int64_t>& v) { return v ? std::to_string(*v) : std::string("none"); };
  log::info("endpoint serves another version", {{"endpoint", change.endpoint},
                                                {"arm", change.arm},
                                                {"version", text(change.version)},
                                                {"previous", text(change.previous)}});
}

}  // namespace

// Members are built in this order and destroyed in the reverse one. Below `scratch` is what only this process needs:
// every start begins with none of it.
struct Replica::Parts {
  ReplicaSettings settings;
  fs::path scratch;
  std::string url;
  WallClock wall;
  replicas::FollowedClock clock{wall};
  RandomIds ids;
  metrics::Registry metrics;
  std::atomic<bool> draining = false;
  std::optional<db::HomeLock> lock;
  std::unique_ptr<db::Database> db;
  std::unique_ptr<access::Store> access;
  std::unique_ptr<access::Audit> audit;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<duck::Database> duck;
  std::unique_ptr<datasets::Datasets> datasets;
  std::unique_ptr<registry::Store> registry;
  std::unique_ptr<serving::RouteStore> routes;
  std::unique_ptr<serving::CompositionStore> compositions;
  std::optional<serving::PythonHost> python;
  std::optional<serving::Rehearsal> rehearsal;
  std::unique_ptr<replicas::RemoteFeatures> features;
  std::unique_ptr<serving::Endpoints> endpoints;
  net::Router router;
  std::unique_ptr<api::RequestGuard> guard;
  net::RpcRouter rpcs;
  std::unique_ptr<net::Server> http;
  std::string open_to;
  std::unique_ptr<replicas::Reporter> reporter;
  std::unique_ptr<replicas::Follower> follower;
  std::unique_ptr<replicas::Shipper> shipper;
  std::jthread ticker;

  ~Parts();
  Result<void> open_stores();
  Result<void> open_serving();
  Result<void> open_follower();
  Result<void> listen();
  Result<void> follow();
  void tick(const std::stop_token& stop);
  Result<void> let_in(const replicas::Callers& callers);
  Result<void> ready() const;
  Json status() const;
  replicas::Report report() const;
};

// Each of the two tells the other of news.
Replica::Parts::~Parts() {
  if (follower) follower->stop();
  reporter.reset();
}

Result<void> Replica::Parts::open_stores() {
  TRY(make_directories(settings.home));
  lock.emplace(TRY(db::HomeLock::acquire(settings.home)));
  scratch = settings.home / "scratch";
  TRY(remove_tree(scratch));
  TRY(make_directories(scratch / "tmp"));
  db = TRY(db::Database::open("sqlite:" + (scratch / "replica.db").string()));
  access = TRY(access::Store::open(*db, wall));
  audit = std::make_unique<access::Audit>(*db);
  // Closed until the server is known to be open, and then only where that was said, or on loopback.
  TRY(let_in({.closed = true}));
  open_to = TRY(check_exposure(settings.listening, access->closed()));
  events = TRY(events::Log::open(*db));
  lineage = TRY(lineage::Store::open(*db));
  blobs = TRY(blob::open_local(scratch / "artifacts"));
  duck = TRY(duck::Database::open({.memory_limit = kDuckMemory, .threads = 1, .temp_directory = scratch / "tmp"}));
  datasets = TRY(datasets::Datasets::open({*db, *blobs, *duck, *lineage, *events, clock, ids, settings.home}));
  registry = TRY(registry::Store::open({.database = *db, .lineage = *lineage, .events = *events, .clock = clock}));
  return {};
}

Result<void> Replica::Parts::open_serving() {
  using PythonModels = serving::PythonHost::Models;
  python.emplace(
      serving::PythonHost::Settings{.home = settings.home,
                                    .interpreter = settings.python,
                                    .models = settings.python_models ? PythonModels::kAllowed : PythonModels::kRefused},
      metrics);
  rehearsal.emplace(settings.program);
  routes = TRY(serving::RouteStore::open({*db, *events, clock}));
  compositions = TRY(serving::CompositionStore::open({*db, *events, clock}));
  features = TRY(replicas::RemoteFeatures::open(settings.from));
  endpoints = std::make_unique<serving::Endpoints>(
      serving::Endpoints::Parts{.registry = *registry,
                                .blobs = *blobs,
                                .datasets = *datasets,
                                .routes = *routes,
                                .find_vectors = [this](const std::string& service) { return features->find(service); },
                                .event_clock = clock,
                                .wall_clock = wall,
                                .ids = ids,
                                .metrics = metrics,
                                .python = &*python,
                                .on_version_change = log_change,
                                .rehearsal = &*rehearsal,
                                .compositions = compositions.get()});
  return {};
}

Result<void> Replica::Parts::let_in(const replicas::Callers& callers) {
  const Listening& at = settings.listening;
  const bool local = api::is_loopback(at.http.address) && (!at.grpc || api::is_loopback(at.grpc->address));
  const bool open = !callers.closed && (local || at.allow_anonymous);
  if (!callers.closed && !open)
    log::warn("nobody may ask this replica: its server has no users, and --allow-anonymous was not given");
  return access->set_callers(callers.tokens, open ? access::Store::Door::kOpen : access::Store::Door::kClosed);
}

Result<void> Replica::Parts::listen() {
  const api::ServingServices serving{*endpoints, version(), [this] { return ready(); }};
  const std::string elsewhere = api::elsewhere(settings.from.url);
  api::add_serving_routes(router, serving);
  api::add_on_replica_routes(router, {metrics, *endpoints, settings.from.url, [this] { return status(); }});
  api::mlflow::add_version_route(router);
  api::grpc::add_methods(rpcs, serving);
  api::grpc::refuse_repository_change_methods(rpcs, elsewhere);
  guard = std::make_unique<api::RequestGuard>(*access, *audit, wall, guard_rules(settings.listening));
  http = TRY(app::listen(settings.listening, {router, rpcs, *guard}));
  url = url_of(settings.listening, http->port());
  if (settings.address.empty()) settings.address = url;
  if (settings.name.empty()) settings.name = fmt::format("{}:{}", machine_name(), http->port());
  return {};
}

Result<void> Replica::Parts::open_follower() {
  follower = TRY(replicas::Follower::open({.server = settings.from,
                                           .home = settings.home,
                                           .registry = *registry,
                                           .routes = *routes,
                                           .compositions = *compositions,
                                           .endpoints = *endpoints,
                                           .features = *features,
                                           .metrics = metrics,
                                           .ids = ids,
                                           .set_callers = [this](const auto& callers) { return let_in(callers); },
                                           .set_event_time = [this](auto time) { clock.set(time); },
                                           .on_change = [this] { reporter->nudge(); }}));
  return {};
}

Result<void> Replica::Parts::follow() {
  reporter = TRY(replicas::Reporter::start({settings.from, [this] { return report(); }}));
  follower->start();
  shipper = TRY(replicas::Shipper::start({.server = settings.from,
                                          .logs = settings.home / "datasets",
                                          .endpoints = *endpoints,
                                          .metrics = metrics,
                                          .most_bytes = settings.most_waiting_bytes,
                                          .settled = [this] { return follower->status().complete; }}));
  ticker = std::jthread([this](const std::stop_token& stop) { tick(stop); });
  return {};
}

// Endpoints that nobody asks may sleep here, whatever they do at the server.
void Replica::Parts::tick(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock guard(mutex);
  while (!stop.stop_requested()) {
    endpoints->rest();
    wake.wait_for(guard, stop, kTick, [] { return false; });
  }
}

// Once it has served all that the server does. What cannot be served later does not take the rest away.
Result<void> Replica::Parts::ready() const {
  if (draining) return unavailable("this replica is about to end");
  const auto now = follower->status();
  if (now.complete) return {};
  for (const auto& problem : now.problems) return unavailable("endpoint {}: {}", problem.endpoint, problem.message);
  return unavailable("there is no serving state yet{}{}", now.trouble.empty() ? "" : ": ", now.trouble);
}

Json Replica::Parts::status() const {
  const auto now = follower->status();
  auto problems = Json::array();
  for (const auto& problem : now.problems)
    problems.push_back({{"endpoint", problem.endpoint}, {"problem", problem.message}});
  auto serving = Json::array();
  for (const auto& each : endpoints->list())
    serving.push_back({{"name", each.spec.name},
                       {"version", each.version ? Json(*each.version) : Json(nullptr)},
                       {"predictions", each.predictions},
                       {"problem", each.problem}});
  return {{"version", version()},
          {"replica", settings.name},
          {"server", settings.from.url},
          {"connected", now.connected},
          {"trouble", now.trouble},
          {"generation", now.generation},
          {"ready", ready().has_value()},
          {"draining", draining.load()},
          {"problems", std::move(problems)},
          {"endpoints", std::move(serving)},
          {"pid", getpid()}};
}

replicas::Report Replica::Parts::report() const {
  const auto now = follower->status();
  replicas::Report report{.name = settings.name,
                          .address = settings.address,
                          .version = version(),
                          .generation = now.generation,
                          .draining = draining};
  for (const auto& problem : now.problems) report.problems.push_back(problem.endpoint + ": " + problem.message);
  return report;
}

Result<std::unique_ptr<Replica>> Replica::start(ReplicaSettings settings) {
  auto parts = std::make_unique<Parts>();
  parts->settings = std::move(settings);
  TRY(parts->open_stores());
  TRY(parts->open_serving());
  TRY(parts->open_follower());
  TRY(parts->listen());
  TRY(parts->follow());
  if (!parts->open_to.empty()) log::warn(parts->open_to);
  return std::unique_ptr<Replica>(new Replica(std::move(parts)));
}

Replica::Replica(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Replica::~Replica() = default;

const std::string& Replica::url() const { return parts_->url; }

std::string Replica::grpc_target() const {
  return app::grpc_target(parts_->settings.listening, parts_->http->rpc_port());
}

const std::string& Replica::name() const { return parts_->settings.name; }

void Replica::drain() {
  parts_->draining = true;
  parts_->reporter->nudge();
}

void Replica::stop(Duration grace) {
  parts_->draining = true;
  parts_->http->stop(grace);
  parts_->follower->stop();
  parts_->shipper->finish(grace);
}

}  // namespace millrace::app
