#include <algorithm>
#include <map>

#include "base/suggest.h"
#include "delivery/documents.h"
#include "sql/sql.h"

namespace millrace::delivery {
namespace {

// Looks names up among the documents of one kind and reports those that are not there.
class Names {
 public:
  Names(const Documents& documents, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    for (const auto& text : documents.texts) names_[text.kind].push_back(text.name);
  }

  bool check(const std::string& kind, const std::string& name, const Position& at) {
    const auto& known = names_[kind];
    if (std::ranges::find(known, name) != known.end()) return true;
    diagnostics_.add(at, fmt::format("there is no {} \"{}\"{}", kind, name, did_you_mean(name, known)));
    return false;
  }

 private:
  std::map<std::string, std::vector<std::string>> names_;
  Diagnostics& diagnostics_;
};

sql::Type to_sql(duck::Type type) {
  switch (type) {
    case duck::Type::kBoolean:
      return sql::Type::kBoolean;
    case duck::Type::kBigint:
      return sql::Type::kBigint;
    case duck::Type::kDouble:
      return sql::Type::kDouble;
    case duck::Type::kVarchar:
      return sql::Type::kVarchar;
    case duck::Type::kTimestamp:
      return sql::Type::kTimestamp;
  }
  return sql::Type::kDouble;
}

void check_trigger(const Documents& documents, const triggers::TriggerSpec& trigger, Names& names,
                   Diagnostics& diagnostics) {
  names.check("Pipeline", trigger.pipeline, trigger.pipeline_at);
  if (trigger.cause == triggers::CauseKind::kDataset) names.check("Dataset", trigger.subject, trigger.subject_at);
  if (trigger.cause != triggers::CauseKind::kAlert) return;
  auto dot = trigger.subject.find('.');
  auto monitor = trigger.subject.substr(0, dot);
  if (!names.check("Monitor", monitor, trigger.subject_at)) return;
  const auto spec = std::ranges::find(documents.monitors, monitor, &monitoring::MonitorSpec::name);
  if (spec == documents.monitors.end()) return;  // it has faults of its own
  std::vector<std::string> alerts;
  for (const auto& alert : spec->alerts) alerts.push_back(alert.name);
  auto alert = dot == std::string::npos ? "" : trigger.subject.substr(dot + 1);
  if (std::ranges::find(alerts, alert) == alerts.end())
    diagnostics.add(trigger.subject_at,
                    fmt::format("monitor \"{}\" has no alert \"{}\"{}", monitor, alert, did_you_mean(alert, alerts)));
}

void check_trigger_params(const Documents& documents, const triggers::TriggerSpec& trigger, Diagnostics& diagnostics) {
  for (const auto& pipeline : documents.pipelines) {
    if (pipeline.name != trigger.pipeline) continue;
    std::vector<std::string> known;
    for (const auto& param : pipeline.params) known.push_back(param.name);
    for (const auto& param : trigger.params)
      if (std::ranges::find(known, param.name) == known.end())
        diagnostics.add(trigger.at, fmt::format("pipeline \"{}\" has no param \"{}\"{}", pipeline.name, param.name,
                                                did_you_mean(param.name, known)));
  }
}

bool check_sources(const Documents& documents, Diagnostics& diagnostics) {
  Names names(documents, diagnostics);
  bool all = true;
  for (const auto& view : documents.feature_views)
    if (!view.from_request()) all &= names.check("Dataset", view.source.name, view.source.at);
  return all;
}

}  // namespace

std::shared_ptr<const features::Definitions> feature_definitions(const Documents& documents, Diagnostics& diagnostics) {
  std::map<std::string, features::SourceSchema, std::less<>> sources;
  for (const auto& dataset : documents.datasets) {
    auto& source = sources[dataset.name];
    source.event_time = dataset.event_time;
    for (const auto& column : dataset.columns) source.columns.push_back({column.name, to_sql(column.type)});
  }
  auto find = [&](std::string_view name) -> const features::SourceSchema* {
    auto found = sources.find(name);
    return found == sources.end() ? nullptr : &found->second;
  };
  if (!check_sources(documents, diagnostics)) return nullptr;
  // A column of a source that has faults cannot be told from one that it lacks.
  if (!documents.all_parsed("Dataset", documents.datasets) ||
      !documents.all_parsed("FeatureView", documents.feature_views) ||
      !documents.all_parsed("FeatureService", documents.feature_services))
    return nullptr;
  return features::Definitions::make(documents.feature_views, documents.feature_services, find, diagnostics);
}

void check_model_files(const Documents& documents, std::span<const SourceFile> files, Diagnostics& diagnostics) {
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(file.path);
  for (const auto& endpoint : documents.endpoints) {
    if (!endpoint.file) continue;
    const auto stands = [&](const std::string& path) {
      return path == *endpoint.file || path == *endpoint.file + "/MLmodel";
    };
    if (std::ranges::any_of(paths, stands)) continue;
    const bool folder =
        std::ranges::any_of(paths, [&](const auto& path) { return path.starts_with(*endpoint.file + "/"); });
    diagnostics.add(endpoint.model_at, folder ? fmt::format("the folder {} has no file MLmodel", *endpoint.file)
                                              : fmt::format("the project has no file {}{}", *endpoint.file,
                                                            did_you_mean(*endpoint.file, paths)));
  }
}

void check_references(const Documents& documents, Diagnostics& diagnostics) {
  Names names(documents, diagnostics);
  for (const auto& endpoint : documents.endpoints)
    if (endpoint.features) names.check("FeatureService", *endpoint.features, endpoint.features_at);
  for (const auto& monitor : documents.monitors) names.check("Endpoint", monitor.endpoint, monitor.endpoint_at);
  for (const auto& pipeline : documents.pipelines)
    for (const auto& reference : pipeline.references) names.check(reference.kind, reference.name, reference.at);
  for (const auto& trigger : documents.triggers) {
    check_trigger(documents, trigger, names, diagnostics);
    check_trigger_params(documents, trigger, diagnostics);
  }
  for (const auto& replay : documents.replays) {
    names.check("Dataset", replay.batch_dataset, replay.at);
    if (!replay.push_dataset.empty()) names.check("Dataset", replay.push_dataset, replay.at);
    names.check("Endpoint", replay.endpoint, replay.at);
  }
}

}  // namespace millrace::delivery
