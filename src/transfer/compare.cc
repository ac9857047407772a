#include "transfer/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "blob/blob.h"
#include "db/db.h"
#include "transfer/home_source.h"
#include "transfer/wire.h"

namespace millrace::transfer {

namespace {

constexpr std::size_t kMostNamed = 20;
constexpr std::array<std::string_view, 16> kOrder = {
    "experiments",       "runs",           "params",  "tags",          "metric points", "inputs and outputs",
    "logged models",     "model metrics",  "traces",  "spans",         "assessments",   "evaluation datasets",
    "registered models", "model versions", "aliases", "artifact files"};

enum class Side { kThere, kHere };

// Only what the source has, too: what was added here is nobody's fault.
template <typename Item>
std::vector<Item> among(std::vector<Item> here, const std::vector<Item>& there, auto key) {
  std::erase_if(here, [&](const Item& item) {
    return std::ranges::none_of(there, [&](const Item& other) { return key(other) == key(item); });
  });
  return here;
}

template <typename Item>
std::vector<Item> among(std::vector<Item> here, const std::vector<Item>& there) {
  return among(std::move(here), there, [](const Item& item) { return item.key; });
}

template <typename Item>
void sort_by_key(std::vector<Item>& items) {
  std::ranges::sort(items, {}, &Item::key);
}

double stored(double value) {
  if (std::isnan(value)) return 0;
  return std::clamp(value, std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max());
}

std::string row_of(std::string_view owner, const tracking::Metric& point) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", owner, point.key, point.timestamp.us, point.step, stored(point.value),
                     std::isnan(point.value));
}

class Comparing {
 public:
  explicit Comparing(const CompareParts& parts) : parts_(parts), home_(parts.home) {}

  Result<Comparison> run() {
    for (const auto& experiment : TRY(parts_.source.experiments())) {
      const auto here = parts_.experiments.find(experiment.id);
      TRY(compare_experiment(experiment, here == parts_.experiments.end() ? "" : here->second));
    }
    TRY(compare_evaluation_sets());
    TRY(compare_models());
    Comparison comparison{.differ = std::move(differ_)};
    for (const std::string_view kind : kOrder) {
      auto& [there, here] = tallies_[kind];
      comparison.kinds.push_back({std::string(kind), there, here});
    }
    return comparison;
  }

 private:
  void add(Side side, std::string_view kind, std::string_view row) {
    auto& [there, here] = tallies_[kind];
    (side == Side::kThere ? there : here).add(row);
    auto& [one, other] = record_[kind];
    (side == Side::kThere ? one : other).add(row);
  }

  template <typename Items>
  void add_all(Side side, std::string_view kind, std::string_view owner, const Items& items) {
    for (const auto& item : items) add(side, kind, fmt::format("{}\n{}\n{}", owner, item.key, item.value));
  }

  // The rows of one record are all in.
  void settle(std::string_view kind, std::string_view id) {
    for (const auto& [part, sides] : record_) {
      if (sides.first == sides.second || differ_.size() >= kMostNamed) continue;
      differ_.push_back(fmt::format("{} {}: {}", kind, id, part));
    }
    record_.clear();
  }

  template <typename T>
  static std::optional<T> if_there(Result<T> found) {
    return found ? std::optional<T>(std::move(*found)) : std::nullopt;
  }

  Result<void> compare_experiment(const tracking::Experiment& there, const std::string& id) {
    add_experiment(Side::kThere, there);
    if (auto here = if_there(home_.tracking.find_experiment(id))) {
      here->tags = among(std::move(here->tags), there.tags);
      add_experiment(Side::kHere, *here);
    }
    settle("experiment", there.name);
    for (const auto& run : TRY(parts_.source.run_ids(there.id))) TRY(compare_run(run, there.name));
    for (const auto& model : TRY(parts_.source.logged_model_ids(there.id)))
      TRY(compare_logged_model(model, there.name));
    for (const auto& trace : TRY(parts_.source.trace_ids(there.id))) TRY(compare_trace(trace, there.name));
    return {};
  }

  void add_experiment(Side side, const tracking::Experiment& experiment) {
    add(side, "experiments", fmt::format("{}\n{}", experiment.name, to_text(experiment.lifecycle_stage)));
    add_all(side, "tags", "experiment " + experiment.name, experiment.tags);
  }

  std::string experiment_name(const std::string& id) {
    const auto found = home_.tracking.find_experiment(id);
    return found ? found->name : "";
  }

  Result<void> compare_run(const std::string& id, const std::string& experiment) {
    const auto there = TRY(parts_.source.run(id));
    add_run(Side::kThere, there, experiment);
    if (auto here = if_there(home_.tracking.find_run(id))) {
      here->tags = among(std::move(here->tags), there.tags);
      here->params = among(std::move(here->params), there.params);
      if (there.name.empty()) here->name.clear();
      add_run(Side::kHere, *here, experiment_name(here->experiment_id));
      TRY(compare_files(there.artifact_uri, here->artifact_uri));
    }
    for (const auto& [key, count] : TRY(parts_.source.count_points(id))) TRY(compare_points(id, key));
    settle("run", id);
    return {};
  }

