#include "serving/serving.h"

#include <algorithm>
#include <iterator>

#include "base/suggest.h"
#include "datasets/datasets.h"
#include "registry/registry.h"
#include "serving/inference.h"
#include "serving/logged_tensor.h"

namespace millrace::serving {
namespace {

constexpr std::size_t kMostShadowBytes = std::size_t{64} << 20;
constexpr Duration kShadowPatience = std::chrono::seconds(5);

std::vector<duck::ColumnType> columns_of(const std::vector<TensorSpec>& inputs) {
  std::vector<duck::ColumnType> columns;
  for (const TensorSpec& input : inputs)
    std::ranges::copy(logged_columns(input, input.name), std::back_inserter(columns));
  return columns;
}

PredictionSchema schema_of(const ServedEndpoint& endpoint) {
  PredictionSchema schema{.outputs = endpoint.primary_model().outputs()};
  if (endpoint.vectors) schema.features = endpoint.vectors->features();
  if (endpoint.spec.features) schema.inputs = endpoint.vectors->inputs();
  if (!endpoint.vectors) schema.inputs = columns_of(endpoint.primary_model().model->runtime->inputs());
  for (const auto& [scored, when, meter] : endpoint.shadows) {
    schema.shadows.push_back({scored.alias, scored.model ? scored.outputs() : schema.outputs});
  }
  return schema;
}

std::optional<std::int64_t> version_of(const ScoredModel& scored) {
  return scored.model ? std::optional(scored.model->version) : std::nullopt;
}

ArmStatus status_of(const ServedEndpoint& endpoint, std::size_t at) {
  const ServedArm& arm = endpoint.arms[at];
  ArmStatus status{.spec = endpoint.in_force.routes.arms[at],
                   .version = version_of(arm.scored),
                   .problem = arm.problem,
                   .share = share_of(endpoint.table.arms, at)};
  if (arm.scored.model) status.members = arm.scored.model->members;
  if (status.version && endpoint.in_force.evidence) status.evidence = endpoint.in_force.evidence->of(*status.version);
  if (!arm.meter) return status;
  const RequestMeter::Reading reading = arm.meter->read();
  const metrics::HistogramReading answered = reading.answered().total.in_seconds();
  status.predictions = reading.rows;
  status.failures = reading.failures();
  status.p50_seconds = answered.quantile(0.5);
  status.p99_seconds = answered.quantile(0.99);
  status.requests = arm.statistics->totals();
  return status;
}

ShadowStatus status_of(const ServedShadow& shadow) {
  ShadowStatus status{.alias = shadow.scored.alias,
                      .version = version_of(shadow.scored),
                      .later = shadow.when == ServedShadow::When::kLater};
  if (!shadow.meter) return status;
  const ShadowMeter& meter = *shadow.meter;
  const metrics::HistogramReading latency = meter.latency.read().in_seconds();
  status.compared = meter.compared.value();
  status.agreed = meter.agreed.value();
  status.failures = meter.failures.value();
  status.dropped = meter.dropped.value();
  status.difference_mean = status.compared == 0 ? 0 : meter.difference.sum() / static_cast<double>(status.compared);
  status.difference_p99 = meter.difference.quantile(0.99);
  status.p50_seconds = latency.quantile(0.5);
  status.p99_seconds = latency.quantile(0.99);
  return status;
}

void add_arms(const ServedEndpoint& endpoint, EndpointStatus& status) {
  for (std::size_t i = 0; i < endpoint.arms.size(); ++i) {
    const ArmStatus& arm = status.arms.emplace_back(status_of(endpoint, i));
    status.predictions += arm.predictions;
    status.p50_seconds = std::max(status.p50_seconds, arm.p50_seconds);
    status.p99_seconds = std::max(status.p99_seconds, arm.p99_seconds);
  }
}

EndpointStatus status_of(const ServedEndpoint& endpoint) {
  EndpointStatus status{.spec = endpoint.spec,
                        .in_force = endpoint.in_force,
                        .version = version_of(endpoint.primary_model()),
                        .problem = endpoint.problem,
                        .unloaded = endpoint.unloaded,
                        .log = prediction_log_name(endpoint.spec.name),
                        .failures = endpoint.meter->failures.total(),
                        .asleep = endpoint.asleep};
  const TimeReading starts = endpoint.meter->cold_starts.read();
  status.cold_starts = starts.count();
  status.cold_start_seconds = static_cast<double>(starts.sum_ns) / 1e9;
  add_arms(endpoint, status);
  for (const ServedShadow& shadow : endpoint.shadows) status.shadows.push_back(status_of(shadow));
  if (endpoint.vectors) status.inputs = specs_of(endpoint.vectors->inputs());  // known before there is a model
  if (!endpoint.contract) return status;
  status.inputs = endpoint.contract->inputs;
  status.platform = endpoint.contract->platform;
  status.outputs = endpoint.contract->outputs;
  status.feature_columns = endpoint.log->feature_columns();
  return status;
}

// Each arm's version by its name.
std::map<std::string, std::int64_t> versions_of(const ServedEndpoint* endpoint) {
  std::map<std::string, std::int64_t> versions;
  if (endpoint == nullptr) return versions;
  for (std::size_t i = 0; i < endpoint->arms.size(); ++i) {
    if (const auto version = version_of(endpoint->arms[i].scored))
      versions[endpoint->in_force.routes.arms[i].name] = *version;
  }
  return versions;
}

// The registered versions behind an arm.
std::vector<MemberVersion> members_of(const ServedEndpoint* endpoint, const std::string& arm) {
  if (endpoint == nullptr) return {};
  for (std::size_t i = 0; i < endpoint->arms.size(); ++i) {
    const auto& model = endpoint->arms[i].scored.model;
    if (model && endpoint->in_force.routes.arms[i].name == arm) return model->members;
  }
  return {};
}

RouteStore::BanditUpdate update_of(const ServedEndpoint& endpoint) {
  RouteStore::BanditUpdate update{.endpoint = endpoint.spec.name,
                                  .reward = endpoint.in_force.routes.bandit->reward,
                                  .evidence = *endpoint.in_force.evidence};
  for (std::size_t i = 0; i < endpoint.arms.size(); ++i) {
    const RouteArm& arm = endpoint.table.arms[i];
    if (arm.version) update.arms.push_back({arm.name, *arm.version, share_of(endpoint.table.arms, i)});
  }
  return update;
}

// An arm that does not exist is a slip of the pen, where a document may name what is yet to come.
Result<void> check_arms_exist(const registry::Store& registry, const std::string& model, const RoutesSpec& routes,
                              const RoutesSpec& before) {
  for (const ArmSpec& arm : routes.arms) {
    if (const ArmSpec* known = before.find_arm(arm.name);
        known != nullptr && known->alias == arm.alias && known->version == arm.version)
      continue;
    const auto found = arm.version ? registry.find_version(model, *arm.version) : registry.find_alias(model, arm.alias);
    if (found) continue;
    if (arm.version) return std::unexpected(found.error());
    std::vector<std::string> names = before.arm_names();
    for (const registry::Alias& alias : TRY(registry.find_model(model)).aliases) names.push_back(alias.name);
    return not_found("model {} has no alias \"{}\"{}", model, arm.alias, did_you_mean(arm.alias, names));
  }
  return {};
}

}  // namespace

bool serves_version(const EndpointStatus& status, std::int64_t version) {
  return std::ranges::any_of(status.arms, [&](const ArmStatus& arm) { return arm.version == version; });
}

std::vector<std::int64_t> served_versions(const EndpointStatus& status) {
  std::vector<std::int64_t> versions;
  for (const ArmStatus& arm : status.arms) {
    if (arm.version && std::ranges::find(versions, *arm.version) == versions.end()) versions.push_back(*arm.version);
  }
  return versions;
}

Endpoints::Endpoints(Parts parts)
    : parts_(std::move(parts)),
      assembler_({parts_.registry, parts_.blobs, parts_.find_vectors, meters_, parts_.python, parts_.rehearsal,
                  parts_.compositions}),
      published_(std::make_unique<Snapshot>()),
      shadows_(kMostShadowBytes) {}

Published<Snapshot>::Lease Endpoints::read() const {
  for (;;) {
    auto lease = published_.read();
    if (!lease->changing) return lease;
    lease.release();
    const std::scoped_lock until_changed(change_);
  }
}

Result<Endpoints::Served> Endpoints::find_served(const Snapshot& snapshot, std::string_view name) const {
  const auto found = snapshot.endpoints.find(name);
  if (found != snapshot.endpoints.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, endpoint] : snapshot.endpoints) names.push_back(known);
  std::ranges::sort(names);
  return not_found("endpoint {} does not exist{}", name, did_you_mean(name, names));
}

