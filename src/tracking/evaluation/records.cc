#include <boost/describe.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/db.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/evaluation/rows.h"

namespace millrace::tracking {

namespace {

struct RecordRow {
  std::int64_t number = 0;
  std::string id;
  std::string inputs;
  std::optional<std::string> outputs;
  std::optional<std::string> expectations;
  std::optional<std::string> tags;
  std::optional<std::string> source;
  std::optional<std::string> source_id;
  std::optional<std::string> source_type;
  Timestamp created_time;
  Timestamp last_update_time;
  std::optional<std::string> created_by;
  std::optional<std::string> last_updated_by;
};
BOOST_DESCRIBE_STRUCT(RecordRow, (),
                      (number, id, inputs, outputs, expectations, tags, source, source_id, source_type, created_time,
                       last_update_time, created_by, last_updated_by))

struct StateRow {
  std::string name;
  std::optional<std::string> schema;
};
BOOST_DESCRIBE_STRUCT(StateRow, (), (name, schema))

constexpr std::string_view kSelectRecords = R"sql(
select number, id, inputs, outputs, expectations, tags, source, source_id, source_type, created_time,
       last_update_time, created_by, last_updated_by
from evaluation_records
)sql";

EvaluationRecord to_record(RecordRow row) {
  return {.id = std::move(row.id),
          .inputs = std::move(row.inputs),
          .outputs = std::move(row.outputs),
          .expectations = std::move(row.expectations),
          .tags = std::move(row.tags),
          .source = std::move(row.source),
          .source_id = std::move(row.source_id),
          .source_type = std::move(row.source_type),
          .created_time = row.created_time,
          .last_update_time = row.last_update_time,
          .created_by = std::move(row.created_by),
          .last_updated_by = std::move(row.last_updated_by)};
}

Result<void> insert(db::Transaction& tx, std::int64_t dataset, std::string_view hash, const EvaluationRecord& record) {
  TRY(tx.execute(R"sql(
insert into evaluation_records (id, dataset, input_hash, inputs, outputs, expectations, tags, source, source_id,
                                source_type, created_time, last_update_time, created_by, last_updated_by)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
)sql",
                 record.id, dataset, hash, record.inputs, record.outputs, record.expectations, record.tags,
                 record.source, record.source_id, record.source_type, record.created_time, record.last_update_time,
                 record.created_by, record.last_updated_by));
  return {};
}

Result<void> update(db::Transaction& tx, std::int64_t number, const EvaluationRecord& record) {
  TRY(tx.execute(R"sql(
update evaluation_records
set outputs = ?, expectations = ?, tags = ?, last_update_time = ?, last_updated_by = ?
where number = ?
)sql",
                 record.outputs, record.expectations, record.tags, record.last_update_time, record.last_updated_by,
                 number));
  return {};
}

Result<void> update_profile(db::Transaction& tx, std::int64_t dataset) {
  const auto count = TRY(tx.query<std::int64_t>("select count(*) from evaluation_records where dataset = ?", dataset));
  const auto profile =
      count.front() == 0 ? std::nullopt : std::optional(fmt::format(R"({{"num_records": {}}})", count.front()));
  TRY(tx.execute("update evaluation_datasets set profile = ? where number = ?", profile, dataset));
  return {};
}

std::optional<std::string> last_user(const Json& records) {
  std::optional<std::string> user;
  for (const Json& record : records) {
    const auto made = new_record(record);
    if (made && made->created_by) user = made->created_by;
  }
  return user;
}

Result<void> update_state(db::Transaction& tx, std::int64_t dataset, const Json& records, Timestamp now) {
  const StateRow state =
      TRY(tx.query<StateRow>("select name, schema from evaluation_datasets where number = ?", dataset)).front();
  TRY(tx.execute(R"sql(
update evaluation_datasets
set schema = ?, digest = ?, last_update_time = ?, last_updated_by = coalesce(?, last_updated_by)
where number = ?
)sql",
                 widened_schema(state.schema.value_or(""), records), evaluation_digest(state.name, now), now,
                 last_user(records), dataset));
  return update_profile(tx, dataset);
}

}  // namespace

Result<void> EvaluationDatasets::upsert_record(db::Transaction& tx, std::int64_t dataset, const Json& record,
                                               Upserted& counts) {
  const std::string hash = input_hash(record);
  const Timestamp now = parts_.clock.now();
  auto known =
      TRY(tx.query<RecordRow>(std::string(kSelectRecords) + " where dataset = ? and input_hash = ?", dataset, hash));
  if (known.empty()) {
    EvaluationRecord made = TRY(new_record(record));
    made.id = "dr-" + parts_.ids.next();
    made.created_time = made.last_update_time = now;
    ++counts.inserted;
    return insert(tx, dataset, hash, made);
  }
  const std::int64_t number = known.front().number;
  EvaluationRecord changed = TRY(merged(to_record(std::move(known.front())), record));
  changed.last_update_time = now;
  ++counts.updated;
  return update(tx, number, changed);
}

Result<Upserted> EvaluationDatasets::upsert(std::string_view id, const Json& records) {
  if (!records.is_array()) return invalid_argument("Records must be a list of objects.");
  Upserted counts;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    counts = {};
    const std::int64_t dataset = TRY(evaluation_dataset_number(tx, id));
    for (const Json& record : records) TRY(upsert_record(tx, dataset, record, counts));
    return update_state(tx, dataset, records, parts_.clock.now());
  }));
  return counts;
}

Result<Page<EvaluationRecord>> EvaluationDatasets::records(std::string_view id, int limit,
                                                           std::string_view page_token) const {
  if (limit < 1) return invalid_argument("max_results must be a positive integer, not {}", limit);
  const std::int64_t after = page_token.empty() ? 0 : TRY(cursor_integer(page_token));
  const auto datasets =
      TRY(parts_.database.query<std::int64_t>("select number from evaluation_datasets where id = ?", id));
  if (datasets.empty()) return no_evaluation_dataset(id);
  auto rows = TRY(parts_.database.query<RecordRow>(
      std::string(kSelectRecords) + " where dataset = ? and number > ? order by number limit ?", datasets.front(),
      after, std::int64_t{limit} + 1));
  Page<EvaluationRecord> page;
  if (std::cmp_greater(rows.size(), limit)) {
    rows.resize(static_cast<std::size_t>(limit));
    page.next = std::to_string(rows.back().number);
  }
  for (RecordRow& row : rows) page.items.push_back(to_record(std::move(row)));
  return page;
}

Result<std::int64_t> EvaluationDatasets::delete_records(std::string_view id,
                                                        const std::vector<std::string>& record_ids) {
  std::int64_t deleted = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t dataset = TRY(evaluation_dataset_number(tx, id));
    deleted =
        TRY(tx.execute("delete from evaluation_records where dataset = ? and id in (select value from json_each(?))",
                       dataset, dump_json(Json(record_ids))));
    return update_profile(tx, dataset);
  }));
  return deleted;
}

}  // namespace millrace::tracking
