#include "transfer/carry.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "transfer/wire.h"

namespace millrace::transfer {

namespace {

using tracking::LifecycleStage;

// Points of one request.
constexpr std::size_t kMostPoints = 10'000;

// It is the target or the source that cannot be reached, or what no other record would get past either.
bool ends_all(const Error& error) {
  switch (error.code) {
    case Code::kCancelled:
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted:
    case Code::kUnimplemented:
    case Code::kInternal:
      return true;
    default:
      return false;
  }
}

std::string named(Kind kind, const std::string& id) { return fmt::format("{} {}", to_text(kind), id); }

Json json_of(const std::vector<SourceFile>& files) {
  Json list = Json::array();
  for (const SourceFile& file : files) list.push_back({file.path, file.size, file.modified.us});
  return list;
}

template <typename Record>
std::string fingerprint_of(const Record& record, const std::optional<std::vector<SourceFile>>& files = {},
                           const std::map<std::string, std::int64_t>& counts = {}) {
  Hasher hasher;
  hasher.add_field(dump_json(to_json(record)));
  hasher.add_field(dump_json(to_json(counts)));
  hasher.add_field(files ? dump_json(json_of(*files)) : "elsewhere");
  return hasher.finish();
}

// Artifacts that are not on this machine stay where they are, and so does what points to them.
bool is_remote(const std::string& uri) {
  return uri.contains("://") && !uri.starts_with("file:") && !uri.starts_with("mlflow-artifacts:");
}

std::string known_of(const std::map<std::string, std::string>& known, const std::string& id) {
  const auto found = known.find(id);
  return found == known.end() ? "" : found->second;
}

}  // namespace

std::string Carrier::version_key(const registry::ModelVersion& version) {
  return fmt::format("carried:{}", sha256(fmt::format("{}\n{}\n{}\n{}", version.model, version.version, version.source,
                                                      version.creation_time.us)));
}

Result<Carried> Carrier::run() {
  carried_ = {};
  const auto experiments = TRY(source_.experiments());
  for (const auto& experiment : experiments) {
    const auto done = carry_experiment(experiment);
    if (done || ends_all(done.error())) {
      TRY(done);
      continue;
    }
    carried_.faults.push_back({named(Kind::kExperiment, experiment.name), done.error().message});
  }
  TRY(carry_evaluation_sets());
  TRY(carry_models());
  for (const auto& experiment : experiments) {
    const auto here = experiments_.find(experiment.id);
    if (here == experiments_.end() || experiment.lifecycle_stage == LifecycleStage::kActive) continue;
    TRY(target_.put_experiment_stage(here->second, LifecycleStage::kDeleted));
  }
  return std::move(carried_);
}

// Nothing that is deleted was meant to be kept, unless all is.
Result<void> Carrier::carry_experiment(const tracking::Experiment& experiment) {
  if (scope_ == Scope::kRecorded && experiment.lifecycle_stage == LifecycleStage::kDeleted) return {};
  ++carried_.seen[Kind::kExperiment];
  tracking::Experiment told = experiment;
  if (!is_remote(told.artifact_location) || scope_ == Scope::kRecorded) told.artifact_location.clear();
  const auto fingerprint = fingerprint_of(told);
  const std::string key = fmt::format("{}#{}", source_.place(), experiment.id);
  const auto known = TRY(target_.fingerprints(Kind::kExperiment, {key}));
  experiments_[experiment.id] = TRY(target_.put_experiment(told));
  if (known_of(known, key) != fingerprint) TRY(whole(Kind::kExperiment, key, experiment.name, fingerprint));
  TRY(carry_runs(experiment));
  TRY(carry_logged_models(experiment));
  return carry_traces(experiment);
}

Result<void> Carrier::each(Kind kind, const std::vector<std::string>& ids,
                           const std::function<Result<void>(const std::string&, const std::string&)>& carry) {
  for (std::size_t begin = 0; begin < ids.size(); begin += kMostAsked) {
    const auto end = std::min(ids.size(), begin + kMostAsked);
    const std::vector<std::string> some(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                        ids.begin() + static_cast<std::ptrdiff_t>(end));
    const auto known = TRY(target_.fingerprints(kind, some));
    for (const std::string& id : some) {
      if (interrupted && interrupted()) return fail(Code::kCancelled, "interrupted; run it again to go on");
      auto done = carry(id, known_of(known, id));
      if (done) continue;
      if (ends_all(done.error())) return done;
      if (done.error().code == Code::kNotFound && scope_ == Scope::kRecorded) continue;  // gone meanwhile
      carried_.faults.push_back({named(kind, id), std::move(done.error().message)});
    }
  }
  return {};
}

Result<void> Carrier::whole(Kind kind, const std::string& id, const std::string& name, const std::string& fingerprint) {
  TRY(target_.remember(kind, id, fingerprint));
  ++carried_.sent[kind];
  if (on_sent) on_sent(kind, name);
  return {};
}

Result<void> Carrier::carry_runs(const tracking::Experiment& experiment) {
  return each(Kind::kRun, TRY(source_.run_ids(experiment.id)),
              [&](const auto& id, const auto& known) { return carry_run(id, known); });
}

// A run that is new comes as one that still runs; it ends, as everybody is told, when all of it is there.
Result<void> Carrier::carry_run(const std::string& id, const std::string& known) {
  // Counted before the rest is read: what comes meanwhile is for the next look.
  const auto counts = TRY(source_.count_points(id));
  tracking::Run run = TRY(source_.run(id));
  if (scope_ == Scope::kRecorded && run.lifecycle_stage == LifecycleStage::kDeleted && known.empty()) return {};
  ++carried_.seen[Kind::kRun];
  if (!is_final(run.status)) ++carried_.running;
  const Files files = TRY(files_of(run.artifact_uri));
  const auto fingerprint = fingerprint_of(run, files.list, counts);
  if (known == fingerprint) return {};
  run.experiment_id = experiments_.at(run.experiment_id);
  if (!is_remote(run.artifact_uri) || scope_ == Scope::kRecorded) run.artifact_uri.clear();
  const HeldRun held = TRY(target_.held_run(id));
  tracking::Run begun = run;
  begun.status = tracking::RunStatus::kRunning;
  begun.end_time.reset();
  begun.lifecycle_stage = LifecycleStage::kActive;
  begun.deleted_time.reset();
  const std::string artifacts = TRY(target_.put_run(held.there ? run : begun));
  TRY(send_files(files, artifacts));
  TRY(send_points(id, counts, held.points));
  if (!held.there) TRY(target_.put_run(run));
  return whole(Kind::kRun, id, run.name.empty() ? id : run.name, fingerprint);
}

// Metrics are logged in the order of time, so what the target has is the beginning. If the count does not come out, all
// of that metric is told again.
Result<void> Carrier::send_points(const std::string& run, const std::map<std::string, std::int64_t>& counts,
                                  const std::map<std::string, std::int64_t>& held) {
  std::map<std::string, std::size_t> places;
  for (const auto& [key, count] : counts) {
    const auto there = held.find(key);
    const std::int64_t known = there == held.end() ? 0 : there->second;
    if (known != count) places[key] = known < count ? static_cast<std::size_t>(known) : 0;
  }
  const auto after = TRY(send_from(run, places));
  std::map<std::string, std::size_t> again;
  for (const auto& [key, place] : places) {
    const auto found = after.find(key);
    const bool whole = found != after.end() && found->second >= counts.at(key);
    if (!whole && place > 0) again[key] = 0;
  }
  TRY(send_from(run, again));
  return {};
}

Result<std::map<std::string, std::int64_t>> Carrier::send_from(const std::string& run,
                                                               const std::map<std::string, std::size_t>& places) {
  std::map<std::string, std::int64_t> after;
  std::vector<Series> batch;
  std::size_t size = 0;
  const auto flush = [&]() -> Result<void> {
    if (batch.empty()) return {};
    after = TRY(target_.put_points(run, batch));
    carried_.points += static_cast<std::int64_t>(std::exchange(size, 0));
    batch.clear();
    return {};
  };
  for (const auto& [key, place] : places) {
    const auto points = TRY(source_.points(run, key));
    for (std::size_t begin = place; begin < points.size();) {
      const auto end = std::min(points.size(), begin + kMostPoints - size);
      batch.push_back(to_series(key, std::span(points).subspan(begin, end - begin)));
      size += end - begin;
      begin = end;
      if (size == kMostPoints) TRY(flush());
    }
  }
  TRY(flush());
  return after;
}

Result<void> Carrier::carry_logged_models(const tracking::Experiment& experiment) {
  return each(Kind::kLoggedModel, TRY(source_.logged_model_ids(experiment.id)),
              [&](const auto& id, const auto& known) { return carry_logged_model(id, known); });
}

Result<void> Carrier::carry_logged_model(const std::string& id, const std::string& known) {
  tracking::LoggedModel model = TRY(source_.logged_model(id));
  if (scope_ == Scope::kRecorded && model.lifecycle_stage == LifecycleStage::kDeleted && known.empty()) return {};
  ++carried_.seen[Kind::kLoggedModel];
  const Files files = TRY(files_of(model.artifact_uri));
  const auto fingerprint = fingerprint_of(model, files.list);
  if (known == fingerprint) return {};
  model.experiment_id = experiments_.at(model.experiment_id);
  if (!is_remote(model.artifact_uri) || scope_ == Scope::kRecorded) model.artifact_uri.clear();
  tracking::LoggedModel begun = model;
  begun.status = tracking::ModelStatus::kPending;
  TRY(send_files(files, TRY(target_.put_logged_model(known.empty() ? begun : model))));
  TRY(target_.put_logged_model(model));
  return whole(Kind::kLoggedModel, id, model.name, fingerprint);
}

Result<void> Carrier::carry_traces(const tracking::Experiment& experiment) {
  return each(Kind::kTrace, TRY(source_.trace_ids(experiment.id)),
              [&](const auto& id, const auto& known) { return carry_trace(id, known); });
}

Result<void> Carrier::carry_trace(const std::string& id, const std::string& known) {
  TraceRecord record = TRY(source_.trace(id));
  ++carried_.seen[Kind::kTrace];
  const auto fingerprint = fingerprint_of(record);
  if (known == fingerprint) return {};
  record.trace.info.experiment_id = experiments_.at(record.trace.info.experiment_id);
  TRY(target_.put_trace(record));
  return whole(Kind::kTrace, id, id, fingerprint);
}

Result<void> Carrier::carry_evaluation_sets() {
  auto sets = TRY(source_.evaluation_sets());
  std::vector<std::string> ids;
  std::map<std::string, EvaluationSet> by_id;
  for (EvaluationSet& set : sets) {
    ids.push_back(set.dataset.id);
    by_id.emplace(set.dataset.id, std::move(set));
  }
  return each(Kind::kEvaluationSet, ids, [&](const std::string& id, const std::string& known) -> Result<void> {
    EvaluationSet& set = by_id.at(id);
    ++carried_.seen[Kind::kEvaluationSet];
    const auto fingerprint = fingerprint_of(set);
    if (known == fingerprint) return {};
    std::erase_if(set.dataset.experiment_ids, [&](const std::string& e) { return !experiments_.contains(e); });
    for (std::string& experiment : set.dataset.experiment_ids) experiment = experiments_.at(experiment);
    TRY(target_.put_evaluation_set(set));
    return whole(Kind::kEvaluationSet, id, set.dataset.name, fingerprint);
  });
}

Result<void> Carrier::carry_models() {
  auto models = TRY(source_.models());
  std::vector<std::string> names;
  std::map<std::string, registry::Model> by_name;
  for (registry::Model& model : models) {
    names.push_back(model.name);
    by_name.emplace(model.name, std::move(model));
  }
  return each(Kind::kModel, names, [&](const std::string& name, const std::string& known) -> Result<void> {
    registry::Model& model = by_name.at(name);
    ++carried_.seen[Kind::kModel];
    const auto fingerprint = fingerprint_of(model);
    if (known != fingerprint) TRY(target_.put_model(model));
    TRY(carry_versions(model));
    if (known == fingerprint) return {};
    return whole(Kind::kModel, name, name, fingerprint);
  });
}

// Its aliases come after the versions that they stand on.
Result<void> Carrier::carry_versions(const registry::Model& model) {
  auto versions = TRY(source_.versions(model.name));
  std::vector<std::string> keys;
  std::map<std::string, registry::ModelVersion> by_key;
  for (registry::ModelVersion& version : versions) {
    keys.push_back(version_key(version));
    by_key.emplace(keys.back(), std::move(version));
  }
  TRY(each(Kind::kVersion, keys, [&](const std::string& key, const std::string& known) -> Result<void> {
    const registry::ModelVersion& version = by_key.at(key);
    auto done = carry_version(version, known);
    if (done || ends_all(done.error())) return done;
    carried_.faults.push_back(
        {fmt::format("version {}/{}", version.model, version.version), std::move(done.error().message)});
    return {};
  }));
  if (scope_ != Scope::kAll) return {};
  for (const registry::Alias& alias : model.aliases) TRY(target_.put_alias(model.name, alias));
  return {};
}

Result<void> Carrier::carry_version(registry::ModelVersion version, const std::string& known) {
  ++carried_.seen[Kind::kVersion];
  const std::string key = version_key(version);
  version.aliases.clear();
  const auto fingerprint = fingerprint_of(version);
  if (known == fingerprint) return {};
  if (scope_ == Scope::kRecorded) version.stage = registry::Stage::kNone;
  version.storage = TRY(storage_here(version));
  TRY(target_.put_version(version, key));
  return whole(Kind::kVersion, key, fmt::format("{} version {}", version.model, version.version), fingerprint);
}

// Where the target has what the source has at a version's location, as far as the target cannot tell by itself:
// within the artifacts of its run or model, or else in a folder of its own.
Result<std::string> Carrier::storage_here(const registry::ModelVersion& version) {
  const std::string& location = version.location();
  if (version.source.starts_with("models:/m-") || version.source.starts_with("runs:/") || is_remote(location)) {
    return is_remote(location) ? version.storage : std::string();
  }
  const Files files = TRY(files_of(location));
  if (!files.list || files.list->empty()) return std::string();
  const std::string folder = fmt::format("mlflow-artifacts:/models/{}", version_key(version).substr(8, 32));
  TRY(send_files(files, folder));
  return folder;
}

Result<Carrier::Files> Carrier::files_of(const std::string& uri) {
  if (uri.empty()) return Files{};
  return Files{uri, TRY(source_.files(uri))};
}

Result<void> Carrier::send_files(const Files& files, const std::string& to) {
  if (!files.list) {
    if (!files.uri.empty()) carried_.elsewhere.push_back(files.uri);
    return {};
  }
  for (const SourceFile& file : *files.list) {
    if (!TRY(target_.put_file(to, file.path, TRY(source_.fetch(files.uri, file))))) continue;
    ++carried_.files;
    carried_.bytes += static_cast<std::int64_t>(file.size);
  }
  return {};
}

}  // namespace millrace::transfer
