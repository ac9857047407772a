#include "transfer/home_source.h"

#include <algorithm>
#include <iterator>

#include "blob/blob.h"
#include "db/db.h"
#include "tracking/listing.h"

namespace millrace::transfer {

namespace {

constexpr int kPage = 1000;

}  // namespace

Result<std::vector<tracking::Experiment>> HomeSource::experiments() {
  std::vector<tracking::Experiment> experiments;
  tracking::Search search{.filter = {},
                          .order_by = {"experiment_id ASC"},
                          .view = tracking::View::kAll,
                          .max_results = kPage,
                          .page_token = {}};
  do {
    auto page = TRY(parts_.tracking.search_experiments(search));
    std::ranges::move(page.items, std::back_inserter(experiments));
    search.page_token = page.next;
  } while (!search.page_token.empty());
  return experiments;
}

Result<std::vector<std::string>> HomeSource::run_ids(const std::string& experiment_id) {
  return tracking::list_run_ids(parts_.database, experiment_id);
}

Result<tracking::Run> HomeSource::run(const std::string& id) {
  auto run = TRY(parts_.tracking.find_run(id));
  run.metrics.clear();
  return run;
}

Result<std::map<std::string, std::int64_t>> HomeSource::count_points(const std::string& run_id) {
  return TRY(intake_.held_run(run_id)).points;
}

Result<std::vector<tracking::Metric>> HomeSource::points(const std::string& run_id, const std::string& key) {
  std::vector<tracking::Metric> points;
  for (const auto& point : TRY(parts_.tracking.metric_history(run_id, key, {})).items) {
    points.push_back({.key = key, .value = point.value, .timestamp = point.timestamp, .step = point.step});
  }
  return points;
}

Result<std::vector<std::string>> HomeSource::logged_model_ids(const std::string& experiment_id) {
  return tracking::list_logged_model_ids(parts_.database, experiment_id);
}

Result<tracking::LoggedModel> HomeSource::logged_model(const std::string& id) {
  return parts_.logged_models.find(id, tracking::Deleted::kShown);
}

Result<std::vector<std::string>> HomeSource::trace_ids(const std::string& experiment_id) {
  return tracking::list_trace_ids(parts_.database, experiment_id);
}

Result<TraceRecord> HomeSource::trace(const std::string& id) {
  TraceRecord record{.trace = std::move(TRY(parts_.traces.with_spans({TRY(parts_.traces.find(id))})).front())};
  record.run_ids = TRY(tracking::list_runs_of_trace(parts_.database, id));
  for (const std::string& prompt : TRY(tracking::list_prompts_of_trace(parts_.database, id))) {
    const auto slash = prompt.rfind('/');
    if (slash != std::string::npos) record.prompts.push_back({prompt.substr(0, slash), prompt.substr(slash + 1)});
  }
  return record;
}

Result<std::vector<EvaluationSet>> HomeSource::evaluation_sets() {
  std::vector<EvaluationSet> sets;
  for (const std::string& id : TRY(tracking::list_evaluation_dataset_ids(parts_.database))) {
    sets.push_back({TRY(parts_.evaluation_datasets.find(id)), TRY(records(id))});
  }
  return sets;
}

Result<std::vector<tracking::EvaluationRecord>> HomeSource::records(const std::string& dataset_id) {
  std::vector<tracking::EvaluationRecord> records;
  std::string token;
  do {
    auto page = TRY(parts_.evaluation_datasets.records(dataset_id, kPage, token));
    std::ranges::move(page.items, std::back_inserter(records));
    token = page.next;
  } while (!token.empty());
  return records;
}

// Prompts are models, too, and only found by their tag.
Result<std::vector<registry::Model>> HomeSource::models() {
  std::vector<registry::Model> models;
  for (const char* filter : {"", "tags.`mlflow.prompt.is_prompt` = 'true'"}) {
    std::string token;
    do {
      auto found =
          TRY(parts_.registry.search_models({.filter = filter, .order_by = {}, .limit = kPage, .page_token = token}));
      std::ranges::move(found.items, std::back_inserter(models));
      token = found.next;
    } while (!token.empty());
  }
  return models;
}

Result<std::vector<registry::ModelVersion>> HomeSource::versions(const std::string& model) {
  std::vector<registry::ModelVersion> versions;
  PageRequest request{.limit = kPage, .after = {}};
  do {
    auto page = TRY(parts_.registry.list_versions(model, request));
    std::ranges::move(page.items, std::back_inserter(versions));
    request.after = page.next;
  } while (!request.after.empty());
  std::ranges::reverse(versions);
  return versions;
}

Result<std::optional<std::vector<SourceFile>>> HomeSource::files(const std::string&) { return std::nullopt; }

Result<std::filesystem::path> HomeSource::fetch(const std::string& uri, const SourceFile&) {
  return not_found("{} is handed out by the server", uri);
}

}  // namespace millrace::transfer
