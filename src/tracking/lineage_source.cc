#include "tracking/lineage_source.h"

#include <boost/describe.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "db/db.h"
#include "tracking/entities.h"

namespace millrace::tracking {

namespace {

using lineage::Direction;
using Ids = std::vector<std::string>;

constexpr std::string_view kRun = "run:";
constexpr std::string_view kDataset = "dataset:";
constexpr std::string_view kModel = "logged_model:";

// What a node says of itself with tags of its run.
constexpr std::pair<std::string_view, std::string_view> kTold[] = {
    {"mlflow.source.git.commit", "commit"},
    {"mlflow.source.git.repoURL", "repository"},
    {"mlflow.source.name", "source"},
    {"mlflow.parentRunId", "parent_run"},
    {"millrace.commit", "commit"},
    {"millrace.pipeline", "pipeline"},
    {"millrace.pipeline_run", "pipeline_run"},
    {"millrace.feature_service", "feature_service"},
    {"millrace.feature_definitions", "feature_definitions"},
    {"millrace.datasets", "datasets"},
};

struct LoggedDataset {
  std::string_view name;
  std::string_view digest;
};

std::optional<LoggedDataset> dataset_of(std::string_view id) {
  const auto at = id.rfind('@');
  if (!id.starts_with(kDataset) || at == std::string_view::npos) return std::nullopt;
  return LoggedDataset{id.substr(kDataset.size(), at - kDataset.size()), id.substr(at + 1)};
}

struct DatasetRow {
  std::string name;
  std::string digest;
  std::string source_type;
  std::string source;
  std::optional<std::string> schema;
};
BOOST_DESCRIBE_STRUCT(DatasetRow, (), (name, digest, source_type, source, schema))

struct RunNode {
  std::int64_t number = 0;
  std::string name;
  std::string status;
  std::string experiment;
  std::string user;
  std::string stage;
  Timestamp start;
  std::optional<Timestamp> end;
};
BOOST_DESCRIBE_STRUCT(RunNode, (), (number, name, status, experiment, user, stage, start, end))

struct ModelNode {
  std::string name;
  std::string type;
  std::string status;
  std::string stage;
  std::string experiment;
  Timestamp created;
};
BOOST_DESCRIBE_STRUCT(ModelNode, (), (name, type, status, stage, experiment, created))

struct TagText {
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(TagText, (), (key, value))

Ids prefixed(std::string_view prefix, Ids ids) {
  for (std::string& id : ids) id.insert(0, prefix);
  return ids;
}

void append(Ids& ids, Ids more) {
  for (std::string& id : more) ids.push_back(std::move(id));
}

Result<Ids> read_by_run(db::Database& database, std::string_view run, int limit) {
  Ids ids;
  for (const DatasetRow& row : TRY(database.query<DatasetRow>(R"sql(
select d.name, d.digest, d.source_type, d.source, d.schema
from run_inputs i join logged_datasets d on d.id = i.dataset join runs r on r.number = i.run
where r.id = ?
order by d.name, d.digest
limit ?
)sql",
                                                              run, limit))) {
    ids.push_back(fmt::format("{}{}@{}", kDataset, row.name, row.digest));
  }
  append(ids, prefixed(kModel, TRY(database.query<std::string>(R"sql(
select m.model_id
from run_models m join runs r on r.number = m.run
where r.id = ? and m.direction = 'input'
order by m.model_id
limit ?
)sql",
                                                               run, limit))));
  return ids;
}

Result<Ids> logged_by_run(db::Database& database, std::string_view run, int limit) {
  return prefixed(kModel, TRY(database.query<std::string>(R"sql(
select id from logged_models where source_run_id = ?
union
select m.model_id from run_models m join runs r on r.number = m.run where r.id = ? and m.direction = 'output'
order by 1
limit ?
)sql",
                                                          run, run, limit)));
}

Result<Ids> readers_of_dataset(db::Database& database, const LoggedDataset& dataset, int limit) {
  return prefixed(kRun, TRY(database.query<std::string>(R"sql(
select r.id
from logged_datasets d join run_inputs i on i.dataset = d.id join runs r on r.number = i.run
where d.name = ? and d.digest = ?
order by r.id
limit ?
)sql",
                                                        dataset.name, dataset.digest, limit)));
}

Result<std::vector<DatasetRow>> find_datasets(db::Database& database, const LoggedDataset& dataset) {
  return database.query<DatasetRow>(
      "select name, digest, source_type, source, schema from logged_datasets where name = ? and digest = ?"
      " order by id limit 1",
      dataset.name, dataset.digest);
}

Result<Ids> origin_of_dataset(db::Database& database, const LoggedDataset& dataset) {
  const auto rows = TRY(find_datasets(database, dataset));
  auto node = rows.empty() ? std::string() : external_dataset_node(rows.front().source);
  return node.empty() ? Ids{} : Ids{std::move(node)};
}

// What runs have read of "dataset:s3://bucket#path".
Result<Ids> read_from(db::Database& database, const std::string& id, int limit) {
  const auto scheme = id.find("://");
  const auto path = id.find('#', scheme == std::string::npos ? id.size() : scheme);
  if (path == std::string::npos) return Ids{};
  Ids ids;
  for (const DatasetRow& row : TRY(database.query<DatasetRow>(
           "select distinct name, digest, source_type, source, schema from logged_datasets where source like ?"
           " order by 1, 2 limit ?",
           fmt::format("%{}%", id.substr(path + 1)), limit))) {
    if (external_dataset_node(row.source) == id) ids.push_back(fmt::format("{}{}@{}", kDataset, row.name, row.digest));
  }
  return ids;
}

