#include "registry/load.h"

#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::registry {

namespace {

struct OwnedTag {
  std::int64_t owner = 0;
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(OwnedTag, (), (owner, key, value))

struct OwnedAlias {
  std::int64_t owner = 0;
  std::string alias;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(OwnedAlias, (), (owner, alias, version))

constexpr std::string_view kAmong = "in (select cast(value as bigint) from json_each(?))";

Model to_model(ModelRow row) {
  return Model{.name = std::move(row.name),
               .description = std::move(row.description),
               .creation_time = row.creation_time,
               .last_updated_time = row.last_updated_time,
               .aliases = {},
               .tags = {}};
}

Folder parse_folder(std::string_view text) {
  const Json json = parse_json(text).value_or(Json::object());
  return Folder{.flavors = json.value("flavors", std::vector<std::string>()),
                .input_example = json.value("input_example", std::string()),
                .pickles = json.value("pickles", std::vector<std::string>())};
}

ModelVersion to_version(VersionRow row) {
  return ModelVersion{.model = std::move(row.model),
                      .version = row.version,
                      .source = std::move(row.source),
                      .storage = std::move(row.storage),
                      .run_id = std::move(row.run_id),
                      .run_link = std::move(row.run_link),
                      .model_id = std::move(row.model_id),
                      .user_id = std::move(row.user_id),
                      .stage = row.stage,
                      .signature = std::move(row.signature),
                      .folder = parse_folder(row.folder),
                      .description = std::move(row.description),
                      .pipeline_run = std::move(row.pipeline_run),
                      .creation_time = row.creation_time,
                      .last_updated_time = row.last_updated_time,
                      .aliases = {},
                      .tags = {}};
}

// The numbers of rows, and where each row's entity stands.
struct Numbers {
  std::string list;
  std::map<std::int64_t, std::size_t> places;

  template <typename Row>
  explicit Numbers(const std::vector<Row>& rows) {
    std::vector<std::int64_t> numbers;
    for (const Row& row : rows) {
      places.emplace(row.number, numbers.size());
      numbers.push_back(row.number);
    }
    list = list_of(numbers);
  }
};

template <typename Source>
Result<std::vector<Model>> models(Source& source, std::vector<ModelRow> rows) {
  const Numbers numbers(rows);
  std::vector<Model> list;
  for (ModelRow& row : rows) list.push_back(to_model(std::move(row)));
  if (list.empty()) return list;
  for (OwnedAlias& row : TRY(source.template query<OwnedAlias>(
           fmt::format("select a.model, a.alias, v.version from registered_model_aliases a join model_versions v on "
                       "v.number = a.version where a.model {} order by a.model, a.alias",
                       kAmong),
           numbers.list))) {
    list[numbers.places.at(row.owner)].aliases.push_back({std::move(row.alias), row.version});
  }
  for (OwnedTag& row : TRY(source.template query<OwnedTag>(
           fmt::format("select model, key, value from registered_model_tags where model {} order by model, key",
                       kAmong),
           numbers.list))) {
    list[numbers.places.at(row.owner)].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  return list;
}

template <typename Source>
Result<std::vector<ModelVersion>> versions(Source& source, std::vector<VersionRow> rows) {
  const Numbers numbers(rows);
  std::vector<ModelVersion> list;
  for (VersionRow& row : rows) list.push_back(to_version(std::move(row)));
  if (list.empty()) return list;
  for (OwnedAlias& row : TRY(source.template query<OwnedAlias>(
           fmt::format(
               "select version, alias, 0 from registered_model_aliases where version {} order by version, alias",
               kAmong),
           numbers.list))) {
    list[numbers.places.at(row.owner)].aliases.push_back(std::move(row.alias));
  }
  for (OwnedTag& row : TRY(source.template query<OwnedTag>(
           fmt::format("select version, key, value from model_version_tags where version {} order by version, key",
                       kAmong),
           numbers.list))) {
    list[numbers.places.at(row.owner)].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  return list;
}

template <typename Row>
std::vector<Row> only(Row row) {
  std::vector<Row> rows;
  rows.push_back(std::move(row));
  return rows;
}

}  // namespace

std::unexpected<Error> no_model(std::string_view name) {
  return not_found("registered model \"{}\" does not exist", name);
}

std::unexpected<Error> no_version(std::string_view model, std::int64_t version) {
  return not_found("model \"{}\" has no version {}", model, version);
}

Result<bool> is_prompt(db::Transaction& tx, std::int64_t model) {
  const auto tags = TRY(tx.query<std::string>(
      "select value from registered_model_tags where model = ? and key = 'mlflow.prompt.is_prompt'", model));
  return !tags.empty() && Model{.tags = {{"mlflow.prompt.is_prompt", tags.front()}}}.is_prompt();
}

Result<std::vector<Model>> load_models(db::Database& database, std::vector<ModelRow> rows) {
  return models(database, std::move(rows));
}

Result<std::vector<ModelVersion>> load_versions(db::Database& database, std::vector<VersionRow> rows) {
  return versions(database, std::move(rows));
}

Result<Model> load_model(db::Transaction& tx, ModelRow row) {
  return std::move(TRY(models(tx, only(std::move(row)))).front());
}

Result<ModelVersion> load_version(db::Transaction& tx, VersionRow row) {
  return std::move(TRY(versions(tx, only(std::move(row)))).front());
}

std::string list_of(const std::vector<std::int64_t>& numbers) { return fmt::format("[{}]", fmt::join(numbers, ",")); }

Json tags_json(const std::vector<Tag>& tags) {
  Json out = Json::object();
  for (const Tag& tag : tags) out[tag.key] = tag.value;
  return out;
}

std::string folder_json(const Folder& folder) {
  return dump_json({{"flavors", folder.flavors}, {"input_example", folder.input_example}, {"pickles", folder.pickles}});
}

}  // namespace millrace::registry
