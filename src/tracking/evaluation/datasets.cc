#include "tracking/evaluation/datasets.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "db/db.h"
#include "search/search.h"
#include "tracking/evaluation/rows.h"
#include "tracking/evaluation/schema.h"
#include "tracking/rows.h"
#include "tracking/search.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::string_view kUser = "mlflow.user";
constexpr std::size_t kDigestLength = 8;

struct DatasetRow {
  std::int64_t number = 0;
  std::string id;
  std::string name;
  std::string digest;
  std::optional<std::string> schema;
  std::optional<std::string> profile;
  Timestamp created_time;
  Timestamp last_update_time;
  std::optional<std::string> created_by;
  std::optional<std::string> last_updated_by;
};
BOOST_DESCRIBE_STRUCT(DatasetRow, (),
                      (number, id, name, digest, schema, profile, created_time, last_update_time, created_by,
                       last_updated_by))

struct LinkRow {
  std::int64_t dataset = 0;
  std::int64_t experiment_id = 0;
};
BOOST_DESCRIBE_STRUCT(LinkRow, (), (dataset, experiment_id))

constexpr std::string_view kSelectDatasets = R"sql(
select number, id, name, digest, schema, profile, created_time, last_update_time, created_by, last_updated_by
from evaluation_datasets
)sql";

const search::Schema& dataset_schema() {
  using search::Nulls;
  using search::Type;
  static const search::Schema schema{
      .table = "evaluation_datasets",
      .number = "evaluation_datasets.number",
      .entities =
          {{.name = "attribute",
            .aliases = {"attributes", "attr", "dataset"},
            .fields =
                {{.name = "name", .column = "evaluation_datasets.name"},
                 {.name = "dataset_id", .column = "evaluation_datasets.id"},
                 {.name = "created_by", .column = "evaluation_datasets.created_by", .nulls = Nulls::kPossible},
                 {.name = "last_updated_by",
                  .column = "evaluation_datasets.last_updated_by",
                  .nulls = Nulls::kPossible},
                 {.name = "created_time", .type = Type::kTime, .column = "evaluation_datasets.created_time"},
                 {.name = "last_update_time", .type = Type::kTime, .column = "evaluation_datasets.last_update_time"}}},
           {.name = "tag",
            .aliases = {"tags"},
            .rows = {.from = "evaluation_dataset_tags k", .owner = "k.dataset", .value = "k.value", .key = "k.key"}}},
      .default_order = {{"evaluation_datasets.created_time", true}, {"evaluation_datasets.id", true}},
      .ties = {{"evaluation_datasets.id", true}}};
  return schema;
}

EvaluationDataset to_dataset(DatasetRow row) {
  return {.id = std::move(row.id),
          .name = std::move(row.name),
          .digest = std::move(row.digest),
          .schema = std::move(row.schema),
          .profile = std::move(row.profile),
          .created_time = row.created_time,
          .last_update_time = row.last_update_time,
          .created_by = std::move(row.created_by),
          .last_updated_by = std::move(row.last_updated_by)};
}

// In the order of the rows, with tags and experiments.
Result<std::vector<EvaluationDataset>> load(db::Database& database, std::vector<DatasetRow> rows) {
  std::vector<EvaluationDataset> datasets;
  std::vector<std::int64_t> numbers;
  std::map<std::int64_t, std::size_t> places;
  for (DatasetRow& row : rows) {
    places[row.number] = datasets.size();
    numbers.push_back(row.number);
    datasets.push_back(to_dataset(std::move(row)));
  }
  const std::string list = json_list(numbers);
  for (TagRow& row : TRY(database.query<TagRow>(R"sql(
select dataset, key, value
from evaluation_dataset_tags
where dataset in (select cast(value as bigint) from json_each(?))
order by dataset, key
)sql",
                                                list))) {
    datasets[places[row.owner]].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  for (const LinkRow& row : TRY(database.query<LinkRow>(R"sql(
select dataset, experiment_id
from evaluation_dataset_experiments
where dataset in (select cast(value as bigint) from json_each(?))
order by dataset, experiment_id
)sql",
                                                        list))) {
    datasets[places[row.dataset]].experiment_ids.push_back(std::to_string(row.experiment_id));
  }
  return datasets;
}

Result<void> put_tags(db::Transaction& tx, std::int64_t dataset, const std::vector<Tag>& tags) {
  for (const Tag& tag : tags) {
    TRY(tx.execute(R"sql(
insert into evaluation_dataset_tags (dataset, key, value)
values (?, ?, ?)
on conflict (dataset, key) do update set value = excluded.value
)sql",
                   dataset, tag.key, tag.value));
  }
  return {};
}

Result<void> link(db::Transaction& tx, std::int64_t dataset, const std::vector<std::string>& experiment_ids) {
  for (const std::string& id : experiment_ids) {
    const std::int64_t experiment = TRY(experiment_number(id));
    if (TRY(tx.query<std::int64_t>("select id from experiments where id = ?", experiment)).empty()) {
      return not_found("No Experiment with id={} exists", id);
    }
    TRY(tx.execute(
        "insert into evaluation_dataset_experiments (dataset, experiment_id) values (?, ?) on conflict do nothing",
        dataset, experiment));
  }
  return {};
}

Result<void> touch(db::Transaction& tx, std::int64_t dataset, Timestamp now) {
  TRY(tx.execute("update evaluation_datasets set last_update_time = ? where number = ?", now, dataset));
  return {};
}