  void add_run(Side side, const tracking::Run& run, const std::string& experiment) {
    const auto end = run.end_time ? run.end_time->us : -1;
    add(side, "runs",
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", run.id, experiment, run.name, to_text(run.status),
                    run.start_time.us, end, to_text(run.lifecycle_stage), run.user_id));
    add_all(side, "params", run.id, run.params);
    add_all(side, "tags", run.id, run.tags);
    for (auto input : run.inputs) {
      sort_by_key(input.tags);
      add(side, "inputs and outputs", run.id + dump_json(to_json(tracking::Run{.inputs = {std::move(input)}})));
    }
    for (const auto& id : run.model_inputs) add(side, "inputs and outputs", fmt::format("{} from {}", run.id, id));
    for (const auto& [id, step] : run.model_outputs) {
      add(side, "inputs and outputs", fmt::format("{} to {} {}", run.id, id, step));
    }
  }

  Result<void> compare_points(const std::string& run, const std::string& key) {
    const auto there = TRY(parts_.source.points(run, key));
    for (const auto& point : there) add(Side::kThere, "metric points", row_of(run, point));
    for (const auto& point : TRY(home_.tracking.metric_history(run, key, {})).items) {
      add(Side::kHere, "metric points",
          row_of(run, {.key = key, .value = point.value, .timestamp = point.timestamp, .step = point.step}));
    }
    return {};
  }

  Result<void> compare_logged_model(const std::string& id, const std::string& experiment) {
    const auto there = TRY(parts_.source.logged_model(id));
    add_logged_model(Side::kThere, there, experiment);
    if (auto here = if_there(home_.logged_models.find(id, tracking::Deleted::kShown))) {
      here->tags = among(std::move(here->tags), there.tags);
      here->params = among(std::move(here->params), there.params);
      add_logged_model(Side::kHere, *here, experiment_name(here->experiment_id));
      TRY(compare_files(there.artifact_uri, here->artifact_uri));
    }
    settle("logged model", id);
    return {};
  }

  void add_logged_model(Side side, const tracking::LoggedModel& model, const std::string& experiment) {
    add(side, "logged models",
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", model.id, experiment, model.name, model.creation_time.us,
                    to_text(model.status), model.status_message, model.model_type, model.source_run_id,
                    to_text(model.lifecycle_stage)));
    add_all(side, "params", model.id, model.params);
    add_all(side, "tags", model.id, model.tags);
    for (const auto& metric : model.metrics) {
      add(side, "model metrics",
          fmt::format("{}\n{}\n{}\n{}", row_of(model.id, metric.metric), metric.run_id, metric.metric.dataset_name,
                      metric.metric.dataset_digest));
    }
  }

  Result<void> compare_trace(const std::string& id, const std::string& experiment) {
    const auto there = TRY(parts_.source.trace(id)).trace;
    add_trace(Side::kThere, there, experiment);
    if (auto info = if_there(home_.traces.find(id))) {
      auto here = std::move(TRY(home_.traces.with_spans({std::move(*info)})).front());
      here.info.tags = among(std::move(here.info.tags), there.info.tags);
      here.info.metadata = among(std::move(here.info.metadata), there.info.metadata);
      here.info.assessments =
          among(std::move(here.info.assessments), there.info.assessments, [](const auto& a) { return a.id; });
      // What the source leaves open is made from the spans here.
      if (!there.info.request_preview) here.info.request_preview.reset();
      if (!there.info.response_preview) here.info.response_preview.reset();
      const auto name = experiment_name(here.info.experiment_id);
      add_trace(Side::kHere, std::move(here), name);
    }
    settle("trace", id);
    return {};
  }

  void add_trace(Side side, tracking::Trace trace, const std::string& experiment) {
    TraceRecord head{.trace = {.info = trace.info}};
    head.trace.info.experiment_id = experiment;
    head.trace.info.tags.clear();
    head.trace.info.metadata.clear();
    head.trace.info.assessments.clear();
    add(side, "traces", dump_json(to_json(head)));
    std::erase_if(trace.info.tags, [](const tracking::Tag& tag) {
      return tag.key == tracking::trace_key::kArtifactLocation || tag.key == tracking::trace_key::kSpansLocation;
    });
    add_all(side, "tags", trace.info.id, trace.info.tags);
    add_all(side, "tags", trace.info.id + " metadata", trace.info.metadata);
    for (tracking::Assessment& assessment : trace.info.assessments) {
      sort_by_key(assessment.metadata);
      TraceRecord one{.trace = {.info = {.id = trace.info.id, .assessments = {assessment}}}};
      add(side, "assessments", dump_json(to_json(one)));
    }
    for (tracking::Span& span : trace.spans) {
      sort_by_key(span.attributes);
      add(side, "spans", dump_json(to_json(TraceRecord{.trace = {.spans = {span}}})));
    }
  }

  Result<void> compare_evaluation_sets() {
    for (auto& there : TRY(parts_.source.evaluation_sets())) {
      EvaluationSet here;
      const auto found = home_.evaluation_datasets.find(there.dataset.id);
      if (found) {
        here.dataset = *found;
        here.records = TRY(HomeSource(home_).records(there.dataset.id));
        here.dataset.tags = among(std::move(here.dataset.tags), there.dataset.tags);
        here.records = among(std::move(here.records), there.records, [](const auto& r) { return r.id; });
        here.dataset.experiment_ids.clear();
        add(Side::kHere, "evaluation datasets", dump_json(to_json(in_order(std::move(here)))));
      }
      const std::string id = there.dataset.id;
      there.dataset.experiment_ids.clear();
      add(Side::kThere, "evaluation datasets", dump_json(to_json(in_order(std::move(there)))));
      settle("evaluation dataset", id);
    }
    return {};
  }

  static EvaluationSet in_order(EvaluationSet set) {
    std::ranges::sort(set.records, {}, &tracking::EvaluationRecord::id);
    return set;
  }

  Result<void> compare_models() {
    for (const auto& there : TRY(parts_.source.models())) {
      add_model(Side::kThere, there);
      if (auto here = if_there(home_.registry.find_model(there.name))) {
        here->tags = among(std::move(here->tags), there.tags);
        // It may have been here before, and have a description of its own.
        here->creation_time = std::max(here->creation_time, there.creation_time);
        if (there.description.empty()) here->description.clear();
        here->aliases = among(std::move(here->aliases), there.aliases, [](const auto& a) { return a.name; });
        add_model(Side::kHere, *here);
      }
      settle("registered model", there.name);
      for (const auto& version : TRY(parts_.source.versions(there.name))) TRY(compare_version(version));
    }
    return {};
  }

  void add_model(Side side, const registry::Model& model) {
    add(side, "registered models", fmt::format("{}\n{}\n{}", model.name, model.description, model.creation_time.us));
    add_all(side, "tags", "model " + model.name, model.tags);
    for (const auto& alias : model.aliases) {
      add(side, "aliases", fmt::format("{}\n{}\n{}", model.name, alias.name, alias.version));
    }
  }

  Result<void> compare_version(const registry::ModelVersion& there) {
    add_version(Side::kThere, there);
    if (auto here = if_there(home_.registry.find_version(there.model, there.version))) {
      here->tags = among(std::move(here->tags), there.tags);
      add_version(Side::kHere, *here);
    }
    settle("model version", fmt::format("{}/{}", there.model, there.version));
    return {};
  }

  void add_version(Side side, const registry::ModelVersion& version) {
    add(side, "model versions",
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", version.model, version.version, version.source,
                    version.run_id, version.run_link, version.user_id, to_text(version.stage), version.description,
                    version.creation_time.us));
    add_all(side, "tags", fmt::format("version {}/{}", version.model, version.version), version.tags);
  }

  // Those that were to be had.
  Result<void> compare_files(const std::string& there, const std::string& here) {
    if (there.empty()) return {};
    const auto files = TRY(parts_.source.files(there));
    const auto folder = blob::key_of(here);
    if (!files || !folder) return {};
    for (const SourceFile& file : *files) {
      const auto path = TRY(parts_.source.fetch(there, file));
      add(Side::kThere, "artifact files", fmt::format("{}\n{}\n{}", *folder, file.path, TRY(sha256_file(path))));
      const auto copy = home_.blobs.stat(blob::uri_of(*folder + "/" + file.path));
      if (!copy) continue;
      add(Side::kHere, "artifact files",
          fmt::format("{}\n{}\n{}", *folder, file.path, TRY(sum_of(*folder, file, *copy))));
    }
    return {};
  }

  Result<std::string> sum_of(const std::string& folder, const SourceFile& file, const blob::Stat& stat) {
    if (!stat.sha256.empty()) return stat.sha256;
    return sha256_file(TRY(home_.blobs.local_path(blob::uri_of(folder + "/" + file.path))));
  }

  const CompareParts& parts_;
  const Intake::Parts& home_;
  std::map<std::string_view, std::pair<Tally, Tally>> tallies_;
  std::map<std::string_view, std::pair<Tally, Tally>> record_;  // of the record that is being compared
  std::vector<std::string> differ_;
};

}  // namespace

void Tally::add(std::string_view row) {
  const std::string digest = sha256(row);
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    std::uint64_t part = 0;
    std::from_chars(digest.data() + 16 * lane, digest.data() + 16 * (lane + 1), part, 16);
    lanes_[lane] += part;
  }
  ++rows_;
}

std::string Tally::hash() const {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", lanes_[0], lanes_[1], lanes_[2], lanes_[3]);
}

Result<Comparison> compare(const CompareParts& parts) { return Comparing(parts).run(); }

}  // namespace millrace::transfer
