#include "transfer/mlflow_database.h"

#include <algorithm>
#include <array>
#include <boost/describe.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "db/catalog.h"
#include "db/connection.h"
#include "db/row.h"
#include "transfer/local_files.h"
#include "transfer/mlflow_text.h"
#include "transfer/span_json.h"

namespace millrace::transfer {

namespace {

namespace fs = std::filesystem;

// The schema that MLflow 3.17 makes.
constexpr std::string_view kSchema = "dc11669786a5";
constexpr std::string_view kSqlite = "sqlite:///";

struct ExperimentRow {
  std::string id, name, artifact_location, lifecycle_stage;
  std::int64_t creation_time = 0, last_update_time = 0;
};
BOOST_DESCRIBE_STRUCT(ExperimentRow, (),
                      (id, name, artifact_location, lifecycle_stage, creation_time, last_update_time))

struct PairRow {
  std::string key, value;
};
BOOST_DESCRIBE_STRUCT(PairRow, (), (key, value))

struct RunRow {
  std::string id, experiment_id, name, user_id, status, lifecycle_stage, artifact_uri;
  std::int64_t start_time = 0;
  std::optional<std::int64_t> end_time, deleted_time;
};
BOOST_DESCRIBE_STRUCT(RunRow, (),
                      (id, experiment_id, name, user_id, status, lifecycle_stage, artifact_uri, start_time, end_time,
                       deleted_time))

struct DatasetRow {
  std::string input, name, digest, source_type, source;
  std::optional<std::string> schema, profile;
};
BOOST_DESCRIBE_STRUCT(DatasetRow, (), (input, name, digest, source_type, source, schema, profile))

struct LinkRow {
  std::string model_id;
  std::int64_t step = 0;
};
BOOST_DESCRIBE_STRUCT(LinkRow, (), (model_id, step))

struct CountRow {
  std::string key;
  std::int64_t points = 0;
};
BOOST_DESCRIBE_STRUCT(CountRow, (), (key, points))

struct PointRow {
  std::int64_t timestamp = 0, step = 0;
  double value = 0;
  std::int64_t is_nan = 0;
};
BOOST_DESCRIBE_STRUCT(PointRow, (), (timestamp, step, value, is_nan))

struct ModelRow {
  std::string id, experiment_id, name, artifact_uri, lifecycle_stage, model_type, source_run_id, status_message;
  std::int64_t creation_time = 0, last_update_time = 0, status = 0;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (),
                      (id, experiment_id, name, artifact_uri, lifecycle_stage, model_type, source_run_id,
                       status_message, creation_time, last_update_time, status))

struct ModelMetricRow {
  std::string key;
  std::int64_t timestamp = 0, step = 0;
  std::optional<double> value;
  std::string run_id, dataset_name, dataset_digest;
};
BOOST_DESCRIBE_STRUCT(ModelMetricRow, (), (key, timestamp, step, value, run_id, dataset_name, dataset_digest))

struct TraceRow {
  std::string id, experiment_id, status;
  std::int64_t request_time = 0;
  std::optional<std::int64_t> execution_ms;
  std::optional<std::string> client_request_id, request_preview, response_preview, name, session;
};
BOOST_DESCRIBE_STRUCT(TraceRow, (),
                      (id, experiment_id, status, request_time, execution_ms, client_request_id, request_preview,
                       response_preview, name, session))

// Metadata that MLflow 3.17 moved into columns of the trace's row.
struct UsageRow {
  std::optional<std::int64_t> input, output, total, cache_read, cache_creation, cache_creation_above_1hr;
  std::optional<double> input_cost, output_cost, total_cost;
};
BOOST_DESCRIBE_STRUCT(UsageRow, (),
                      (input, output, total, cache_read, cache_creation, cache_creation_above_1hr, input_cost,
                       output_cost, total_cost))

// {"input_tokens": 3}, with blanks as Python writes it; "" where there is nothing.
template <typename Number>
std::string numbers_json(std::initializer_list<std::pair<const char*, std::optional<Number>>> numbers) {
  std::string out;
  for (const auto& [key, number] : numbers) {
    if (number) out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", key, *number);
  }
  return out.empty() ? out : "{" + out + "}";
}

void put(std::vector<tracking::Tag>& items, std::string_view key, const std::string& value) {
  if (value.empty()) return;
  std::erase_if(items, [&](const tracking::Tag& item) { return item.key == key; });
  items.push_back({std::string(key), value});
  std::ranges::sort(items, {}, &tracking::Tag::key);
}

struct AssessmentRow {
  std::string id, name, type, value, error, source_type, source_id, span_id, overrides, metadata;
  std::optional<std::string> rationale;
  std::int64_t create_time = 0, last_update_time = 0, valid = 0;
};
BOOST_DESCRIBE_STRUCT(AssessmentRow, (),
                      (id, name, type, value, error, source_type, source_id, span_id, overrides, metadata, rationale,
                       create_time, last_update_time, valid))

struct SetRow {
  std::string id, name, digest;
  std::optional<std::string> schema, profile;
  std::int64_t created_time = 0, last_update_time = 0;
  std::optional<std::string> created_by, last_updated_by;
};
BOOST_DESCRIBE_STRUCT(SetRow, (),
                      (id, name, digest, schema, profile, created_time, last_update_time, created_by, last_updated_by))

struct RecordRow {
  std::string id, inputs;
  std::optional<std::string> outputs, expectations, tags, source, source_id, source_type;
  std::int64_t created_time = 0, last_update_time = 0;
  std::optional<std::string> created_by, last_updated_by;
};
BOOST_DESCRIBE_STRUCT(RecordRow, (),
                      (id, inputs, outputs, expectations, tags, source, source_id, source_type, created_time,
                       last_update_time, created_by, last_updated_by))

struct RegisteredRow {
  std::string name, description;
  std::int64_t creation_time = 0, last_updated_time = 0;
};
BOOST_DESCRIBE_STRUCT(RegisteredRow, (), (name, description, creation_time, last_updated_time))

struct AliasRow {
  std::string name;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(AliasRow, (), (name, version))

struct VersionRow {
  std::int64_t version = 0;
  std::string source, storage, run_id, run_link, user_id, stage, description;
  std::int64_t creation_time = 0, last_updated_time = 0;
};
BOOST_DESCRIBE_STRUCT(VersionRow, (),
                      (version, source, storage, run_id, run_link, user_id, stage, description, creation_time,
                       last_updated_time))

template <typename Pair>
std::vector<Pair> pairs_of(std::vector<PairRow> rows) {
  std::vector<Pair> pairs;
  for (PairRow& row : rows) pairs.push_back({std::move(row.key), std::move(row.value)});
  return pairs;
}

// What Millrace has no place for: its name, and how it is counted.
struct Uncarried {
  std::string_view what;
  std::string_view count;
};
constexpr std::array kUncarried = {
    Uncarried{"experiments of other workspaces", "select count(*) from experiments where workspace <> 'default'"},
    Uncarried{"registered models of other workspaces",
              "select count(*) from registered_models where workspace <> 'default'"},
    Uncarried{"webhooks (their secrets are sealed by that server)",
              "select count(*) from webhooks where deleted_timestamp is null"},
    Uncarried{"spans that are archived elsewhere", "select count(*) from spans where content = ''"},
    Uncarried{"scorers", "select count(*) from scorers"},
    Uncarried{"issues", "select count(*) from issues"},
    Uncarried{"label schemas", "select count(*) from label_schemas"},
    Uncarried{"review queues", "select count(*) from review_queues"},
    Uncarried{"gateway endpoints", "select count(*) from endpoints"},
    Uncarried{"gateway secrets", "select count(*) from secrets"},
    Uncarried{"gateway model definitions", "select count(*) from model_definitions"},
    Uncarried{"guardrails", "select count(*) from guardrails"},
    Uncarried{"budget policies", "select count(*) from budget_policies"},
    Uncarried{"MCP servers", "select count(*) from mcp_servers"},
    Uncarried{"jobs", "select count(*) from jobs"},
};

// Left to itself, SQLite takes the primary key, which begins with the metric's key, and reads that metric of all runs.
std::string select_points(std::string_view uri) {
  return fmt::format(R"sql(
select timestamp, step, value, case when is_nan then 1 else 0 end
from metrics {}
where run_uuid = ? and key = ?
)sql",
                     uri.starts_with("sqlite:") ? "indexed by index_metrics_run_uuid_key_step" : "");
}

class MlflowDatabase final : public Source {
 public:
  MlflowDatabase(std::unique_ptr<db::Backend> backend, std::unique_ptr<db::Connection> connection, fs::path base,
                 fs::path artifacts, std::string select_points)
      : backend_(std::move(backend)),
        connection_(std::move(connection)),
        base_(std::move(base)),
        artifacts_(std::move(artifacts)),
        select_points_(std::move(select_points)) {}

