#include <nlohmann/json.hpp>
#include <utility>

#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

std::unexpected<Error> no_version(std::string_view model, std::int64_t version) {
  return not_found("model \"{}\" has no version {}", model, version);
}

Result<void> insert_tag(db::Transaction& tx, std::string_view model, std::int64_t version, const Tag& tag) {
  TRY(check_tag(tag));
  TRY(tx.execute(R"sql(
insert into model_version_tags (model, version, key, value)
values (?, ?, ?, ?)
on conflict (model, version, key) do update set value = excluded.value
)sql",
                 model, version, tag.key, tag.value));
  return {};
}

}  // namespace

Result<ModelVersion> Store::create_version(const NewVersion& version) {
  db::Transaction tx = TRY(parts_.database.begin());
  if (!version.key.empty()) {
    auto known = TRY(tx.query<VersionRow>(std::string(kSelectVersions) + " where key = ?", version.key));
    if (!known.empty()) return complete(tx, std::move(known.front()));
  }
  ModelVersion made = TRY(insert_version(tx, version));
  TRY(record_version(tx, made, version));
  TRY(tx.commit());
  return made;
}

Result<ModelVersion> Store::insert_version(db::Transaction& tx, const NewVersion& version) {
  if (version.source.empty()) return invalid_argument("a version of model \"{}\" needs a source", version.model);
  const Timestamp now = parts_.clock.now();
  const auto numbers = TRY(tx.query<std::int64_t>(R"sql(
update registered_models
set next_version = next_version + 1, last_updated_time = ?
where name = ?
returning next_version - 1
)sql",
                                                  now, version.model));
  if (numbers.empty()) return no_model(version.model);
  const std::int64_t number = numbers.front();
  TRY(tx.execute(R"sql(
insert into model_versions
  (model, version, source, run_id, signature, description, pipeline_run, key, creation_time, last_updated_time)
values (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?)
)sql",
                 version.model, number, version.source, version.run_id, version.signature, version.description,
                 version.pipeline_run, version.key, now, now));
  for (const Tag& tag : version.tags) TRY(insert_tag(tx, version.model, number, tag));
  return load_version(tx, version.model, number);
}

Result<void> Store::record_version(db::Transaction& tx, const ModelVersion& version, const NewVersion& request) {
  const std::string node = fmt::format("model:{}/{}", version.model, version.version);
  TRY(parts_.lineage.add_artifact(tx, {.id = node,
                                       .kind = "model",
                                       .name = version.model,
                                       .data = {{"version", version.version}, {"source", version.source}}}));
  if (!version.run_id.empty()) TRY(parts_.lineage.add_edge(tx, "run:" + version.run_id, node));
  for (const std::string& from : request.derived_from) TRY(parts_.lineage.add_edge(tx, from, node));
  TRY(parts_.events.publish(tx, "model_version.registered", version.model, version.creation_time,
                            {{"model", version.model},
                             {"version", version.version},
                             {"source", version.source},
                             {"run_id", version.run_id},
                             {"pipeline_run", version.pipeline_run}}));
  return {};
}

Result<ModelVersion> Store::find_version(std::string_view model, std::int64_t version) const {
  return load_version(parts_.database, model, version);
}

Result<Page<ModelVersion>> Store::list_versions(std::string_view model, const PageRequest& page) const {
  TRY(find_model(model));
  const std::int64_t before =
      page.after.empty() ? std::numeric_limits<std::int64_t>::max() : TRY(cursor_integer(page.after));
  const auto rows = TRY(parts_.database.query<VersionRow>(
      std::string(kSelectVersions) + " where model = ? and version < ? order by version desc limit ?", model, before,
      page.rows() + 1));
  std::vector<ModelVersion> versions;
  for (const VersionRow& row : rows) versions.push_back(TRY(complete(parts_.database, row)));
  return make_page(std::move(versions), page, [](const ModelVersion& last) { return std::to_string(last.version); });
}

Result<void> Store::set_version_description(std::string_view model, std::int64_t version,
                                            std::string_view description) {
  const auto changed = TRY(parts_.database.execute(
      "update model_versions set description = ?, last_updated_time = ? where model = ? and version = ?", description,
      parts_.clock.now(), model, version));
  if (changed == 0) return no_version(model, version);
  return {};
}

Result<void> Store::set_version_tag(std::string_view model, std::int64_t version, const Tag& tag) {
  db::Transaction tx = TRY(parts_.database.begin());
  TRY(load_version(tx, model, version));
  TRY(insert_tag(tx, model, version, tag));
  return tx.commit();
}

Result<void> Store::delete_version_tag(std::string_view model, std::int64_t version, std::string_view key) {
  const auto deleted = TRY(parts_.database.execute(
      "delete from model_version_tags where model = ? and version = ? and key = ?", model, version, key));
  if (deleted == 0) return not_found("version {} of model \"{}\" has no tag {}", version, model, key);
  return {};
}

Result<void> Store::delete_version(std::string_view model, std::int64_t version) {
  db::Transaction tx = TRY(parts_.database.begin());
  const ModelVersion found = TRY(load_version(tx, model, version));
  for (const std::string& alias : found.aliases) {
    TRY(drop_alias(tx, {alias, version}, model, "the version was deleted"));
  }
  TRY(tx.execute("delete from model_versions where model = ? and version = ?", model, version));
  return tx.commit();
}

}  // namespace millrace::registry