Endpoints::Served Endpoints::current(const std::string& name) const {
  const auto lease = published_.read();
  const auto found = lease->endpoints.find(name);
  return found == lease->endpoints.end() ? nullptr : found->second;
}

std::optional<Result<InferAnswer>> Endpoints::infer_at_once(std::string_view name, const InferRequest& request) const {
  const auto lease = read();
  const auto found = lease->endpoints.find(name);
  if (found == lease->endpoints.end()) [[unlikely]]
    return std::unexpected(find_served(*lease, name).error());
  if (found->second->queue != nullptr) return std::nullopt;
  const InFlight::Request under_way(found->second->meter->in_flight);
  const InferenceSources sources{parts_.event_clock, parts_.wall_clock, parts_.ids, shadows_};
  Inference inference(found->second, request, sources);
  Result<InferAnswer> answer = inference.run();
  if (!answer) note_failure(*found->second, inference, answer.error().code);
  return answer;
}

void Endpoints::note_failure(const ServedEndpoint& endpoint, const Inference& inference, Code code) {
  const PhaseTimes times = inference.times();
  const ServedArm* arm = inference.arm();
  endpoint.meter->failures.add(code);
  (arm != nullptr ? *arm->meter : endpoint.meter->armless).add_failure(code, times);
  if (arm != nullptr) arm->statistics->add_failure(times.all());
}