  Result<void> begin(View view) {
    TRY(check_schema());
    if (view == View::kOneMoment) TRY(backend_->catalog().begin_snapshot(*connection_));
    return {};
  }

  const std::string& place() const override { return backend_->place(); }

  Result<std::vector<tracking::Experiment>> experiments() override {
    std::vector<tracking::Experiment> experiments;
    for (ExperimentRow& row : TRY(query<ExperimentRow>(R"sql(
select cast(experiment_id as text), name, coalesce(artifact_location, ''), coalesce(lifecycle_stage, 'active'),
       coalesce(creation_time, 0), coalesce(last_update_time, 0)
from experiments
where workspace = 'default'
order by experiment_id
)sql"))) {
      tracking::Experiment experiment{.id = std::move(row.id),
                                      .name = std::move(row.name),
                                      .artifact_location = std::move(row.artifact_location),
                                      .creation_time = moment(row.creation_time),
                                      .last_update_time = moment(row.last_update_time)};
      from_text(row.lifecycle_stage, experiment.lifecycle_stage);
      experiment.tags = pairs_of<tracking::Tag>(TRY(
          query<PairRow>("select key, coalesce(value, '') from experiment_tags where experiment_id = ? order by key",
                         TRY(number_of(experiment.id)))));
      experiments.push_back(std::move(experiment));
    }
    return experiments;
  }

  Result<std::vector<std::string>> run_ids(const std::string& experiment_id) override {
    return query<std::string>("select run_uuid from runs where experiment_id = ? order by start_time, run_uuid",
                              TRY(number_of(experiment_id)));
  }

  Result<tracking::Run> run(const std::string& id) override {
    auto rows = TRY(query<RunRow>(R"sql(
select run_uuid, cast(experiment_id as text), coalesce(name, ''), coalesce(user_id, ''), coalesce(status, 'RUNNING'),
       coalesce(lifecycle_stage, 'active'), coalesce(artifact_uri, ''), coalesce(start_time, 0), end_time, deleted_time
from runs
where run_uuid = ?
)sql",
                                  id));
    if (rows.empty()) return not_found("run {} is gone from {}", id, place());
    RunRow& row = rows.front();
    tracking::Run run{.id = std::move(row.id),
                      .experiment_id = std::move(row.experiment_id),
                      .name = std::move(row.name),
                      .start_time = moment(row.start_time),
                      .end_time = moment(row.end_time),
                      .deleted_time = moment(row.deleted_time),
                      .artifact_uri = std::move(row.artifact_uri),
                      .user_id = std::move(row.user_id)};
    from_text(row.status, run.status);
    from_text(row.lifecycle_stage, run.lifecycle_stage);
    run.params = pairs_of<tracking::Param>(
        TRY(query<PairRow>("select key, value from params where run_uuid = ? order by key", id)));
    run.tags = pairs_of<tracking::Tag>(
        TRY(query<PairRow>("select key, coalesce(value, '') from tags where run_uuid = ? order by key", id)));
    TRY(add_inputs(run));
    return run;
  }

