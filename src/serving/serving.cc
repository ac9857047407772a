#include "serving/serving.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "base/suggest.h"
#include "blob/blob.h"
#include "datasets/datasets.h"
#include "registry/registry.h"
#include "serving/inference.h"
#include "serving/logged_tensor.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {
namespace {

// Seconds: a prediction of one row takes some microseconds.
const std::vector<double> kLatencyBuckets = {1e-6, 2e-6, 3e-6, 5e-6, 7e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
                                             5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,  0.5,  1};

// Where each of a model's inputs stands in the vector; empty where the vector is what the model takes.
Result<std::vector<std::size_t>> match_columns(const LoadedModel& model, const std::vector<std::string>& features) {
  const Result<std::vector<std::string>> names = vector_names(*model.runtime, features.size());
  if (!names) {
    return std::unexpected(Error(names.error()).in(fmt::format("model {} version {}", model.model, model.version)));
  }
  if (names->empty() || *names == features) return {};
  std::vector<std::size_t> columns;
  for (const std::string& name : *names) {
    const auto found = std::ranges::find(features, name);
    if (found == features.end()) {
      return failed_precondition("model {} version {} needs \"{}\", which the endpoint's features do not have{}",
                                 model.model, model.version, name, did_you_mean(name, features));
    }
    columns.push_back(static_cast<std::size_t>(found - features.begin()));
  }
  return columns;
}

// A model in the champion's place takes the same vectors or the same tensors.
Result<void> match_inputs(const ServedEndpoint& endpoint, ScoredModel& model) {
  if (endpoint.vectors) {
    model.columns = TRY(match_columns(*model.model, endpoint.vectors->features()));
    return {};
  }
  if (model.model->runtime->inputs() == endpoint.champion.model->runtime->inputs()) return {};
  return failed_precondition("model {} version {} takes other inputs than version {}", model.model->model,
                             model.model->version, endpoint.champion.model->version);
}

std::vector<TensorSpec> specs_of(const std::vector<duck::ColumnType>& columns) {
  std::vector<TensorSpec> specs;
  for (const duck::ColumnType& column : columns) specs.push_back({column.name, datatype_of(column.type)});
  return specs;
}

std::vector<duck::ColumnType> columns_of(const std::vector<TensorSpec>& inputs) {
  std::vector<duck::ColumnType> columns;
  for (const TensorSpec& input : inputs)
    std::ranges::copy(logged_columns(input, input.name), std::back_inserter(columns));
  return columns;
}

PredictionSchema schema_of(const ServedEndpoint& endpoint) {
  PredictionSchema schema{.outputs = endpoint.champion.outputs()};
  if (endpoint.vectors) schema.features = endpoint.vectors->features();
  if (endpoint.spec.features) schema.inputs = endpoint.vectors->inputs();
  if (!endpoint.vectors) schema.inputs = columns_of(endpoint.champion.model->runtime->inputs());
  for (const ScoredModel& shadow : endpoint.shadows) {
    schema.shadows.push_back({shadow.alias, shadow.model ? shadow.outputs() : schema.outputs});
  }
  return schema;
}

std::shared_ptr<VersionStatistics> statistics_of(metrics::Registry& metrics, const ServedEndpoint& endpoint) {
  const metrics::Labels labels = {{"endpoint", endpoint.spec.name},
                                  {"version", std::to_string(endpoint.champion.model->version)}};
  return std::make_shared<VersionStatistics>(
      VersionStatistics{metrics.counter("millrace_predictions_total", "Rows predicted.", labels),
                        metrics.histogram("millrace_prediction_seconds",
                                          "Time to answer a request, without the network.", labels, kLatencyBuckets)});
}

std::optional<std::int64_t> version_of(const ServedEndpoint* endpoint) {
  if (endpoint == nullptr || !endpoint->champion.model) return std::nullopt;
  return endpoint->champion.model->version;
}

EndpointStatus status_of(const ServedEndpoint& endpoint) {
  EndpointStatus status{.spec = endpoint.spec,
                        .version = version_of(&endpoint),
                        .problem = endpoint.problem,
                        .log = prediction_log_name(endpoint.spec.name),
                        .failures = endpoint.failures->value()};
  for (const ScoredModel& shadow : endpoint.shadows) {
    status.shadows.push_back({shadow.alias, shadow.model ? std::optional(shadow.model->version) : std::nullopt});
  }
  if (endpoint.vectors) status.inputs = specs_of(endpoint.vectors->inputs());
  if (!endpoint.champion.model) return status;
  if (!endpoint.vectors) status.inputs = endpoint.champion.model->runtime->inputs();
  status.platform = endpoint.champion.model->runtime->platform();
  status.outputs = endpoint.champion.outputs();
  status.feature_columns = endpoint.log->feature_columns();
  status.predictions = endpoint.statistics->predictions.value();
  status.p50_seconds = endpoint.statistics->latency.quantile(0.5);
  status.p99_seconds = endpoint.statistics->latency.quantile(0.99);
  return status;
}

}  // namespace