Result<Ids> maker_of_model(db::Database& database, std::string_view model, int limit) {
  return prefixed(kRun, TRY(database.query<std::string>(R"sql(
select source_run_id from logged_models where id = ? and source_run_id is not null and source_run_id <> ''
union
select r.id from run_models m join runs r on r.number = m.run where m.model_id = ? and m.direction = 'output'
order by 1
limit ?
)sql",
                                                        model, model, limit)));
}

Result<Ids> readers_of_model(db::Database& database, std::string_view model, int limit) {
  return prefixed(kRun, TRY(database.query<std::string>(R"sql(
select r.id
from run_models m join runs r on r.number = m.run
where m.model_id = ? and m.direction = 'input'
order by r.id
limit ?
)sql",
                                                        model, limit)));
}

// Of sources such as {"uri": "s3://data/flights.csv"}; MLflow's classes call it uri, path or url.
std::string uri_of(std::string_view source) {
  const auto json = parse_json(source);
  if (!json || !json->is_object()) return {};
  for (const auto* key : {"uri", "url", "path", "table_name"}) {
    if (json->contains(key) && (*json)[key].is_string()) return (*json)[key].get<std::string>();
  }
  return {};
}

void mark_deleted(Json& data, std::string_view stage) {
  if (stage != to_text(LifecycleStage::kActive)) data["deleted"] = true;
}

Result<bool> describe_run(db::Database& database, lineage::Node& node) {
  const auto rows = TRY(database.query<RunNode>(R"sql(
select r.number, r.name, r.status, e.name, r.user_id, r.lifecycle_stage, r.start_time, r.end_time
from runs r join experiments e on e.id = r.experiment_id
where r.id = ?
)sql",
                                                std::string_view(node.id).substr(kRun.size())));
  if (rows.empty()) return false;
  const RunNode& row = rows.front();
  node.kind = "run";
  node.name = row.name;
  node.event_time = row.start;
  node.data["experiment"] = row.experiment;
  node.data["status"] = row.status;
  if (!row.user.empty()) node.data["user"] = row.user;
  if (row.end) node.data["end_time"] = format_time(*row.end);
  for (const TagText& tag : TRY(database.query<TagText>(
           "select key, value from run_tags where run = ? and (key like 'mlflow.%' or key like 'millrace.%')",
           row.number))) {
    for (const auto& [key, told] : kTold) {
      if (tag.key == key && !tag.value.empty()) node.data[told] = tag.value;
    }
  }
  mark_deleted(node.data, row.stage);
  return true;
}

Result<bool> describe_dataset(db::Database& database, const LoggedDataset& dataset, lineage::Node& node) {
  const auto rows = TRY(find_datasets(database, dataset));
  if (rows.empty()) return false;
  const DatasetRow& row = rows.front();
  node.kind = "dataset";
  node.name = row.name;
  node.data["digest"] = row.digest;
  node.data["source_type"] = row.source_type;
  if (auto uri = uri_of(row.source); !uri.empty()) node.data["source"] = std::move(uri);
  if (row.schema) node.data["schema"] = parse_json(*row.schema).value_or(Json(nullptr));
  return true;
}

Result<bool> describe_model(db::Database& database, lineage::Node& node) {
  const auto rows = TRY(database.query<ModelNode>(R"sql(
select m.name, coalesce(m.model_type, ''), m.status, m.lifecycle_stage, e.name, m.creation_time
from logged_models m join experiments e on e.id = m.experiment_id
where m.id = ?
)sql",
                                                  std::string_view(node.id).substr(kModel.size())));
  if (rows.empty()) return false;
  const ModelNode& row = rows.front();
  node.kind = "logged_model";
  node.name = row.name;
  node.event_time = row.created;
  node.data["experiment"] = row.experiment;
  if (!row.type.empty()) node.data["type"] = row.type;
  mark_deleted(node.data, row.stage);
  return true;
}

}  // namespace

std::string external_dataset_node(std::string_view source) {
  const std::string uri = uri_of(source);
  const auto scheme = uri.find("://");
  if (scheme == std::string::npos || scheme == 0) return {};
  const auto slash = uri.find('/', scheme + 3);
  if (slash == std::string::npos || slash + 1 == uri.size()) return {};
  return fmt::format("{}{}#{}", kDataset, uri.substr(0, slash), uri.substr(slash + 1));
}

Result<Ids> LineageSource::neighbours(const std::string& id, Direction direction, int limit) const {
  const std::string_view text(id);
  const bool upstream = direction == Direction::kUpstream;
  if (text.starts_with(kRun)) {
    const auto run = text.substr(kRun.size());
    return upstream ? read_by_run(database_, run, limit) : logged_by_run(database_, run, limit);
  }
  if (text.starts_with(kModel)) {
    const auto model = text.substr(kModel.size());
    return upstream ? maker_of_model(database_, model, limit) : readers_of_model(database_, model, limit);
  }
  Ids ids;
  if (const auto dataset = dataset_of(text)) {
    ids = upstream ? TRY(origin_of_dataset(database_, *dataset)) : TRY(readers_of_dataset(database_, *dataset, limit));
  }
  if (text.starts_with(kDataset) && !upstream) append(ids, TRY(read_from(database_, id, limit)));
  return ids;
}

Result<bool> LineageSource::describe(lineage::Node& node) const {
  if (node.id.starts_with(kRun)) return describe_run(database_, node);
  if (node.id.starts_with(kModel)) return describe_model(database_, node);
  if (const auto dataset = dataset_of(node.id)) return describe_dataset(database_, *dataset, node);
  return false;
}

}  // namespace millrace::tracking
