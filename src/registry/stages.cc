#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "registry/load.h"
#include "registry/registry.h"

namespace millrace::registry {

Result<ModelVersion> Store::set_stage(std::string_view model, std::int64_t version, Stage stage, Others others) {
  if (others == Others::kArchive && stage != Stage::kStaging && stage != Stage::kProduction) {
    return invalid_argument(
        "Model version transition cannot archive existing model versions because '{}' is not an Active stage. Valid "
        "stages are Staging, Production",
        to_text(stage));
  }
  db::Transaction tx = TRY(parts_.database.begin());
  ModelVersion changed = TRY(set_stage(tx, model, version, stage, others));
  TRY(tx.commit());
  return changed;
}

Result<ModelVersion> Store::set_stage(db::Transaction& tx, std::string_view model, std::int64_t version, Stage stage,
                                      Others others) {
  const VersionRow row = TRY(find_version_row(tx, model, version));
  const Place place{PlaceKind::kStage, std::string(to_text(stage))};
  if (row.stage != stage) TRY(ask_rule(tx, {.model = row.model, .place = place, .version = version}));
  if (others == Others::kArchive) TRY(archive_others(tx, row, stage));
  TRY(change_stage(tx, row, stage));
  TRY(tx.execute("update registered_models set last_updated_time = ? where number = ?", parts_.clock.now(),
                 row.model_number));
  return load_version(tx, TRY(find_version_row(tx, model, version)));
}

Result<void> Store::archive_others(db::Transaction& tx, const VersionRow& version, Stage stage) {
  for (const VersionRow& other : TRY(tx.query<VersionRow>(
           std::string(kSelectVersions) + "and v.model = ? and v.stage = ? and v.number <> ? order by v.version",
           version.model_number, stage, version.number))) {
    TRY(change_stage(tx, other, Stage::kArchived));
  }
  return {};
}

Result<void> Store::change_stage(db::Transaction& tx, const VersionRow& version, Stage stage) {
  TRY(tx.execute("update model_versions set stage = ?, last_updated_time = ? where number = ?", stage,
                 parts_.clock.now(), version.number));
  if (version.stage == stage) return {};
  return publish(tx, "model_version.stage_changed", version.model,
                 {{"model", version.model},
                  {"version", version.version},
                  {"stage", to_text(stage)},
                  {"previous", to_text(version.stage)}});
}

Result<std::vector<ModelVersion>> Store::latest_versions(std::string_view model,
                                                         const std::vector<Stage>& stages) const {
  std::vector<Model> models;
  models.push_back(TRY(find_model(model)));
  auto latest = std::move(TRY(latest_versions(models)).front());
  if (stages.empty()) return latest;
  std::erase_if(latest,
                [&](const ModelVersion& version) { return std::ranges::find(stages, version.stage) == stages.end(); });
  return latest;
}

Result<std::vector<std::vector<ModelVersion>>> Store::latest_versions(const std::vector<Model>& models) const {
  Json names = Json::array();
  std::map<std::string, std::size_t, std::less<>> places;
  for (const Model& model : models) {
    places.emplace(model.name, names.size());
    names.push_back(model.name);
  }
  auto rows = TRY(parts_.database.query<VersionRow>(std::string(kSelectVersions) + R"sql(
and m.name in (select value from json_each(?))
and v.version = (
  select max(o.version) from model_versions o
  where o.model = v.model and o.stage = v.stage and o.deleted_time is null)
order by m.name, v.version
)sql",
                                                    dump_json(names)));
  std::vector<std::vector<ModelVersion>> latest(models.size());
  for (ModelVersion& version : TRY(load_versions(parts_.database, std::move(rows)))) {
    latest[places.at(version.model)].push_back(std::move(version));
  }
  for (auto& versions : latest) std::ranges::sort(versions, {}, &ModelVersion::stage);
  return latest;
}

}  // namespace millrace::registry
