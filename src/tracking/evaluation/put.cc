#include <nlohmann/json.hpp>

#include "db/db.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

Result<std::int64_t> put_dataset(db::Transaction& tx, const EvaluationDataset& dataset) {
  return tx.insert(R"sql(
insert into evaluation_datasets (id, name, digest, schema, profile, created_time, last_update_time, created_by,
                                 last_updated_by)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update
set name = excluded.name, digest = excluded.digest, schema = excluded.schema, profile = excluded.profile,
    last_update_time = excluded.last_update_time, last_updated_by = excluded.last_updated_by
returning number
)sql",
                   dataset.id, dataset.name, dataset.digest, dataset.schema, dataset.profile, dataset.created_time,
                   dataset.last_update_time, dataset.created_by, dataset.last_updated_by);
}

Result<void> put_links(db::Transaction& tx, std::int64_t number, const EvaluationDataset& dataset) {
  for (const Tag& tag : dataset.tags) {
    TRY(tx.execute(R"sql(
insert into evaluation_dataset_tags (dataset, key, value)
values (?, ?, ?)
on conflict (dataset, key) do update set value = excluded.value
)sql",
                   number, tag.key, tag.value));
  }
  for (const std::string& id : dataset.experiment_ids) {
    const std::int64_t experiment = TRY(experiment_number(id));
    if (TRY(tx.query<std::int64_t>("select id from experiments where id = ?", experiment)).empty()) {
      return not_found("No Experiment with id={} exists", experiment);
    }
    TRY(tx.execute(
        "insert into evaluation_dataset_experiments (dataset, experiment_id) values (?, ?) on conflict do nothing",
        number, experiment));
  }
  return {};
}

Result<void> put_record(db::Transaction& tx, std::int64_t dataset, const EvaluationRecord& record) {
  const Json inputs = TRY(parse_json(record.inputs));
  TRY(tx.execute(R"sql(
insert into evaluation_records (id, dataset, input_hash, inputs, outputs, expectations, tags, source, source_id,
                                source_type, created_time, last_update_time, created_by, last_updated_by)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (dataset, input_hash) do update
set outputs = excluded.outputs, expectations = excluded.expectations, tags = excluded.tags,
    last_update_time = excluded.last_update_time, last_updated_by = excluded.last_updated_by
)sql",
                 record.id, dataset, input_hash({{"inputs", inputs}}), record.inputs, record.outputs,
                 record.expectations, record.tags, record.source, record.source_id, record.source_type,
                 record.created_time, record.last_update_time, record.created_by, record.last_updated_by));
  return {};
}

}  // namespace

Result<void> EvaluationDatasets::put(const EvaluationDataset& dataset, const std::vector<EvaluationRecord>& records) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t number = TRY(put_dataset(tx, dataset));
    TRY(put_links(tx, number, dataset));
    for (const EvaluationRecord& record : records) TRY(put_record(tx, number, record));
    return {};
  });
}

}  // namespace millrace::tracking