  Result<std::map<std::string, std::int64_t>> count_points(const std::string& run_id) override {
    std::map<std::string, std::int64_t> counts;
    for (CountRow& row :
         TRY(query<CountRow>("select key, count(*) from metrics where run_uuid = ? group by key", run_id))) {
      counts.emplace(std::move(row.key), row.points);
    }
    return counts;
  }

  Result<std::vector<tracking::Metric>> points(const std::string& run_id, const std::string& key) override {
    auto rows = TRY(query<PointRow>(select_points_, run_id, key));
    std::ranges::sort(rows, {}, [](const PointRow& row) { return std::tuple(row.timestamp, row.step, row.value); });
    std::vector<tracking::Metric> points;
    for (const PointRow& row : rows) {
      points.push_back({.key = key,
                        .value = row.is_nan != 0 ? std::numeric_limits<double>::quiet_NaN() : row.value,
                        .timestamp = moment(row.timestamp),
                        .step = row.step});
    }
    return points;
  }

  Result<std::vector<std::string>> logged_model_ids(const std::string& experiment_id) override {
    return query<std::string>(
        "select model_id from logged_models where experiment_id = ? order by creation_timestamp_ms, model_id",
        TRY(number_of(experiment_id)));
  }

  Result<tracking::LoggedModel> logged_model(const std::string& id) override {
    auto rows = TRY(query<ModelRow>(R"sql(
select model_id, cast(experiment_id as text), name, artifact_location, coalesce(lifecycle_stage, 'active'),
       coalesce(model_type, ''), coalesce(source_run_id, ''), coalesce(status_message, ''), creation_timestamp_ms,
       last_updated_timestamp_ms, status
from logged_models
where model_id = ?
)sql",
                                    id));
    if (rows.empty()) return not_found("logged model {} is gone from {}", id, place());
    ModelRow& row = rows.front();
    tracking::LoggedModel model{.id = std::move(row.id),
                                .experiment_id = std::move(row.experiment_id),
                                .name = std::move(row.name),
                                .creation_time = moment(row.creation_time),
                                .last_update_time = moment(row.last_update_time),
                                .artifact_uri = std::move(row.artifact_uri),
                                .status = model_status(row.status),
                                .status_message = std::move(row.status_message),
                                .model_type = std::move(row.model_type),
                                .source_run_id = std::move(row.source_run_id)};
    from_text(row.lifecycle_stage, model.lifecycle_stage);
    model.params = pairs_of<tracking::Param>(TRY(query<PairRow>(
        "select param_key, param_value from logged_model_params where model_id = ? order by param_key", id)));
    model.tags = pairs_of<tracking::Tag>(TRY(
        query<PairRow>("select tag_key, tag_value from logged_model_tags where model_id = ? order by tag_key", id)));
    TRY(add_metrics(model));
    return model;
  }

