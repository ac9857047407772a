#pragma once

#include <boost/describe.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "db/db.h"
#include "registry/entities.h"

namespace millrace::registry {

// Rows of the registry's tables, and whole entities made of them.

BOOST_DESCRIBE_STRUCT(AliasChange, (), (id, model, alias, version, previous, reason, pipeline_run, event_time))

struct ModelRow {
  std::int64_t number = 0;
  std::string name;
  std::string description;
  Timestamp creation_time;
  Timestamp last_updated_time;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (number, name, description, creation_time, last_updated_time))

struct VersionRow {
  std::int64_t number = 0;
  std::int64_t model_number = 0;
  std::string model;
  std::int64_t version = 0;
  std::string source;
  std::string storage;
  std::string run_id;
  std::string run_link;
  std::string model_id;
  std::string user_id;
  Stage stage = Stage::kNone;
  std::string signature;
  std::string folder;
  std::string description;
  std::string pipeline_run;
  Timestamp creation_time;
  Timestamp last_updated_time;
};
BOOST_DESCRIBE_STRUCT(VersionRow, (),
                      (number, model_number, model, version, source, storage, run_id, run_link, model_id, user_id,
                       stage, signature, folder, description, pipeline_run, creation_time, last_updated_time))

inline constexpr std::string_view kSelectModels = R"sql(
select number, name, description, creation_time, last_updated_time
from registered_models
)sql";

// Those that are not deleted; goes on with "and".
inline constexpr std::string_view kSelectVersions = R"sql(
select v.number, m.number, m.name, v.version, v.source, v.storage, v.run_id, v.run_link, v.model_id, v.user_id,
  v.stage, v.signature, v.folder, v.description, v.pipeline_run, v.creation_time, v.last_updated_time
from model_versions v join registered_models m on m.number = v.model
where v.deleted_time is null
)sql";

std::unexpected<Error> no_model(std::string_view name);
std::unexpected<Error> no_version(std::string_view model, std::int64_t version);

// Either of these reads from a db::Database, or within a db::Transaction.
template <class Source>
Result<ModelRow> find_model_row(Source& source, std::string_view name) {
  auto rows = TRY(source.template query<ModelRow>(std::string(kSelectModels) + "where name = ?", name));
  if (rows.empty()) return no_model(name);
  return std::move(rows.front());
}

template <class Source>
Result<VersionRow> find_version_row(Source& source, std::string_view model, std::int64_t version) {
  auto rows = TRY(source.template query<VersionRow>(std::string(kSelectVersions) + "and m.name = ? and v.version = ?",
                                                    model, version));
  if (!rows.empty()) return std::move(rows.front());
  TRY(find_model_row(source, model));
  return no_version(model, version);
}

// Whether the model is a prompt.
Result<bool> is_prompt(db::Transaction& tx, std::int64_t model);

// The entities of the rows, in their order, with aliases and tags.
Result<std::vector<Model>> load_models(db::Database& database, std::vector<ModelRow> rows);
Result<std::vector<ModelVersion>> load_versions(db::Database& database, std::vector<VersionRow> rows);
// The same within a transaction, of one.
Result<Model> load_model(db::Transaction& tx, ModelRow row);
Result<ModelVersion> load_version(db::Transaction& tx, VersionRow row);

// Numbers as one value of a statement: "in (select cast(value as bigint) from json_each(?))".
std::string list_of(const std::vector<std::int64_t>& numbers);

Json tags_json(const std::vector<Tag>& tags);  // an object
std::string folder_json(const Folder& folder);

}  // namespace millrace::registry