std::optional<std::string> user_of(const std::vector<Tag>& tags) {
  const auto user = std::ranges::find(tags, kUser, &Tag::key);
  return user == tags.end() ? std::nullopt : std::optional(user->value);
}

Result<search::Request> request_of(const EvaluationSearch& asked, Timestamp now) {
  search::Request request{.schema = dataset_schema(), .filter = asked.filter, .order_by = asked.order_by, .now = now};
  if (asked.experiment_ids.empty()) return request;
  std::vector<std::int64_t> experiments;
  for (const std::string& id : asked.experiment_ids) experiments.push_back(TRY(experiment_number(id)));
  request.where.add(
      "evaluation_datasets.number in (select dataset from evaluation_dataset_experiments where experiment_id in "
      "(select cast(value as bigint) from json_each(");
  request.where.value(json_list(experiments)).add(")))");
  return request;
}

}  // namespace

std::unexpected<Error> no_evaluation_dataset(std::string_view id) {
  return not_found("Evaluation dataset with id '{}' not found", id);
}

Result<std::int64_t> evaluation_dataset_number(db::Transaction& tx, std::string_view id) {
  const auto numbers = TRY(tx.query<std::int64_t>("select number from evaluation_datasets where id = ?", id));
  if (numbers.empty()) return no_evaluation_dataset(id);
  return numbers.front();
}

std::string evaluation_digest(std::string_view name, Timestamp now) {
  return sha256(fmt::format("{}:{}", name, now.us)).substr(0, kDigestLength);
}

Result<std::unique_ptr<EvaluationDatasets>> EvaluationDatasets::open(Parts parts) {
  TRY(db::migrate(parts.database, "evaluation", kEvaluationMigrations));
  return std::unique_ptr<EvaluationDatasets>(new EvaluationDatasets(parts));
}

Result<EvaluationDataset> EvaluationDatasets::create(const NewEvaluationDataset& dataset) {
  const std::string id = "d-" + parts_.ids.next();
  const Timestamp now = parts_.clock.now();
  const auto user = user_of(dataset.tags);
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto number = TRY(tx.insert(R"sql(
insert into evaluation_datasets (id, name, digest, created_time, last_update_time, created_by, last_updated_by)
values (?, ?, ?, ?, ?, ?, ?)
returning number
)sql",
                                      id, dataset.name, evaluation_digest(dataset.name, now), now, now, user, user));
    TRY(put_tags(tx, number, dataset.tags));
    return link(tx, number, dataset.experiment_ids);
  }));
  return find(id);
}

Result<EvaluationDataset> EvaluationDatasets::find(std::string_view id) const {
  auto rows = TRY(parts_.database.query<DatasetRow>(std::string(kSelectDatasets) + " where id = ?", id));
  if (rows.empty()) return no_evaluation_dataset(id);
  return TRY(load(parts_.database, std::move(rows))).front();
}

Result<Page<EvaluationDataset>> EvaluationDatasets::search(const EvaluationSearch& asked) const {
  if (asked.max_results < 1 || asked.max_results > kMaxSearchResults) {
    return invalid_argument("Invalid value {} for parameter 'max_results' supplied. It must be at most {}",
                            asked.max_results, kMaxSearchResults);
  }
  const search::Request request = TRY(request_of(asked, parts_.clock.now()));
  search::Found found = TRY(search::find(parts_.database, request, asked.max_results, asked.page_token));
  auto rows = TRY(parts_.database.query<DatasetRow>(
      std::string(kSelectDatasets) + " where number in (select cast(value as bigint) from json_each(?))",
      json_list(found.numbers)));
  std::ranges::sort(rows, {}, [&](const DatasetRow& row) { return std::ranges::find(found.numbers, row.number); });
  return Page<EvaluationDataset>{.items = TRY(load(parts_.database, std::move(rows))), .next = std::move(found.next)};
}

Result<void> EvaluationDatasets::remove(std::string_view id) {
  TRY(parts_.database.execute("delete from evaluation_datasets where id = ?", id));
  return {};
}

Result<void> EvaluationDatasets::set_tags(std::string_view id, const std::vector<Tag>& tags) {
  return parts_.database.write(
      [&](db::Transaction& tx) -> Result<void> { return put_tags(tx, TRY(evaluation_dataset_number(tx, id)), tags); });
}

Result<void> EvaluationDatasets::delete_tag(std::string_view id, std::string_view key) {
  TRY(parts_.database.execute(R"sql(
delete from evaluation_dataset_tags
where key = ?
  and dataset in (select number from evaluation_datasets where id = ?)
)sql",
                              key, id));
  return {};
}

Result<EvaluationDataset> EvaluationDatasets::add_experiments(std::string_view id,
                                                              const std::vector<std::string>& experiment_ids) {
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t dataset = TRY(evaluation_dataset_number(tx, id));
    TRY(link(tx, dataset, experiment_ids));
    return touch(tx, dataset, parts_.clock.now());
  }));
  return find(id);
}

Result<EvaluationDataset> EvaluationDatasets::remove_experiments(std::string_view id,
                                                                 const std::vector<std::string>& experiment_ids) {
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t dataset = TRY(evaluation_dataset_number(tx, id));
    for (const std::string& experiment : experiment_ids) {
      TRY(tx.execute("delete from evaluation_dataset_experiments where dataset = ? and experiment_id = ?", dataset,
                     TRY(experiment_number(experiment))));
    }
    return touch(tx, dataset, parts_.clock.now());
  }));
  return find(id);
}

}  // namespace millrace::tracking