  Result<std::vector<std::string>> trace_ids(const std::string& experiment_id) override {
    return query<std::string>(
        "select request_id from trace_info where experiment_id = ? order by timestamp_ms, request_id",
        TRY(number_of(experiment_id)));
  }

  Result<TraceRecord> trace(const std::string& id) override {
    auto rows = TRY(query<TraceRow>(R"sql(
select request_id, cast(experiment_id as text), status, timestamp_ms, execution_time_ms, client_request_id,
       request_preview, response_preview, trace_name, session_id
from trace_info
where request_id = ?
)sql",
                                    id));
    if (rows.empty()) return not_found("trace {} is gone from {}", id, place());
    TraceRow& row = rows.front();
    tracking::TraceInfo info{.id = std::move(row.id),
                             .experiment_id = std::move(row.experiment_id),
                             .client_request_id = std::move(row.client_request_id),
                             .request_preview = std::move(row.request_preview),
                             .response_preview = std::move(row.response_preview),
                             .request_time = moment(row.request_time),
                             .execution_ms = row.execution_ms};
    from_text(row.status, info.state);
    info.tags = pairs_of<tracking::Tag>(
        TRY(query<PairRow>("select key, coalesce(value, '') from trace_tags where request_id = ? order by key", id)));
    info.metadata = pairs_of<tracking::Tag>(TRY(query<PairRow>(
        "select key, coalesce(value, '') from trace_request_metadata where request_id = ? order by key", id)));
    put(info.tags, tracking::trace_key::kName, row.name.value_or(""));
    put(info.metadata, tracking::trace_key::kSession, row.session.value_or(""));
    TRY(add_usage(info));
    TRY(add_assessments(info));
    TraceRecord record{.trace = {.info = std::move(info)}};
    record.trace.spans = TRY(spans_of(record.trace.info));
    TRY(add_links(record));
    return record;
  }