void Endpoints::note_unread(std::string_view name, Code code) const {
  if (const auto endpoint = find_served(name)) (*endpoint)->meter->failures.add(code);
}

Result<Endpoints::Served> Endpoints::find_served(std::string_view name) const {
  const auto lease = read();
  return find_served(*lease, name);
}

Result<std::shared_ptr<const Contract>> Endpoints::contract(std::string_view name) const {
  const Served endpoint = TRY(find_served(name));
  if (!endpoint->contract) return unavailable("endpoint {} has no model yet: {}", name, endpoint->problem);
  return endpoint->contract;
}

std::vector<std::string> Endpoints::names() const {
  std::vector<std::string> names;
  const auto lease = read();
  for (const auto& [name, endpoint] : lease->endpoints) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

Result<EndpointStatus> Endpoints::find(std::string_view name) const { return status_of(*TRY(find_served(name))); }

std::vector<EndpointStatus> Endpoints::list() const {
  std::vector<EndpointStatus> result;
  const auto lease = read();
  for (const auto& [name, endpoint] : lease->endpoints) result.push_back(status_of(*endpoint));
  std::ranges::sort(result, {}, [](const EndpointStatus& status) { return status.spec.name; });
  return result;
}

std::string Endpoints::exposition() const {
  metrics::Exposition out;
  meters_.expose(out);
  const auto lease = read();
  for (const auto& [name, endpoint] : lease->endpoints) {
    const auto queue = endpoint->queue ? endpoint->queue->status() : QueueStatus();
    const auto requests = endpoint->meter->in_flight.count() + queue.waiting + queue.running;
    out.gauge({"millrace_inflight_requests", "Requests that are being answered, those that wait included."},
              {{"endpoint", name}}, static_cast<double>(requests));
    if (!endpoint->spec.scoring.scale_to_zero) continue;
    out.gauge({"millrace_endpoint_asleep", "1 while the endpoint's models are not in memory."}, {{"endpoint", name}},
              endpoint->asleep ? 1 : 0);
  }
  return out.text();
}

Result<void> Endpoints::commit_predictions(std::string_view name) {
  const Served endpoint = TRY(find_served(name));
  if (endpoint->later_shadows) shadows_.drain(kShadowPatience);
  return endpoint->log ? endpoint->log->commit() : Result<void>();
}

Result<std::vector<datasets::SealedFile>> Endpoints::seal_predictions(std::string_view name) {
  const Served endpoint = TRY(find_served(name));
  if (!endpoint->log) return std::vector<datasets::SealedFile>();
  return endpoint->log->seal();
}

Result<void> Endpoints::drop_predictions(std::string_view name, std::int64_t through_sequence) {
  const Served endpoint = TRY(find_served(name));
  return endpoint->log ? endpoint->log->drop(through_sequence) : Result<void>();
}

Result<std::int64_t> Endpoints::take_predictions(std::string_view name, std::string_view file) {
  const Served endpoint = TRY(find_served(name));
  if (!endpoint->log) return unavailable("endpoint {} has no prediction log yet: {}", name, endpoint->problem);
  return endpoint->log->take(file);
}

// The lock that whoever changes an endpoint holds while it is made, so that the last to begin is the last to publish.
std::shared_ptr<std::mutex> Endpoints::building(const std::string& name) {
  const std::scoped_lock lock(buildings_mutex_);
  std::shared_ptr<std::mutex>& mutex = buildings_[name];
  if (!mutex) mutex = std::make_shared<std::mutex>();
  return mutex;
}

Result<RoutesInForce> Endpoints::routes_of(const EndpointSpec& spec) const {
  return parts_.routes.find_routes(spec.name, spec.routes);
}

Result<void> Endpoints::apply(const EndpointSpec& spec) {
  const auto mutex = building(spec.name);
  const std::scoped_lock lock(*mutex);
  TRY(parts_.routes.declare(spec.name, spec.routes));
  return rebuild(spec, TRY(routes_of(spec)));
}

Result<void> Endpoints::remove(std::string_view name) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  TRY(find_served(name));
  TRY(parts_.routes.remove(std::string(name)));
  const std::scoped_lock changing(change_);
  unloaded_.erase(std::string(name));
  replace(std::string(name), nullptr);
  refuse_waiting(name);
  return {};
}

