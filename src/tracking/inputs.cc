#include "tracking/inputs.h"

#include <fmt/ranges.h>

#include <boost/describe.hpp>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::string_view kIn = "input";
constexpr std::string_view kOut = "output";
constexpr int kMostSummaries = 1000;

struct InputRow {
  std::int64_t run = 0;
  std::int64_t dataset = 0;
  std::string name;
  std::string digest;
  std::string source_type;
  std::string source;
  std::optional<std::string> schema;
  std::optional<std::string> profile;
};
BOOST_DESCRIBE_STRUCT(InputRow, (), (run, dataset, name, digest, source_type, source, schema, profile))

struct InputTagRow {
  std::int64_t run = 0;
  std::int64_t dataset = 0;
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(InputTagRow, (), (run, dataset, key, value))

struct ModelRow {
  std::int64_t run = 0;
  std::string direction;
  std::string model_id;
  std::int64_t step = 0;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (run, direction, model_id, step))

struct SummaryRow {
  std::int64_t experiment_id = 0;
  std::string name;
  std::string digest;
  std::optional<std::string> context;
};
BOOST_DESCRIBE_STRUCT(SummaryRow, (), (experiment_id, name, digest, context))

Result<std::int64_t> dataset_number(db::Transaction& tx, std::int64_t experiment, const Dataset& dataset) {
  TRY(tx.execute(R"sql(
insert into logged_datasets (experiment_id, name, digest, source_type, source, schema, profile)
values (?, ?, ?, ?, ?, ?, ?)
on conflict do nothing
)sql",
                 experiment, dataset.name, dataset.digest, dataset.source_type, dataset.source, dataset.schema,
                 dataset.profile));
  return TRY(tx.query<std::int64_t>(
                 "select id from logged_datasets where experiment_id = ? and name = ? and digest = ?", experiment,
                 dataset.name, dataset.digest))
      .front();
}

// A dataset that the run has read already keeps its tags.
Result<void> add_input(db::Transaction& tx, const ActiveRun& run, const DatasetInput& input) {
  const std::int64_t dataset = TRY(dataset_number(tx, run.experiment_id, input.dataset));
  const auto added = TRY(
      tx.execute("insert into run_inputs (run, dataset) values (?, ?) on conflict do nothing", run.number, dataset));
  if (added == 0) return {};
  for (const Tag& tag : input.tags) {
    TRY(tx.execute(R"sql(
insert into run_input_tags (run, dataset, key, value)
values (?, ?, ?, ?)
on conflict (run, dataset, key) do update set value = excluded.value
)sql",
                   run.number, dataset, tag.key, tag.value));
  }
  return {};
}

Result<void> add_model(db::Transaction& tx, std::int64_t run, std::string_view direction, const ModelOutput& model) {
  TRY(tx.execute(R"sql(
insert into run_models (run, direction, model_id, step)
values (?, ?, ?, ?)
on conflict (run, direction, model_id) do update set step = excluded.step
)sql",
                 run, direction, model.model_id, model.step));
  return {};
}

// Has room for as many values as there are.
std::string question_marks(std::size_t count) {
  return fmt::format("{}", fmt::join(std::vector<std::string_view>(count, "?"), ", "));
}

}  // namespace

Result<void> add_inputs(db::Transaction& tx, const ActiveRun& where, const Run& run) {
  for (const DatasetInput& input : run.inputs) TRY(add_input(tx, where, input));
  for (const std::string& id : run.model_inputs) TRY(add_model(tx, where.number, kIn, {id}));
  for (const ModelOutput& model : run.model_outputs) TRY(add_model(tx, where.number, kOut, model));
  return {};
}

Result<void> Store::log_inputs(std::string_view run_id, const std::vector<DatasetInput>& inputs,
                               const std::vector<std::string>& model_ids) {
  TRY(check_run_id(run_id));
  for (const DatasetInput& input : inputs) TRY(check_dataset_input(input));
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    for (const DatasetInput& input : inputs) TRY(add_input(tx, run, input));
    for (const std::string& id : model_ids) TRY(add_model(tx, run.number, kIn, {id}));
    return {};
  });
}

Result<void> Store::log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) {
  return change_run(run_id, [&](db::Transaction& tx, const ActiveRun& run) -> Result<void> {
    for (const ModelOutput& model : models) TRY(add_model(tx, run.number, kOut, model));
    return {};
  });
}

Result<std::vector<DatasetSummary>> Store::list_datasets(const std::vector<std::string>& experiment_ids) const {
  std::vector<db::Value> values;
  for (const std::string& id : experiment_ids) values.emplace_back(TRY(experiment_number(id)));
  const std::string sql = fmt::format(R"sql(
select distinct logged_datasets.experiment_id, logged_datasets.name, logged_datasets.digest, run_input_tags.value
from logged_datasets
join run_inputs on run_inputs.dataset = logged_datasets.id
left join run_input_tags
  on run_input_tags.run = run_inputs.run
  and run_input_tags.dataset = run_inputs.dataset
  and run_input_tags.key = 'mlflow.data.context'
where logged_datasets.experiment_id in ({})
order by 1, 2, 3, 4
limit {}
)sql",
                                      question_marks(values.size()), kMostSummaries);
  std::vector<DatasetSummary> summaries;
  for (SummaryRow& row : TRY(parts_.database.query_with<SummaryRow>(sql, values))) {
    summaries.push_back(
        {std::to_string(row.experiment_id), std::move(row.name), std::move(row.digest), std::move(row.context)});
  }
  return summaries;
}

Result<void> load_inputs(db::Database& database, const std::string& numbers,
                         const std::function<Run&(std::int64_t)>& run_of) {
  auto models = TRY(database.query<ModelRow>(R"sql(
select run, direction, model_id, step
from run_models
where run in (select cast(value as bigint) from json_each(?))
order by run, direction, step, model_id
)sql",
                                             numbers));
  for (ModelRow& row : models) {
    Run& run = run_of(row.run);
    if (row.direction == kIn)
      run.model_inputs.push_back(std::move(row.model_id));
    else
      run.model_outputs.push_back({std::move(row.model_id), row.step});
  }
  auto inputs = TRY(database.query<InputRow>(R"sql(
select run, dataset, name, digest, source_type, source, schema, profile
from run_inputs
join logged_datasets on logged_datasets.id = run_inputs.dataset
where run in (select cast(value as bigint) from json_each(?))
order by run, dataset
)sql",
                                             numbers));
  if (inputs.empty()) return {};
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Tag>> tags;
  for (InputTagRow& row : TRY(database.query<InputTagRow>(R"sql(
select run, dataset, key, value
from run_input_tags
where run in (select cast(value as bigint) from json_each(?))
order by run, dataset, key
)sql",
                                                          numbers))) {
    tags[{row.run, row.dataset}].push_back({std::move(row.key), std::move(row.value)});
  }
  for (InputRow& row : inputs) {
    DatasetInput input{.dataset = {std::move(row.name), std::move(row.digest), std::move(row.source_type),
                                   std::move(row.source), std::move(row.schema), std::move(row.profile)},
                       .tags = std::move(tags[{row.run, row.dataset}])};
    run_of(row.run).inputs.push_back(std::move(input));
  }
  return {};
}

}  // namespace millrace::tracking