  Result<std::vector<EvaluationSet>> evaluation_sets() override {
    std::vector<EvaluationSet> sets;
    for (SetRow& row : TRY(query<SetRow>(R"sql(
select dataset_id, name, coalesce(digest, ''), schema, profile, coalesce(created_time, 0),
       coalesce(last_update_time, 0), created_by, last_updated_by
from evaluation_datasets
where workspace = 'default'
order by created_time, dataset_id
)sql"))) {
      EvaluationSet set{.dataset = {.id = std::move(row.id),
                                    .name = std::move(row.name),
                                    .digest = std::move(row.digest),
                                    .schema = std::move(row.schema),
                                    .profile = std::move(row.profile),
                                    .created_time = moment(row.created_time),
                                    .last_update_time = moment(row.last_update_time),
                                    .created_by = std::move(row.created_by),
                                    .last_updated_by = std::move(row.last_updated_by)}};
      set.dataset.tags = pairs_of<tracking::Tag>(TRY(query<PairRow>(
          "select key, coalesce(value, '') from evaluation_dataset_tags where dataset_id = ? order by key",
          set.dataset.id)));
      set.dataset.experiment_ids = TRY(query<std::string>(
          "select destination_id from entity_associations where source_type = 'evaluation_dataset' and source_id = ? "
          "and destination_type = 'experiment' order by destination_id",
          set.dataset.id));
      set.records = TRY(records_of(set.dataset.id));
      sets.push_back(std::move(set));
    }
    return sets;
  }

  Result<std::vector<registry::Model>> models() override {
    std::vector<registry::Model> models;
    for (RegisteredRow& row : TRY(query<RegisteredRow>(R"sql(
select name, coalesce(description, ''), coalesce(creation_time, 0), coalesce(last_updated_time, 0)
from registered_models
where workspace = 'default'
order by name
)sql"))) {
      registry::Model model{.name = std::move(row.name),
                            .description = std::move(row.description),
                            .creation_time = moment(row.creation_time),
                            .last_updated_time = moment(row.last_updated_time),
                            .aliases = {},
                            .tags = {}};
      for (AliasRow& alias : TRY(query<AliasRow>("select alias, version from registered_model_aliases where workspace "
                                                 "= 'default' and name = ? order by 1",
                                                 model.name))) {
        model.aliases.push_back({std::move(alias.name), alias.version});
      }
      model.tags = pairs_of<registry::Tag>(TRY(query<PairRow>(
          "select key, coalesce(value, '') from registered_model_tags where workspace = 'default' and name = ? "
          "order by key",
          model.name)));
      models.push_back(std::move(model));
    }
    return models;
  }

  Result<std::vector<registry::ModelVersion>> versions(const std::string& model) override {
    std::vector<registry::ModelVersion> versions;
    for (VersionRow& row : TRY(query<VersionRow>(R"sql(
select version, coalesce(source, ''), coalesce(storage_location, ''), coalesce(run_id, ''), coalesce(run_link, ''),
       coalesce(user_id, ''), coalesce(current_stage, 'None'), coalesce(description, ''), coalesce(creation_time, 0),
       coalesce(last_updated_time, 0)
from model_versions
where workspace = 'default' and name = ? and coalesce(current_stage, 'None') <> 'Deleted_Internal'
order by version
)sql",
                                                 model))) {
      registry::ModelVersion version{.model = model,
                                     .version = row.version,
                                     .source = std::move(row.source),
                                     .storage = std::move(row.storage),
                                     .run_id = std::move(row.run_id),
                                     .run_link = std::move(row.run_link),
                                     .user_id = std::move(row.user_id),
                                     .description = std::move(row.description),
                                     .creation_time = moment(row.creation_time),
                                     .last_updated_time = moment(row.last_updated_time)};
      version.model_id = model_id_of(version.source);
      from_text(row.stage, version.stage);
      version.tags = pairs_of<registry::Tag>(TRY(query<PairRow>(
          "select key, coalesce(value, '') from model_version_tags where workspace = 'default' and name = ? and "
          "version = ? order by key",
          model, version.version)));
      versions.push_back(std::move(version));
    }
    return versions;
  }

  Result<std::optional<std::vector<SourceFile>>> files(const std::string& uri) override {
    const auto folder = local_folder(uri, base_, artifacts_);
    if (!folder) return std::nullopt;
    return TRY(files_below(*folder));
  }

  Result<fs::path> fetch(const std::string& uri, const SourceFile& file) override {
    const auto folder = local_folder(uri, base_, artifacts_);
    if (!folder) return not_found("{} is not on this machine", uri);
    return *folder / file.path;
  }

  Result<std::vector<LeftBehind>> left_behind() override {
    std::vector<LeftBehind> left;
    for (const Uncarried& kind : kUncarried) {
      const auto count = TRY(query<std::int64_t>(kind.count)).front();
      if (count > 0) left.push_back({std::string(kind.what), count});
    }
    return left;
  }

 private:
  template <typename Row, typename... Args>
  Result<std::vector<Row>> query(std::string_view sql, const Args&... args) {
    const std::array<db::Value, sizeof...(Args)> values{db::to_value(args)...};
    return db::read_rows<Row>(TRY(connection_->run(sql, values)));
  }

  Result<void> check_schema() {
    const auto found = query<std::string>("select version_num from alembic_version");
    if (!found) return failed_precondition("{} is no database of an MLflow ({})", place(), found.error().message);
    if (found->empty()) return failed_precondition("{} is an MLflow's database that is not set up yet", place());
    if (found->front() == kSchema) return {};
    return failed_precondition(
        "{} has the schema {}, not that of MLflow 3.17 ({}); if it is older, run `mlflow db upgrade` of MLflow 3.17 on "
        "it; if it is newer, take a newer millrace",
        place(), found->front(), kSchema);
  }

  Result<void> add_inputs(tracking::Run& run) {
    for (DatasetRow& row : TRY(query<DatasetRow>(R"sql(
select i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
from inputs i
join datasets d on d.dataset_uuid = i.source_id
where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id = ?
order by d.name, d.digest
)sql",
                                                 run.id))) {
      run.inputs.push_back({.dataset = {std::move(row.name), std::move(row.digest), std::move(row.source_type),
                                        std::move(row.source), std::move(row.schema), std::move(row.profile)},
                            .tags = pairs_of<tracking::Tag>(TRY(query<PairRow>(
                                "select name, value from input_tags where input_uuid = ? order by name", row.input)))});
    }
    constexpr std::string_view kModels = R"sql(
select destination_id, step
from inputs
where source_type = ? and source_id = ? and destination_type = ?
order by step, destination_id
)sql";
    for (LinkRow& row : TRY(query<LinkRow>(kModels, "RUN_INPUT", run.id, "MODEL_INPUT"))) {
      run.model_inputs.push_back(std::move(row.model_id));
    }
    for (LinkRow& row : TRY(query<LinkRow>(kModels, "RUN_OUTPUT", run.id, "MODEL_OUTPUT"))) {
      run.model_outputs.push_back({std::move(row.model_id), row.step});
    }
    return {};
  }

  Result<void> add_metrics(tracking::LoggedModel& model) {
    for (ModelMetricRow& row : TRY(query<ModelMetricRow>(R"sql(
select metric_name, metric_timestamp_ms, metric_step, metric_value, run_id, coalesce(dataset_name, ''),
       coalesce(dataset_digest, '')
from logged_model_metrics
where model_id = ?
order by metric_name, metric_timestamp_ms, metric_step, run_id
)sql",
                                                         model.id))) {
      model.metrics.push_back({.metric = {.key = std::move(row.key),
                                          .value = row.value.value_or(std::numeric_limits<double>::quiet_NaN()),
                                          .timestamp = moment(row.timestamp),
                                          .step = row.step,
                                          .model_id = model.id,
                                          .dataset_name = std::move(row.dataset_name),
                                          .dataset_digest = std::move(row.dataset_digest)},
                               .run_id = std::move(row.run_id)});
    }
    return {};
  }

  Result<void> add_usage(tracking::TraceInfo& info) {
    const auto rows = TRY(query<UsageRow>(R"sql(
select input_tokens, output_tokens, total_tokens, cache_read_input_tokens, cache_creation_input_tokens,
       cache_creation_input_tokens_above_1hr, input_cost, output_cost, total_cost
from trace_info
where request_id = ?
)sql",
                                          info.id));
    if (rows.empty()) return {};
    const UsageRow& row = rows.front();
    put(info.metadata, tracking::trace_key::kTokenUsage,
        numbers_json<std::int64_t>({{"input_tokens", row.input},
                                    {"output_tokens", row.output},
                                    {"total_tokens", row.total},
                                    {"cache_read_input_tokens", row.cache_read},
                                    {"cache_creation_input_tokens", row.cache_creation},
                                    {"cache_creation_input_tokens_above_1hr", row.cache_creation_above_1hr}}));
    put(info.metadata, tracking::trace_key::kCost,
        numbers_json<double>(
            {{"input_cost", row.input_cost}, {"output_cost", row.output_cost}, {"total_cost", row.total_cost}}));
    return {};
  }

  Result<void> add_assessments(tracking::TraceInfo& info) {
    for (AssessmentRow& row : TRY(query<AssessmentRow>(R"sql(
select assessment_id, name, assessment_type, value, coalesce(error, ''), source_type, coalesce(source_id, ''),
       coalesce(span_id, ''), coalesce(overrides, ''), coalesce(assessment_metadata, ''), rationale,
       created_timestamp, last_updated_timestamp, case when valid then 1 else 0 end
from assessments
where trace_id = ?
order by created_timestamp, assessment_id
)sql",
                                                       info.id))) {
      tracking::Assessment assessment{.id = std::move(row.id),
                                      .trace_id = info.id,
                                      .name = std::move(row.name),
                                      .value = compact(row.value),
                                      .error = assessment_error(row.error),
                                      .source_type = std::move(row.source_type),
                                      .source_id = std::move(row.source_id),
                                      .rationale = std::move(row.rationale),
                                      .metadata = text_map(row.metadata),
                                      .span_id = std::move(row.span_id),
                                      .create_time = moment(row.create_time),
                                      .last_update_time = moment(row.last_update_time),
                                      .overrides = std::move(row.overrides),
                                      .valid = row.valid != 0};
      from_text(row.type, assessment.kind);
      info.assessments.push_back(std::move(assessment));
    }
    return {};
  }

  // They are rows, or of old in a file of the trace's artifacts.
  Result<std::vector<tracking::Span>> spans_of(const tracking::TraceInfo& info) {
    std::vector<tracking::Span> spans;
    for (const std::string& content : TRY(query<std::string>(
             "select content from spans where trace_id = ? and content <> '' order by start_time_unix_nano, span_id",
             info.id))) {
      spans.push_back(TRY(read_span(TRY(parse_json(content)), info.id)));
    }
    if (!spans.empty()) return spans;
    const auto at = std::ranges::find(info.tags, tracking::trace_key::kArtifactLocation, &tracking::Tag::key);
    const auto folder = at == info.tags.end() ? std::nullopt : local_folder(at->value, base_, artifacts_);
    std::error_code error;
    if (!folder || !fs::exists(*folder / "traces.json", error)) return spans;
    return read_spans(TRY(read_file(*folder / "traces.json")), info.id);
  }

  Result<void> add_links(TraceRecord& record) {
    constexpr std::string_view kLinks = R"sql(
select destination_id
from entity_associations
where source_type = 'trace' and source_id = ? and destination_type = ?
order by destination_id
)sql";
    record.run_ids = TRY(query<std::string>(kLinks, record.trace.info.id, "run"));
    for (const std::string& prompt : TRY(query<std::string>(kLinks, record.trace.info.id, "prompt_version"))) {
      const auto slash = prompt.rfind('/');
      if (slash == std::string::npos) continue;
      record.prompts.push_back({prompt.substr(0, slash), prompt.substr(slash + 1)});
    }
    return {};
  }

  Result<std::vector<tracking::EvaluationRecord>> records_of(const std::string& dataset) {
    std::vector<tracking::EvaluationRecord> records;
    for (RecordRow& row : TRY(query<RecordRow>(R"sql(
select dataset_record_id, inputs, outputs, expectations, tags, source, source_id, source_type,
       coalesce(created_time, 0), coalesce(last_update_time, 0), created_by, last_updated_by
from evaluation_dataset_records
where dataset_id = ?
order by created_time, dataset_record_id
)sql",
                                               dataset))) {
      records.push_back({.id = std::move(row.id),
                         .inputs = compact(row.inputs),
                         .outputs = unwrapped(row.outputs),
                         .expectations = compact(row.expectations),
                         .tags = compact(row.tags),
                         .source = compact(row.source),
                         .source_id = std::move(row.source_id),
                         .source_type = std::move(row.source_type),
                         .created_time = moment(row.created_time),
                         .last_update_time = moment(row.last_update_time),
                         .created_by = std::move(row.created_by),
                         .last_updated_by = std::move(row.last_updated_by)});
    }
    return records;
  }

  const std::unique_ptr<db::Backend> backend_;
  const std::unique_ptr<db::Connection> connection_;
  const fs::path base_;
  const fs::path artifacts_;
  const std::string select_points_;
};