Result<void> Endpoints::unload(std::string_view name) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  const Served endpoint = TRY(find_served(name));
  const std::scoped_lock changing(change_);
  unloaded_.emplace(name);
  replace(endpoint->spec.name, emptied(*endpoint));
  return {};
}

Result<void> Endpoints::load(std::string_view name) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  const Served endpoint = TRY(find_served(name));
  {
    const std::scoped_lock changing(change_);
    unloaded_.erase(std::string(name));
  }
  return rebuild(endpoint->spec, endpoint->in_force);
}

// The endpoint without its models; its log stays open.
std::shared_ptr<ServedEndpoint> Endpoints::emptied(const ServedEndpoint& endpoint) {
  auto empty = assembler_.without_models(endpoint.spec, endpoint.in_force);
  empty->problem = "it was unloaded; load it to have it answer again";
  empty->unloaded = true;
  const Served before = current(endpoint.spec.name);
  empty->log = before ? before->log : nullptr;
  return empty;
}

Result<void> Endpoints::refresh(std::string_view model) {
  std::vector<std::string> concerned;
  for (const EndpointStatus& status : list()) {
    if (status.spec.uses(model)) concerned.push_back(status.spec.name);
  }
  Result<void> result;
  for (const std::string& name : concerned) {
    const auto mutex = building(name);
    const std::scoped_lock lock(*mutex);
    const Served endpoint = current(name);  // as it is by now
    if (!endpoint) continue;
    if (endpoint->asleep) {  // the wake-up asks the names
      if (parts_.on_change) parts_.on_change();
      continue;
    }
    Result<void> rebuilt = rebuild(endpoint->spec, endpoint->in_force);
    if (!rebuilt && result) result = std::move(rebuilt);
  }
  return result;
}

