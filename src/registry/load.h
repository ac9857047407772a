#pragma once

#include <boost/describe.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/db.h"
#include "registry/entities.h"

namespace millrace::registry {

// Reads whole entities, from a db::Database or within a db::Transaction.

BOOST_DESCRIBE_STRUCT(Tag, (), (key, value))
BOOST_DESCRIBE_STRUCT(Alias, (), (name, version))
BOOST_DESCRIBE_STRUCT(AliasChange, (), (id, model, alias, version, previous, reason, pipeline_run, event_time))

struct ModelRow {
  std::string name;
  std::string description;
  Timestamp creation_time;
  Timestamp last_updated_time;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (name, description, creation_time, last_updated_time))

struct VersionRow {
  std::string model;
  std::int64_t version = 0;
  std::string source;
  std::string run_id;
  std::string signature;
  std::string description;
  std::string pipeline_run;
  Timestamp creation_time;
  Timestamp last_updated_time;
};
BOOST_DESCRIBE_STRUCT(VersionRow, (),
                      (model, version, source, run_id, signature, description, pipeline_run, creation_time,
                       last_updated_time))

inline constexpr std::string_view kSelectModels = R"sql(
select name, description, creation_time, last_updated_time
from registered_models
)sql";

inline constexpr std::string_view kSelectVersions = R"sql(
select model, version, source, run_id, signature, description, pipeline_run, creation_time, last_updated_time
from model_versions
)sql";

inline std::unexpected<Error> no_model(std::string_view name) {
  return not_found("registered model \"{}\" does not exist", name);
}

template <class Source>
Result<Model> complete(Source& source, ModelRow row) {
  auto aliases = TRY(source.template query<Alias>(
      "select alias, version from registered_model_aliases where model = ? order by alias", row.name));
  auto tags = TRY(source.template query<Tag>(
      "select key, value from registered_model_tags where model = ? order by key", row.name));
  return Model{.name = std::move(row.name),
               .description = std::move(row.description),
               .creation_time = row.creation_time,
               .last_updated_time = row.last_updated_time,
               .aliases = std::move(aliases),
               .tags = std::move(tags)};
}

template <class Source>
Result<ModelVersion> complete(Source& source, VersionRow row) {
  auto aliases = TRY(source.template query<std::string>(
      "select alias from registered_model_aliases where model = ? and version = ? order by alias", row.model,
      row.version));
  auto tags = TRY(source.template query<Tag>(
      "select key, value from model_version_tags where model = ? and version = ? order by key", row.model,
      row.version));
  return ModelVersion{.model = std::move(row.model),
                      .version = row.version,
                      .source = std::move(row.source),
                      .run_id = std::move(row.run_id),
                      .signature = std::move(row.signature),
                      .description = std::move(row.description),
                      .pipeline_run = std::move(row.pipeline_run),
                      .creation_time = row.creation_time,
                      .last_updated_time = row.last_updated_time,
                      .aliases = std::move(aliases),
                      .tags = std::move(tags)};
}

template <class Source>
Result<Model> load_model(Source& source, std::string_view name) {
  auto rows = TRY(source.template query<ModelRow>(std::string(kSelectModels) + " where name = ?", name));
  if (rows.empty()) return no_model(name);
  return complete(source, std::move(rows.front()));
}

template <class Source>
Result<ModelVersion> load_version(Source& source, std::string_view model, std::int64_t version) {
  auto rows = TRY(source.template query<VersionRow>(std::string(kSelectVersions) + " where model = ? and version = ?",
                                                    model, version));
  if (rows.empty()) {
    TRY(load_model(source, model));
    return not_found("model \"{}\" has no version {}", model, version);
  }
  return complete(source, std::move(rows.front()));
}

}  // namespace millrace::registry