Endpoints::Endpoints(Parts parts) : parts_(std::move(parts)), published_(std::make_unique<Snapshot>()) {}

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

Result<InferAnswer> Endpoints::infer(std::string_view name, const InferRequest& request) const {
  const auto lease = read();
  const auto found = lease->endpoints.find(name);
  if (found == lease->endpoints.end()) [[unlikely]]
    return std::unexpected(find_served(*lease, name).error());
  const InferenceSources sources{parts_.event_clock, parts_.wall_clock, parts_.ids};
  Result<InferAnswer> answer = Inference(*found->second, request, sources).run();
  if (!answer) found->second->failures->add();
  return answer;
}

Result<EndpointStatus> Endpoints::find(std::string_view name) const {
  return status_of(*TRY(find_served(*read(), name)));
}

std::vector<EndpointStatus> Endpoints::list() const {
  std::vector<EndpointStatus> result;
  const auto lease = read();
  for (const auto& [name, endpoint] : lease->endpoints) result.push_back(status_of(*endpoint));
  std::ranges::sort(result, {}, [](const EndpointStatus& status) { return status.spec.name; });
  return result;
}

Result<void> Endpoints::commit_predictions(std::string_view name) {
  const std::scoped_lock lock(change_);  // the log must not be reopened meanwhile
  const Served endpoint = TRY(find_served(*published_.read(), name));
  if (endpoint->log) TRY(endpoint->log->dataset().commit());
  return {};
}

Result<void> Endpoints::apply(const EndpointSpec& spec) {
  const std::scoped_lock lock(change_);
  return rebuild(spec);
}

Result<void> Endpoints::remove(std::string_view name) {
  const std::scoped_lock lock(change_);
  TRY(find_served(*published_.read(), name));
  replace(std::string(name), nullptr);
  return {};
}

Result<void> Endpoints::refresh(std::string_view model) {
  const std::scoped_lock lock(change_);
  std::map<std::string, EndpointSpec> concerned;
  {
    const auto lease = published_.read();
    for (const auto& [name, endpoint] : lease->endpoints) {
      if (endpoint->spec.model == model) concerned.emplace(name, endpoint->spec);
    }
  }
  Result<void> result;
  for (const auto& [name, spec] : concerned) {
    Result<void> rebuilt = rebuild(spec);
    if (!rebuilt && result) result = std::move(rebuilt);
  }
  return result;
}

// Makes the endpoint anew from what its names mean now, and publishes it whole or not at all.
Result<void> Endpoints::rebuild(const EndpointSpec& spec) {
  auto endpoint = std::make_shared<ServedEndpoint>();
  endpoint->spec = spec;
  endpoint->failures = &parts_.metrics.counter("millrace_prediction_failures_total", "Requests answered with an error.",
                                               {{"endpoint", spec.name}});
  if (const Result<void> filled = fill(*endpoint); !filled) {
    note_problem(spec, filled.error());
    return std::unexpected(filled.error());
  }
  replace(spec.name, std::move(endpoint));
  return {};
}