Result<void> Endpoints::set_routes(std::string_view name, const RoutesSpec& routes, const std::string& reason) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  return change_routes(std::string(name), routes, reason);
}

Result<void> Endpoints::set_weights(std::string_view name, std::span<const ArmWeight> weights,
                                    const std::string& reason) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  RoutesSpec routes = TRY(find_served(name))->in_force.routes;
  if (routes.bandit) return failed_precondition("the shares of endpoint {} are its bandit's to decide", name);
  for (const auto& [arm, weight] : weights) {
    const auto found = std::ranges::find(routes.arms, arm, &ArmSpec::name);
    if (found != routes.arms.end()) {
      found->weight = weight;
      continue;
    }
    if (!is_route_name(arm)) return invalid_argument("\"{}\" is no name of an arm or an alias", arm);
    routes.arms.push_back({.name = arm, .alias = arm, .weight = weight});
  }
  return change_routes(std::string(name), routes, reason);
}

// With the endpoint's lock held. Nothing is written down, nor told, before what it needs is loaded.
Result<void> Endpoints::change_routes(const std::string& name, const RoutesSpec& routes, const std::string& reason) {
  const Served before = TRY(find_served(name));
  if (before->spec.composition) {
    const std::string_view kind = to_text(before->spec.composition->kind);
    return failed_precondition("endpoint {} is one {} of models, whose requests are not divided", name, kind);
  }
  if (before->spec.file)
    return failed_precondition("endpoint {} has one model, the file {}, and its requests are not divided", name,
                               *before->spec.file);
  if (reason.empty()) return invalid_argument("say why the routes of endpoint {} change: \"reason\" is empty", name);
  if (const std::string fault = weights_fault(routes); !fault.empty()) return invalid_argument("{}", fault);
  TRY(check_arms_exist(parts_.registry, before->spec.model, routes, before->in_force.routes));
  return count_swap(name, [&] -> Result<void> {
    auto endpoint = TRY(assembler_.assemble(before->spec, {.routes = routes}));
    TRY(parts_.routes.set(name, routes, reason));
    endpoint->in_force = TRY(routes_of(before->spec));
    return publish(std::move(endpoint));
  });
}

Result<void> Endpoints::learn(std::string_view name, const BanditEvidence& evidence) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  const Served before = TRY(find_served(name));
  RoutesInForce routes = before->in_force;
  if (!routes.routes.bandit || before->asleep) return {};  // it learns again when it is awake
  routes.evidence = evidence;
  auto endpoint = TRY(assembler_.assemble(before->spec, std::move(routes)));
  TRY(parts_.routes.update_bandit(update_of(*endpoint)));
  return publish(std::move(endpoint));
}

Result<void> Endpoints::reset_routes(std::string_view name, const std::string& reason) {
  const auto mutex = building(std::string(name));
  const std::scoped_lock lock(*mutex);
  const Served before = TRY(find_served(name));
  TRY(parts_.routes.reset(std::string(name), reason));
  return rebuild(before->spec, TRY(routes_of(before->spec)));
}

Result<std::string> Endpoints::outlook(const EndpointSpec& spec) const {
  const auto by_hand = TRY(parts_.routes.find_override(spec.name));
  if (!by_hand) return "";
  const bool stays = TRY(parts_.routes.find_override(spec.name, spec.routes)).has_value();
  return fmt::format("its routes were set by hand ({}{}{}: {}) and {}", shares_text(by_hand->routes),
                     by_hand->who.empty() ? "" : "; ", by_hand->who, by_hand->reason,
                     stays ? "stay; `millrace endpoint route " + spec.name + " --reset` takes the document's"
                           : "give way to the document's");
}

