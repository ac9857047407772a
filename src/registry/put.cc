#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

Result<void> put_version_tags(db::Transaction& tx, std::int64_t number, const std::vector<Tag>& tags) {
  for (const Tag& tag : tags) {
    TRY(check_tag(tag));
    TRY(tx.execute(R"sql(
insert into model_version_tags (version, key, value)
values (?, ?, ?)
on conflict (version, key) do update set value = excluded.value
)sql",
                   number, tag.key, tag.value));
  }
  return {};
}

// Its own number where that was never given to another version, deleted ones among them, else the next.
Result<std::int64_t> number_for(db::Transaction& tx, std::int64_t model, std::int64_t wanted) {
  const auto taken =
      TRY(tx.query<std::int64_t>("select number from model_versions where model = ? and version = ?", model, wanted));
  const auto next =
      TRY(tx.query<std::int64_t>("select next_version from registered_models where number = ?", model)).front();
  const std::int64_t number = taken.empty() && wanted > 0 ? wanted : next;
  TRY(tx.execute("update registered_models set next_version = ? where number = ?", std::max(next, number + 1), model));
  return number;
}

Result<void> update_version(db::Transaction& tx, std::int64_t row, const ModelVersion& version) {
  TRY(tx.execute(R"sql(
update model_versions
set description = ?, stage = ?, storage = ?, signature = ?, folder = ?, last_updated_time = ?
where number = ?
)sql",
                 version.description, version.stage, version.storage, version.signature, folder_json(version.folder),
                 version.last_updated_time, row));
  return put_version_tags(tx, row, version.tags);
}

struct KnownVersion {
  std::int64_t number = 0;
  std::int64_t version = 0;
  std::optional<Timestamp> deleted_time;
};
BOOST_DESCRIBE_STRUCT(KnownVersion, (), (number, version, deleted_time))

Result<void> add_version(db::Transaction& tx, std::int64_t model, std::int64_t number, const ModelVersion& version,
                         const std::string& key) {
  const std::int64_t row =
      TRY(tx.insert(R"sql(
insert into model_versions
  (model, version, source, storage, run_id, run_link, model_id, user_id, stage, signature, folder, description,
   pipeline_run, key, creation_time, last_updated_time)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
returning number
)sql",
                    model, number, version.source, version.storage, version.run_id, version.run_link, version.model_id,
                    version.user_id, version.stage, version.signature, folder_json(version.folder), version.description,
                    version.pipeline_run, key, version.creation_time, version.last_updated_time));
  return put_version_tags(tx, row, version.tags);
}

}  // namespace

Result<void> Store::put_model(const Model& model) {
  TRY(check_model_name(model.name));
  for (const Tag& tag : model.tags) TRY(check_tag(tag));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t number =
        TRY(tx.insert(R"sql(
insert into registered_models (name, description, creation_time, last_updated_time)
values (?, ?, ?, ?)
on conflict (name) do update
set description =
      case when excluded.description = '' then registered_models.description else excluded.description end,
    creation_time = case when excluded.creation_time < registered_models.creation_time
      then excluded.creation_time else registered_models.creation_time end,
    last_updated_time = excluded.last_updated_time
returning number
)sql",
                      model.name, model.description, model.creation_time, model.last_updated_time));
    for (const Tag& tag : model.tags) {
      TRY(tx.execute(R"sql(
insert into registered_model_tags (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                     number, tag.key, tag.value));
    }
    return {};
  });
}

Result<std::int64_t> Store::put_version(const ModelVersion& version, const std::string& key, Told told) {
  std::int64_t number = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const auto known =
        TRY(tx.query<KnownVersion>("select number, version, deleted_time from model_versions where key = ?", key));
    if (!known.empty()) {
      number = known.front().version;
      return known.front().deleted_time ? Result<void>() : update_version(tx, known.front().number, version);
    }
    const ModelRow model = TRY(find_model_row(tx, version.model));
    number = TRY(number_for(tx, model.number, version.version));
    TRY(add_version(tx, model.number, number, version, key));
    const ModelVersion made = TRY(load_version(tx, TRY(find_version_row(tx, version.model, number))));
    return record_version(tx, made, {}, told);
  }));
  return number;
}

Result<void> Store::put_alias(std::string_view model, const Alias& alias, std::string_view reason) {
  TRY(check_alias(alias.name));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const VersionRow version = TRY(find_version_row(tx, model, alias.version));
    const auto before = TRY(tx.query<std::int64_t>(R"sql(
select v.version
from registered_model_aliases a join model_versions v on v.number = a.version
where a.model = ? and a.alias = ?
)sql",
                                                   version.model_number, alias.name));
    if (!before.empty() && before.front() == alias.version) return {};
    TRY(tx.execute(R"sql(
insert into registered_model_aliases (model, alias, version)
values (?, ?, ?)
on conflict (model, alias) do update set version = excluded.version
)sql",
                   version.model_number, alias.name, version.number));
    const auto previous = before.empty() ? std::nullopt : std::optional(before.front());
    TRY(tx.execute(R"sql(
insert into alias_history (model, alias, version, previous, reason, pipeline_run, event_time)
values (?, ?, ?, ?, ?, '', ?)
)sql",
                   model, alias.name, alias.version, previous, reason, parts_.clock.now()));
    return {};
  });
}

}  // namespace millrace::registry
