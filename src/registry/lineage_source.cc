#include "registry/lineage_source.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "registry/load.h"

namespace millrace::registry {

namespace {

using lineage::Direction;
using Ids = std::vector<std::string>;

constexpr std::string_view kModel = "model:";
constexpr std::string_view kRun = "run:";
constexpr std::string_view kLoggedModel = "logged_model:";

struct NameRow {
  std::string model;
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(NameRow, (), (model, version))

struct AliasSince {
  std::string alias;
  Timestamp since;
};
BOOST_DESCRIBE_STRUCT(AliasSince, (), (alias, since))

// `column` is run_id or model_id, of the version.
Result<Ids> registered_from(db::Database& database, std::string_view column, std::string_view value, int limit) {
  Ids ids;
  for (const NameRow& row : TRY(database.query<NameRow>(fmt::format(R"sql(
select m.name, v.version
from model_versions v join registered_models m on m.number = v.model
where v.{} = ? and v.deleted_time is null
order by m.name, v.version
limit ?
)sql",
                                                                    column),
                                                        value, limit))) {
    ids.push_back(node_of_version(row.model, row.version));
  }
  return ids;
}

Result<std::vector<VersionRow>> find(db::Database& database, const VersionName& name) {
  return database.query<VersionRow>(std::string(kSelectVersions) + "and m.name = ? and v.version = ?", name.model,
                                    name.version);
}

// The newest move to where an alias stands is when it came there.
Result<Json> aliases_of(db::Database& database, const VersionRow& version) {
  Json aliases = Json::object();
  for (const AliasSince& row : TRY(database.query<AliasSince>(R"sql(
select a.alias, coalesce(
  (select max(h.event_time) from alias_history h where h.model = ? and h.alias = a.alias and h.version = ?), 0)
from registered_model_aliases a
where a.version = ?
order by a.alias
)sql",
                                                              version.model, version.version, version.number))) {
    aliases[row.alias] = format_time(row.since);
  }
  return aliases;
}

}  // namespace

std::optional<VersionName> version_of_node(std::string_view id) {
  const auto slash = id.rfind('/');
  if (!id.starts_with(kModel) || slash == std::string_view::npos) return std::nullopt;
  VersionName name{.model = std::string(id.substr(kModel.size(), slash - kModel.size()))};
  const auto digits = id.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), name.version);
  if (error != std::errc{} || end != digits.data() + digits.size() || name.version < 1) return std::nullopt;
  return name;
}

std::string node_of_version(std::string_view model, std::int64_t version) {
  return fmt::format("{}{}/{}", kModel, model, version);
}

Result<Ids> LineageSource::neighbours(const std::string& id, Direction direction, int limit) const {
  const std::string_view text(id);
  if (direction == Direction::kDownstream) {
    if (text.starts_with(kRun)) return registered_from(database_, "run_id", text.substr(kRun.size()), limit);
    if (!text.starts_with(kLoggedModel)) return Ids{};
    return registered_from(database_, "model_id", text.substr(kLoggedModel.size()), limit);
  }
  const auto name = version_of_node(text);
  if (!name) return Ids{};
  Ids ids;
  for (const VersionRow& row : TRY(find(database_, *name))) {
    if (!row.run_id.empty()) ids.push_back(fmt::format("{}{}", kRun, row.run_id));
    if (!row.model_id.empty()) ids.push_back(fmt::format("{}{}", kLoggedModel, row.model_id));
  }
  return ids;
}

Result<bool> LineageSource::describe(lineage::Node& node) const {
  const auto name = version_of_node(node.id);
  if (!name) return false;
  const auto rows = TRY(find(database_, *name));
  if (rows.empty()) return false;
  const VersionRow& row = rows.front();
  node.kind = "model";
  node.name = row.model;
  node.event_time = row.creation_time;
  node.data["version"] = row.version;
  node.data["source"] = row.source;
  if (row.stage != Stage::kNone) node.data["stage"] = to_text(row.stage);
  if (!row.user_id.empty()) node.data["user"] = row.user_id;
  if (!row.pipeline_run.empty()) node.data["pipeline_run"] = row.pipeline_run;
  if (auto aliases = TRY(aliases_of(database_, row)); !aliases.empty()) node.data["aliases"] = std::move(aliases);
  return true;
}

}  // namespace millrace::registry
