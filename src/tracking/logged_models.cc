#include "tracking/logged_models.h"

#include <algorithm>
#include <array>
#include <boost/describe.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/run_name.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::array<std::string_view, 4> kStatuses = {"LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING",
                                                       "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"};

struct ModelRow {
  std::int64_t number = 0;
  std::string id;
  std::int64_t experiment_id = 0;
  std::string name;
  Timestamp creation_time;
  Timestamp last_update_time;
  std::string artifact_uri;
  ModelStatus status = ModelStatus::kPending;
  std::optional<std::string> status_message;
  std::optional<std::string> model_type;
  std::optional<std::string> source_run_id;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (),
                      (number, id, experiment_id, name, creation_time, last_update_time, artifact_uri, status,
                       status_message, model_type, source_run_id, lifecycle_stage))

struct MetricRow {
  std::int64_t model = 0;
  std::string key;
  Timestamp timestamp;
  std::int64_t step = 0;
  std::string run_id;
  double value = 0;
  bool is_nan = false;
  std::optional<std::string> dataset_name;
  std::optional<std::string> dataset_digest;
};
BOOST_DESCRIBE_STRUCT(MetricRow, (), (model, key, timestamp, step, run_id, value, is_nan, dataset_name, dataset_digest))

constexpr std::string_view kSelectModels = R"sql(
select number, id, experiment_id, name, creation_time, last_update_time, artifact_uri, status, status_message,
       model_type, source_run_id, lifecycle_stage
from logged_models
)sql";

std::unexpected<Error> no_model(std::string_view id) { return not_found("Logged model with ID '{}' not found.", id); }

LoggedModel to_model(ModelRow row) {
  return {.id = std::move(row.id),
          .experiment_id = std::to_string(row.experiment_id),
          .name = std::move(row.name),
          .creation_time = row.creation_time,
          .last_update_time = row.last_update_time,
          .artifact_uri = std::move(row.artifact_uri),
          .status = row.status,
          .status_message = row.status_message.value_or(""),
          .model_type = row.model_type.value_or(""),
          .source_run_id = row.source_run_id.value_or(""),
          .lifecycle_stage = row.lifecycle_stage};
}

ModelMetric to_metric(MetricRow row) {
  const double value = row.is_nan ? std::numeric_limits<double>::quiet_NaN() : row.value;
  return {.metric = {.key = std::move(row.key),
                     .value = value,
                     .timestamp = row.timestamp,
                     .step = row.step,
                     .dataset_name = row.dataset_name.value_or(""),
                     .dataset_digest = row.dataset_digest.value_or("")},
          .run_id = std::move(row.run_id)};
}

// The models of the rows, in their order, with params, tags and metrics.
Result<std::vector<LoggedModel>> load_models(db::Database& database, std::vector<ModelRow> rows) {
  std::vector<LoggedModel> models;
  std::map<std::int64_t, std::size_t> places;
  std::vector<std::int64_t> numbers;
  for (ModelRow& row : rows) {
    places.emplace(row.number, models.size());
    numbers.push_back(row.number);
    models.push_back(to_model(std::move(row)));
  }
  const std::string list = json_list(numbers);
  for (TagRow& row : TRY(database.query<TagRow>(R"sql(
select model, key, value
from logged_model_params
where model in (select cast(value as bigint) from json_each(?))
order by model, key
)sql",
                                                list))) {
    models[places[row.owner]].params.push_back({std::move(row.key), std::move(row.value)});
  }
  for (TagRow& row : TRY(database.query<TagRow>(R"sql(
select model, key, value
from logged_model_tags
where model in (select cast(value as bigint) from json_each(?))
order by model, key
)sql",
                                                list))) {
    models[places[row.owner]].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  for (MetricRow& row : TRY(database.query<MetricRow>(R"sql(
select model, key, timestamp, step, run_id, value, is_nan, dataset_name, dataset_digest
from logged_model_metrics
where model in (select cast(value as bigint) from json_each(?))
order by model, key, timestamp, step, run_id
)sql",
                                                      list))) {
    LoggedModel& model = models[places[row.model]];
    model.metrics.push_back(to_metric(std::move(row)));
    model.metrics.back().metric.model_id = model.id;
  }
  return models;
}

Result<std::int64_t> model_number(db::Transaction& tx, std::string_view id) {
  const auto numbers = TRY(tx.query<std::int64_t>("select number from logged_models where id = ?", id));
  if (numbers.empty()) return no_model(id);
  return numbers.front();
}

Result<void> add_params(db::Transaction& tx, std::int64_t model, const std::vector<Param>& params) {
  for (const Param& param : params) {
    const std::string_view value = cut(param.value, kMaxParamValue);
    const auto added =
        TRY(tx.execute("insert into logged_model_params (model, key, value) values (?, ?, ?) on conflict do nothing",
                       model, param.key, value));
    if (added > 0) continue;
    const auto old = TRY(
        tx.query<std::string>("select value from logged_model_params where model = ? and key = ?", model, param.key));
    if (old.front() == value) continue;
    return invalid_argument(
        "Changing param values is not allowed. Param with key='{}' was already logged with value='{}'. Attempted "
        "logging new value '{}'.",
        param.key, old.front(), value);
  }
  return {};
}

