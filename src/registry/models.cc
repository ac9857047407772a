#include <nlohmann/json.hpp>
#include <utility>

#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/schema.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

Result<void> insert_tag(db::Transaction& tx, std::int64_t model, const Tag& tag) {
  TRY(check_tag(tag));
  TRY(tx.execute(R"sql(
insert into registered_model_tags (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                 model, tag.key, tag.value));
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(Parts parts) {
  TRY(db::migrate(parts.database, "registry", kMigrations));
  return std::unique_ptr<Store>(new Store(parts));
}

Result<void> Store::publish(db::Transaction& tx, std::string_view type, std::string_view model, Json data) {
  TRY(parts_.events.publish(tx, std::string(type), std::string(model), parts_.clock.now(), data));
  return {};
}

Result<Model> Store::create_model(const NewModel& model) {
  TRY(check_model_name(model.name));
  const Timestamp now = parts_.clock.now();
  db::Transaction tx = TRY(parts_.database.begin());
  const auto made = TRY(tx.execute(R"sql(
insert into registered_models (name, description, creation_time, last_updated_time)
values (?, ?, ?, ?)
on conflict do nothing
)sql",
                                   model.name, model.description, now, now));
  if (made == 0) return already_exists("registered model \"{}\" already exists", model.name);
  ModelRow row = TRY(find_model_row(tx, model.name));
  for (const Tag& tag : model.tags) TRY(insert_tag(tx, row.number, tag));
  Model whole = TRY(load_model(tx, std::move(row)));
  TRY(publish(tx, "registered_model.created", model.name,
              {{"model", model.name},
               {"description", model.description},
               {"tags", tags_json(model.tags)},
               {"prompt", whole.is_prompt()}}));
  TRY(tx.commit());
  return whole;
}

Result<Model> Store::ensure_model(std::string_view name, std::string_view description) {
  if (auto known = find_model(name)) return known;
  auto made = create_model({.name = std::string(name), .description = std::string(description), .tags = {}});
  if (!made && made.error().code == Code::kAlreadyExists) return find_model(name);
  return made;
}

Result<Model> Store::find_model(std::string_view name) const {
  std::vector<ModelRow> rows;
  rows.push_back(TRY(find_model_row(parts_.database, name)));
  return std::move(TRY(load_models(parts_.database, std::move(rows))).front());
}

Result<Page<Model>> Store::list_models(const PageRequest& page) const {
  auto rows = TRY(parts_.database.query<ModelRow>(
      std::string(kSelectModels) +
          "where name > ? and not exists (select 1 from registered_model_tags t where t.model = number and t.key = "
          "'mlflow.prompt.is_prompt' and lower(t.value) = 'true') order by name limit ?",
      page.after, page.rows() + 1));
  return make_page(TRY(load_models(parts_.database, std::move(rows))), page,
                   [](const Model& last) { return last.name; });
}

Result<void> Store::set_description(std::string_view model, std::string_view description) {
  const auto changed =
      TRY(parts_.database.execute("update registered_models set description = ?, last_updated_time = ? where name = ?",
                                  description, parts_.clock.now(), model));
  if (changed == 0) return no_model(model);
  return {};
}

// What followed an alias of the old name is told that it went, and the lineage of versions goes on.
Result<Model> Store::rename_model(std::string_view name, std::string_view new_name) {
  TRY(check_model_name(new_name));
  db::Transaction tx = TRY(parts_.database.begin());
  const ModelRow before = TRY(find_model_row(tx, name));
  if (find_model_row(tx, new_name)) return already_exists("registered model \"{}\" already exists", new_name);
  TRY(check_renaming(tx, name, new_name));
  TRY(cancel(tx, name, 0));
  const Model old = TRY(load_model(tx, before));
  constexpr std::string_view kReason = "the model was renamed";
  for (const Alias& alias : old.aliases) TRY(drop_alias(tx, before, alias, kReason));
  TRY(tx.execute("update registered_models set name = ?, last_updated_time = ? where number = ?", new_name,
                 parts_.clock.now(), before.number));
  TRY(publish(tx, "registered_model.renamed", new_name, {{"model", new_name}, {"previous", name}}));
  for (const VersionRow& row :
       TRY(tx.query<VersionRow>(std::string(kSelectVersions) + "and v.model = ? order by v.version", before.number))) {
    const auto node = fmt::format("model:{}/{}", new_name, row.version);
    TRY(parts_.lineage.add_artifact(tx, {.id = node,
                                         .kind = "model",
                                         .name = std::string(new_name),
                                         .data = {{"version", row.version}, {"source", row.source}}}));
    TRY(parts_.lineage.add_edge(tx, fmt::format("model:{}/{}", name, row.version), node));
  }
  for (const Alias& alias : old.aliases) {
    TRY(move_alias(tx, TRY(find_version_row(tx, new_name, alias.version)),
                   {.model = std::string(new_name),
                    .alias = alias.name,
                    .version = alias.version,
                    .reason = std::string(kReason),
                    .event_time = parts_.clock.now()}));
  }
  Model renamed = TRY(load_model(tx, TRY(find_model_row(tx, new_name))));
  TRY(tx.commit());
  return renamed;
}

Result<void> Store::set_tag(std::string_view model, const Tag& tag) {
  TRY(check_tag(tag));
  db::Transaction tx = TRY(parts_.database.begin());
  const ModelRow row = TRY(find_model_row(tx, model));
  TRY(insert_tag(tx, row.number, tag));
  const bool prompt = TRY(is_prompt(tx, row.number));
  TRY(publish(tx, "registered_model.tag_set", model,
              {{"model", model}, {"key", tag.key}, {"value", tag.value}, {"prompt", prompt}}));
  return tx.commit();
}

Result<void> Store::delete_tag(std::string_view model, std::string_view key) {
  db::Transaction tx = TRY(parts_.database.begin());
  const ModelRow row = TRY(find_model_row(tx, model));
  const bool prompt = TRY(is_prompt(tx, row.number));
  const auto deleted =
      TRY(tx.execute("delete from registered_model_tags where model = ? and key = ?", row.number, key));
  if (deleted == 0) return not_found("model \"{}\" has no tag {}", model, key);
  TRY(publish(tx, "registered_model.tag_deleted", model, {{"model", model}, {"key", key}, {"prompt", prompt}}));
  return tx.commit();
}

Result<void> Store::delete_model(std::string_view name) {
  db::Transaction tx = TRY(parts_.database.begin());
  const ModelRow row = TRY(find_model_row(tx, name));
  const Model model = TRY(load_model(tx, row));
  for (const Alias& alias : model.aliases) TRY(drop_alias(tx, row, alias, "the model was deleted"));
  TRY(cancel(tx, name, 0));
  TRY(tx.execute("delete from registered_models where number = ?", row.number));
  return tx.commit();
}

}  // namespace millrace::registry