// Makes the endpoint anew from what its names mean now, and publishes it whole or not at all.
Result<void> Endpoints::rebuild(const EndpointSpec& spec, RoutesInForce routes) {
  Result<void> published =
      count_swap(spec.name, [&] -> Result<void> { return publish(TRY(assembler_.assemble(spec, routes))); });
  if (!published) note_problem(spec, routes, published.error());
  return published;
}

// Makes a change of the endpoint; one that puts other versions into it, or should have, is a swap.
Result<void> Endpoints::count_swap(const std::string& name, const std::function<Result<void>()>& change) {
  const auto begun = std::chrono::steady_clock::now();
  const auto before = versions_of(current(name).get());
  Result<void> changed = change();
  if (changed && versions_of(current(name).get()) == before) return changed;
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
  const auto meter = meters_.of_endpoint(name);
  (changed ? meter->swaps : meter->failed_swaps).add(static_cast<std::uint64_t>(took.count()));
  return changed;
}

Result<void> Endpoints::publish(std::shared_ptr<ServedEndpoint> endpoint) {
  const std::scoped_lock lock(change_);
  if (unloaded_.contains(endpoint->spec.name)) endpoint = emptied(*endpoint);
  if (endpoint->primary_model().model) TRY(attach_log(*endpoint));
  attach_queue(*endpoint);
  const std::string name = endpoint->spec.name;
  replace(name, std::move(endpoint));
  return {};
}

// The log goes on; where its columns change, requests wait that long.
Result<void> Endpoints::attach_log(ServedEndpoint& endpoint) {
  PredictionSchema schema = schema_of(endpoint);
  endpoint.logged = schema;
  const Served before = current(endpoint.spec.name);
  if (!before || !before->log) {
    endpoint.log = TRY(PredictionLog::open(parts_.datasets, endpoint.spec.name, std::move(schema)));
    return {};
  }
  endpoint.log = before->log;
  if (before->log->schema() == schema) return {};
  const auto publish = [&](bool changing) {
    auto snapshot = std::make_unique<Snapshot>(*published_.read());
    snapshot->changing = changing;
    published_.publish(std::move(snapshot));
  };
  publish(true);
  const Result<void> changed = before->log->change(std::move(schema));
  if (!changed) publish(false);  // else the endpoint's replacement does it
  return changed;
}

// Leaves what serves as it is, and says why it was not replaced.
void Endpoints::note_problem(const EndpointSpec& spec, const RoutesInForce& routes, const Error& error) {
  const std::scoped_lock lock(change_);
  const Served before = current(spec.name);
  auto endpoint = before ? std::make_shared<ServedEndpoint>(*before) : assembler_.without_models(spec, routes);
  endpoint->problem = error.message;
  replace(spec.name, std::move(endpoint));
}

void Endpoints::replace(const std::string& name, Served endpoint) {
  const Served before = current(name);
  auto snapshot = std::make_unique<Snapshot>(*published_.read());
  snapshot->changing = false;
  if (endpoint) snapshot->endpoints[name] = endpoint;
  if (!endpoint) snapshot->endpoints.erase(name);
  published_.publish(std::move(snapshot));
  announce(name, before, endpoint);
  if (parts_.on_change) parts_.on_change();
}

void Endpoints::announce(const std::string& name, const Served& before, const Served& after) const {
  const auto was = versions_of(before.get()), is = versions_of(after.get());
  const auto version_in = [](const auto& versions, const std::string& arm) -> std::optional<std::int64_t> {
    const auto found = versions.find(arm);
    return found == versions.end() ? std::nullopt : std::optional(found->second);
  };
  auto arms = was;
  arms.insert(is.begin(), is.end());
  for (const auto& [arm, version] : arms) {
    const VersionChange change{name, arm, version_in(is, arm), version_in(was, arm), members_of(after.get(), arm)};
    if (change.version != change.previous && parts_.on_version_change) parts_.on_version_change(change);
  }
}

}  // namespace millrace::serving
