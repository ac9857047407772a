#include <utility>

#include "registry/load.h"
#include "registry/registry.h"
#include "registry/schema.h"
#include "registry/validate.h"

namespace millrace::registry {

Result<std::unique_ptr<Store>> Store::open(Parts parts) {
  TRY(db::migrate(parts.database, "registry", kMigrations));
  return std::unique_ptr<Store>(new Store(parts));
}

Result<Model> Store::create_model(std::string_view name, std::string_view description) {
  TRY(check_model_name(name));
  const Timestamp now = parts_.clock.now();
  const auto made = TRY(parts_.database.execute(R"sql(
insert into registered_models (name, description, creation_time, last_updated_time)
values (?, ?, ?, ?)
on conflict do nothing
)sql",
                                                name, description, now, now));
  if (made == 0) return already_exists("registered model \"{}\" already exists", name);
  return find_model(name);
}

Result<Model> Store::ensure_model(std::string_view name, std::string_view description) {
  auto made = create_model(name, description);
  if (!made && made.error().code == Code::kAlreadyExists) return find_model(name);
  return made;
}

Result<Model> Store::find_model(std::string_view name) const { return load_model(parts_.database, name); }

Result<Page<Model>> Store::list_models(const PageRequest& page) const {
  const auto rows = TRY(parts_.database.query<ModelRow>(
      std::string(kSelectModels) + " where name > ? order by name limit ?", page.after, page.rows() + 1));
  std::vector<Model> models;
  for (const ModelRow& row : rows) models.push_back(TRY(complete(parts_.database, row)));
  return make_page(std::move(models), page, [](const Model& last) { return last.name; });
}

Result<void> Store::set_description(std::string_view model, std::string_view description) {
  const auto changed =
      TRY(parts_.database.execute("update registered_models set description = ?, last_updated_time = ? where name = ?",
                                  description, parts_.clock.now(), model));
  if (changed == 0) return no_model(model);
  return {};
}

Result<void> Store::set_tag(std::string_view model, const Tag& tag) {
  TRY(check_tag(tag));
  db::Transaction tx = TRY(parts_.database.begin());
  TRY(load_model(tx, model));
  TRY(tx.execute(R"sql(
insert into registered_model_tags (model, key, value)
values (?, ?, ?)
on conflict (model, key) do update set value = excluded.value
)sql",
                 model, tag.key, tag.value));
  return tx.commit();
}

Result<void> Store::delete_tag(std::string_view model, std::string_view key) {
  const auto deleted =
      TRY(parts_.database.execute("delete from registered_model_tags where model = ? and key = ?", model, key));
  if (deleted == 0) return not_found("model \"{}\" has no tag {}", model, key);
  return {};
}

Result<void> Store::delete_model(std::string_view name) {
  db::Transaction tx = TRY(parts_.database.begin());
  const Model model = TRY(load_model(tx, name));
  for (const Alias& alias : model.aliases) TRY(drop_alias(tx, alias, name, "the model was deleted"));
  TRY(tx.execute("delete from registered_models where name = ?", name));
  return tx.commit();
}

}  // namespace millrace::registry
