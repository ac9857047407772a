#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/actor.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

Result<void> insert_tag(db::Transaction& tx, std::int64_t version, const Tag& tag) {
  TRY(check_tag(tag));
  TRY(tx.execute(R"sql(
insert into model_version_tags (version, key, value)
values (?, ?, ?)
on conflict (version, key) do update set value = excluded.value
)sql",
                 version, tag.key, tag.value));
  return {};
}

}  // namespace

Result<ModelVersion> Store::create_version(const NewVersion& version) {
  db::Transaction tx = TRY(parts_.database.begin());
  if (!version.key.empty()) {
    auto known = TRY(tx.query<VersionRow>(std::string(kSelectVersions) + "and v.key = ?", version.key));
    if (!known.empty()) return load_version(tx, std::move(known.front()));
  }
  const ModelRow model = TRY(find_model_row(tx, version.model));
  const std::int64_t number = TRY(insert_version(tx, model, version));
  const ModelVersion made = TRY(load_version(tx, TRY(find_version_row(tx, version.model, number))));
  TRY(record_version(tx, made, version.derived_from, Told::kEvents));
  TRY(tx.commit());
  return made;
}

Result<std::int64_t> Store::insert_version(db::Transaction& tx, const ModelRow& model, const NewVersion& version) {
  if (version.source.empty()) return invalid_argument("a version of model \"{}\" needs a source", version.model);
  const Timestamp now = parts_.clock.now();
  const std::int64_t number = TRY(tx.insert(R"sql(
update registered_models
set next_version = next_version + 1, last_updated_time = ?
where number = ?
returning next_version - 1
)sql",
                                            now, model.number));
  const std::int64_t row =
      TRY(tx.insert(R"sql(
insert into model_versions
  (model, version, source, storage, run_id, run_link, model_id, user_id, signature, folder, description, pipeline_run,
   made_by, key, creation_time, last_updated_time)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?)
returning number
)sql",
                    model.number, number, version.source, version.storage, version.run_id, version.run_link,
                    version.model_id, version.user_id, version.signature, folder_json(version.folder),
                    version.description, version.pipeline_run, acting_for(), version.key, now, now));
  for (const Tag& tag : version.tags) TRY(insert_tag(tx, row, tag));
  return number;
}

Result<void> Store::record_version(db::Transaction& tx, const ModelVersion& version,
                                   const std::vector<std::string>& derived_from, Told told) {
  const std::string node = fmt::format("model:{}/{}", version.model, version.version);
  TRY(parts_.lineage.add_artifact(tx, {.id = node,
                                       .kind = "model",
                                       .name = version.model,
                                       .data = {{"version", version.version}, {"source", version.source}}}));
  if (!version.run_id.empty()) TRY(parts_.lineage.add_edge(tx, "run:" + version.run_id, node));
  for (const std::string& from : derived_from) TRY(parts_.lineage.add_edge(tx, from, node));
  if (told == Told::kNobody) return {};
  const ModelRow model = TRY(find_model_row(tx, version.model));
  return publish(tx, "model_version.registered", version.model,
                 {{"model", version.model},
                  {"version", version.version},
                  {"source", version.source},
                  {"run_id", version.run_id},
                  {"pipeline_run", version.pipeline_run},
                  {"description", version.description},
                  {"tags", tags_json(version.tags)},
                  {"prompt", TRY(is_prompt(tx, model.number))}});
}

Result<ModelVersion> Store::find_version(std::string_view model, std::int64_t version) const {
  std::vector<VersionRow> rows;
  rows.push_back(TRY(find_version_row(parts_.database, model, version)));
  return std::move(TRY(load_versions(parts_.database, std::move(rows))).front());
}

Result<Page<ModelVersion>> Store::list_versions(std::string_view model, const PageRequest& page) const {
  const ModelRow row = TRY(find_model_row(parts_.database, model));
  const std::int64_t before =
      page.after.empty() ? std::numeric_limits<std::int64_t>::max() : TRY(cursor_integer(page.after));
  auto rows = TRY(parts_.database.query<VersionRow>(
      std::string(kSelectVersions) + "and v.model = ? and v.version < ? order by v.version desc limit ?", row.number,
      before, page.rows() + 1));
  return make_page(TRY(load_versions(parts_.database, std::move(rows))), page,
                   [](const ModelVersion& last) { return std::to_string(last.version); });
}

Result<void> Store::set_version_description(std::string_view model, std::int64_t version,
                                            std::string_view description) {
  db::Transaction tx = TRY(parts_.database.begin());
  const VersionRow row = TRY(find_version_row(tx, model, version));
  TRY(tx.execute("update model_versions set description = ?, last_updated_time = ? where number = ?", description,
                 parts_.clock.now(), row.number));
  return tx.commit();
}

Result<void> Store::set_version_tag(std::string_view model, std::int64_t version, const Tag& tag) {
  db::Transaction tx = TRY(parts_.database.begin());
  const VersionRow row = TRY(find_version_row(tx, model, version));
  TRY(insert_tag(tx, row.number, tag));
  const bool prompt = TRY(is_prompt(tx, row.model_number));
  TRY(publish(tx, "model_version.tag_set", model,
              {{"model", model}, {"version", version}, {"key", tag.key}, {"value", tag.value}, {"prompt", prompt}}));
  return tx.commit();
}

Result<void> Store::delete_version_tag(std::string_view model, std::int64_t version, std::string_view key) {
  db::Transaction tx = TRY(parts_.database.begin());
  const VersionRow row = TRY(find_version_row(tx, model, version));
  const auto deleted = TRY(tx.execute("delete from model_version_tags where version = ? and key = ?", row.number, key));
  if (deleted == 0) return not_found("version {} of model \"{}\" has no tag {}", version, model, key);
  const bool prompt = TRY(is_prompt(tx, row.model_number));
  TRY(publish(tx, "model_version.tag_deleted", model,
              {{"model", model}, {"version", version}, {"key", key}, {"prompt", prompt}}));
  return tx.commit();
}

Result<void> Store::delete_version(std::string_view model, std::int64_t version) {
  db::Transaction tx = TRY(parts_.database.begin());
  const VersionRow row = TRY(find_version_row(tx, model, version));
  const ModelRow owner = TRY(find_model_row(tx, model));
  for (const std::string& alias : TRY(load_version(tx, row)).aliases) {
    TRY(drop_alias(tx, owner, {alias, version}, "the version was deleted"));
  }
  TRY(cancel(tx, model, version));
  const Timestamp now = parts_.clock.now();
  TRY(tx.execute("delete from model_version_tags where version = ?", row.number));
  TRY(tx.execute("update model_versions set deleted_time = ?, last_updated_time = ? where number = ?", now, now,
                 row.number));
  TRY(tx.execute("update registered_models set last_updated_time = ? where number = ?", now, owner.number));
  return tx.commit();
}

}  // namespace millrace::registry