// "postgresql+psycopg2://" is "postgresql://".
std::string without_driver(const std::string& uri) {
  const auto scheme = uri.find("://");
  const auto plus = uri.find('+');
  return plus < scheme ? uri.substr(0, plus) + uri.substr(scheme) : uri;
}

}  // namespace

bool is_database_uri(std::string_view uri) {
  return uri.starts_with(kSqlite) || uri.starts_with("postgresql://") || uri.starts_with("postgresql+");
}

Result<std::unique_ptr<Source>> open_mlflow_database(const SourceOptions& options, View view) {
  std::string uri = options.uri;
  fs::path base = fs::current_path();
  if (uri.starts_with(kSqlite)) {
    const fs::path file = fs::absolute(uri.substr(kSqlite.size()));
    std::error_code error;
    if (!fs::is_regular_file(file, error)) return not_found("there is no database {}", file.string());
    base = file.parent_path();
    uri = "sqlite:" + file.string();
  }
  uri = without_driver(uri);
  auto backend = TRY(db::find_backend(uri));
  auto connection = TRY(backend->open_reader());
  auto source = std::make_unique<MlflowDatabase>(std::move(backend), std::move(connection), base, options.artifacts,
                                                 select_points(uri));
  TRY(source->begin(view));
  return source;
}

}  // namespace millrace::transfer