Result<void> put_tags(db::Transaction& tx, std::int64_t model, const std::vector<Tag>& tags) {
  for (const Tag& tag : tags) {
    TRY(tx.execute(R"sql(
insert into logged_model_tags (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                   model, tag.key, cut(tag.value, kMaxTagValue)));
  }
  return {};
}

}  // namespace

std::string_view to_text(ModelStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

bool from_text(std::string_view text, ModelStatus& status) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i] != text) continue;
    status = static_cast<ModelStatus>(i);
    return true;
  }
  return false;
}

Result<LoggedModel> LoggedModels::create(const NewLoggedModel& model) {
  if (model.name) TRY(check_logged_model_name(*model.name));
  const std::int64_t experiment = TRY(experiment_number(model.experiment_id));
  const std::string id = "m-" + ids_.next();
  const std::string name = model.name.value_or(run_name_of(id));
  const Timestamp now = clock_.now();
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
    const std::string artifacts =
        artifact_uri_below(TRY(active_artifact_location(tx, experiment)), fmt::format("models/{}/artifacts", id));
    const auto number = TRY(tx.insert(R"sql(
insert into logged_models (id, experiment_id, name, creation_time, last_update_time, artifact_uri, status, model_type,
                           source_run_id)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''))
returning number
)sql",
                                      id, experiment, name, now, now, artifacts, ModelStatus::kPending,
                                      model.model_type, model.source_run_id));
    TRY(add_params(tx, number, model.params));
    return put_tags(tx, number, model.tags);
  }));
  return find(id);
}

Result<LoggedModel> LoggedModels::find(std::string_view id, Deleted deleted) const {
  auto models =
      TRY(load_models(database_, TRY(database_.query<ModelRow>(std::string(kSelectModels) + " where id = ?", id))));
  const bool hidden = !models.empty() && models.front().lifecycle_stage == LifecycleStage::kDeleted;
  if (models.empty() || (hidden && deleted == Deleted::kHidden)) return no_model(id);
  return std::move(models.front());
}

Result<std::vector<LoggedModel>> LoggedModels::load(const std::vector<std::int64_t>& numbers) const {
  std::map<std::int64_t, std::size_t> places;
  for (const std::int64_t number : numbers) places.emplace(number, places.size());
  auto rows = TRY(database_.query<ModelRow>(
      std::string(kSelectModels) + " where number in (select cast(value as bigint) from json_each(?))",
      json_list(numbers)));
  std::ranges::sort(rows, {}, [&](const ModelRow& row) { return places[row.number]; });
  return load_models(database_, std::move(rows));
}

Result<LoggedModel> LoggedModels::set_status(std::string_view id, ModelStatus status) {
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
    const auto changed = TRY(
        tx.execute("update logged_models set status = ?, last_update_time = ? where id = ?", status, clock_.now(), id));
    if (changed == 0) return no_model(id);
    return {};
  }));
  return find(id, Deleted::kShown);
}

Result<void> LoggedModels::log_params(std::string_view id, const std::vector<Param>& params) {
  return database_.write(
      [&](db::Transaction& tx) -> Result<void> { return add_params(tx, TRY(model_number(tx, id)), params); });
}

Result<void> LoggedModels::set_tags(std::string_view id, const std::vector<Tag>& tags) {
  return database_.write(
      [&](db::Transaction& tx) -> Result<void> { return put_tags(tx, TRY(model_number(tx, id)), tags); });
}

Result<void> LoggedModels::delete_tag(std::string_view id, std::string_view key) {
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    const auto deleted =
        TRY(tx.execute("delete from logged_model_tags where model = ? and key = ?", TRY(model_number(tx, id)), key));
    if (deleted == 0) return not_found("No tag with key '{}' found for model with ID '{}'.", key, id);
    return {};
  });
}

Result<void> LoggedModels::remove(std::string_view id) {
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    const auto changed =
        TRY(tx.execute("update logged_models set lifecycle_stage = ?, last_update_time = ? where id = ?",
                       LifecycleStage::kDeleted, clock_.now(), id));
    if (changed == 0) return no_model(id);
    return {};
  });
}

Result<void> log_model_metric(db::Transaction& tx, std::string_view run_id, const Metric& metric) {
  const bool is_nan = std::isnan(metric.value);
  TRY(tx.execute(R"sql(
insert into logged_model_metrics (model, key, timestamp, step, run_id, value, is_nan, dataset_name, dataset_digest)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''))
on conflict do nothing
)sql",
                 TRY(model_number(tx, metric.model_id)), metric.key, metric.timestamp, metric.step, run_id,
                 is_nan ? 0 : storable(metric.value), is_nan, metric.dataset_name, metric.dataset_digest));
  return {};
}

}  // namespace millrace::tracking
