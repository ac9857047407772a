#include <nlohmann/json.hpp>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/logged_models.h"
#include "tracking/points.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::string_view kLoggedModelsTag = "mlflow.log-model.history";

struct ChangedParam {
  const Param* param;
  std::string old;
};

Result<void> log_metrics(db::Transaction& tx, std::int64_t run, const std::vector<Metric>& metrics) {
  PointsByKey points;
  for (const Metric& metric : metrics) points[metric.key].push_back({metric.timestamp, metric.step, metric.value});
  return add_points(tx, run, points);
}

std::unexpected<Error> params_changed(std::string_view run_id, const Batch& batch,
                                      const std::vector<ChangedParam>& changed) {
  if (batch.params.size() == 1) {
    return invalid_argument(
        "Changing param values is not allowed. Param with key='{}' was already logged with value='{}' for run ID='{}'. "
        "Attempted logging new value '{}'.",
        changed[0].param->key, changed[0].old, run_id, changed[0].param->value);
  }
  std::string list;
  for (const auto& [param, old] : changed) {
    list += fmt::format("{}{{'key': '{}', 'old_value': '{}', 'new_value': '{}'}}", list.empty() ? "" : ", ", param->key,
                        old, param->value);
  }
  return invalid_argument("Changing param values is not allowed. Params were already logged='[{}]' for run ID='{}'.",
                          list, run_id);
}

Result<void> log_params(db::Transaction& tx, std::string_view run_id, std::int64_t run, const Batch& batch) {
  std::vector<ChangedParam> changed;
  for (const Param& param : batch.params) {
    const std::string_view value = cut(param.value, kMaxParamValue);
    const auto added = TRY(tx.execute("insert into params (run, key, value) values (?, ?, ?) on conflict do nothing",
                                      run, param.key, value));
    if (added > 0) continue;
    auto old = TRY(tx.query<std::string>("select value from params where run = ? and key = ?", run, param.key));
    if (old.front() != value) changed.push_back({&param, std::move(old.front())});
  }
  if (!changed.empty()) return params_changed(run_id, batch, changed);
  return {};
}

}  // namespace

Result<void> Store::log_batch(std::string_view run_id, const Batch& batch) {
  TRY(check_run_id(run_id));
  TRY(check_batch(batch));
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    TRY(log_params(tx, run_id, run.number, batch));
    TRY(log_metrics(tx, run.number, batch.metrics));
    for (const Metric& metric : batch.metrics) {
      if (!metric.model_id.empty()) TRY(log_model_metric(tx, run_id, metric));
    }
    for (const Tag& tag : batch.tags) TRY(set_run_tag(tx, run.number, tag.key, tag.value));
    return {};
  });
}

Result<void> Store::log_series(std::string_view run_id, const std::vector<NewSeries>& series) {
  TRY(check_run_id(run_id));
  PointsByKey points;
  for (std::size_t i = 0; i < series.size(); ++i) {
    TRY(check_metric({.key = series[i].key}, fmt::format("series[{}]", i)));
    auto& all = points[series[i].key];
    all.insert(all.end(), series[i].points.begin(), series[i].points.end());
  }
  return change_run(run_id,
                    [&](db::Transaction& tx, const ActiveRun& run) { return add_points(tx, run.number, points); });
}

Result<void> Store::set_tag(std::string_view run_id, const Tag& tag) {
  TRY(check_tag_key(tag.key));
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) {
    return set_run_tag(tx, run.number, tag.key, tag.value);
  });
}

Result<void> Store::delete_tag(std::string_view run_id, std::string_view key) {
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    const auto deleted = TRY(tx.execute("delete from run_tags where run = ? and key = ?", run.number, key));
    if (deleted == 0) return not_found("No tag with name: {} in run with id {}", key, run_id);
    return {};
  });
}

Result<void> Store::log_model(std::string_view run_id, const Json& model) {
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    const auto old = TRY(
        tx.query<std::string>("select value from run_tags where run = ? and key = ?", run.number, kLoggedModelsTag));
    const auto known = old.empty() ? Result<Json>(Json::array()) : parse_json(old.front());
    Json models = known && known->is_array() ? *known : Json::array();
    models.push_back(model);
    return set_run_tag(tx, run.number, kLoggedModelsTag, dump_json(models));
  });
}

}  // namespace millrace::tracking