Result<void> Endpoints::fill(ServedEndpoint& endpoint) {
  TRY(fill_champion(endpoint));
  if (!endpoint.champion.model) return {};
  fill_shadows(endpoint);
  TRY(attach_log(endpoint));
  endpoint.statistics = statistics_of(parts_.metrics, endpoint);
  return {};
}

Result<void> Endpoints::fill_champion(ServedEndpoint& endpoint) {
  const EndpointSpec& spec = endpoint.spec;
  if (spec.features) endpoint.vectors = TRY(parts_.find_vectors(*spec.features));
  const auto version = parts_.registry.find_alias(spec.model, spec.alias);
  if (!version && version.error().code == Code::kNotFound) {
    endpoint.problem = fmt::format("alias {} of model {} is not set", spec.alias, spec.model);
    return {};
  }
  endpoint.champion = TRY(load(spec, spec.alias));
  const RowScorer* scorer = endpoint.champion.model->runtime->rows();
  if (!spec.features && scorer != nullptr) endpoint.vectors = plain_vectors(scorer->columns());
  return match_inputs(endpoint, endpoint.champion);
}

// A shadow never stands in the way: one that cannot be scored is left out.
void Endpoints::fill_shadows(ServedEndpoint& endpoint) {
  for (const AliasRef& alias : endpoint.spec.shadow) {
    ScoredModel none{.alias = alias.name};
    Result<ScoredModel> shadow = load(endpoint.spec, alias.name);
    if (shadow) {
      const Result<void> matched = match_inputs(endpoint, *shadow);
      if (!matched) shadow = std::unexpected(matched.error());
    }
    if (!shadow && shadow.error().code != Code::kNotFound) {
      log::warn("shadow is not scored",
                {{"endpoint", endpoint.spec.name}, {"alias", alias.name}, {"why", shadow.error().message}});
    }
    endpoint.shadows.push_back(shadow ? std::move(*shadow) : std::move(none));
  }
}

Result<ScoredModel> Endpoints::load(const EndpointSpec& spec, const std::string& alias) {
  const registry::ModelVersion version = TRY(parts_.registry.find_alias(spec.model, alias));
  return ScoredModel{.alias = alias, .model = TRY(load_version(version.model, version.version, version.location()))};
}

Result<std::shared_ptr<const LoadedModel>> Endpoints::load_version(const std::string& model, std::int64_t version,
                                                                   const std::string& source) {
  std::erase_if(loaded_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const LoadedModel>& known = loaded_[{model, version}];
  if (auto loaded = known.lock()) return loaded;
  const auto in_context = [&](const Error& error) {
    return std::unexpected(Error(error).in(fmt::format("model {} version {}", model, version)));
  };
  const auto folder = parts_.blobs.local_path(source);
  if (!folder) return in_context(folder.error());
  auto runtime = load_runtime(*folder);
  if (!runtime) return in_context(runtime.error());
  auto loaded = std::make_shared<const LoadedModel>(LoadedModel{model, version, std::move(*runtime)});
  known = loaded;
  return loaded;
}

// The log goes on; where its columns change, requests wait that long.
Result<void> Endpoints::attach_log(ServedEndpoint& endpoint) {
  PredictionSchema schema = schema_of(endpoint);
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
void Endpoints::note_problem(const EndpointSpec& spec, const Error& error) {
  const Served before = current(spec.name);
  auto endpoint = std::make_shared<ServedEndpoint>();
  if (before) *endpoint = *before;
  if (!before) {
    endpoint->spec = spec;
    endpoint->failures = &parts_.metrics.counter("millrace_prediction_failures_total",
                                                 "Requests answered with an error.", {{"endpoint", spec.name}});
  }
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
}

void Endpoints::announce(const std::string& name, const Served& before, const Served& after) const {
  const auto was = version_of(before.get()), is = version_of(after.get());
  if (was == is) return;
  log::info("endpoint's version changed", {{"endpoint", name},
                                           {"version", is ? std::to_string(*is) : "none"},
                                           {"previous", was ? std::to_string(*was) : "none"}});
  if (parts_.on_version_change) parts_.on_version_change({name, is, was});
}

}  // namespace millrace::serving
