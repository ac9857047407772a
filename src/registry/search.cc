#include "search/search.h"

#include <map>
#include <utility>

#include "registry/load.h"
#include "registry/registry.h"

namespace millrace::registry {

namespace {

using search::Nulls;
using search::Type;

// Prompts are hidden from who does not ask for them.
constexpr std::string_view kPromptTag = "mlflow.prompt.is_prompt";
constexpr std::string_view kNoPrompts =
    "not exists (select 1 from registered_model_tags p where p.model = {} and p.key = 'mlflow.prompt.is_prompt' and "
    "lower(p.value) = 'true')";

const search::Schema& model_schema() {
  static const search::Schema schema{
      .table = "registered_models",
      .number = "registered_models.number",
      .entities =
          {{.name = "attribute",
            .aliases = {"attributes", "attr"},
            .fields = {{.name = "name", .column = "registered_models.name"},
                       {.name = "creation_timestamp", .type = Type::kTime, .column = "registered_models.creation_time"},
                       {.name = "last_updated_timestamp",
                        .type = Type::kTime,
                        .column = "registered_models.last_updated_time",
                        .aliases = {"timestamp"}}}},
           {.name = "tag",
            .aliases = {"tags"},
            .rows = {.from = "registered_model_tags k", .owner = "k.model", .value = "k.value", .key = "k.key"},
            .default_key = kPromptTag,
            .default_value = "false"}},
      .default_order = {{.column = "registered_models.name"}},
      .ties = {{.column = "registered_models.name"}}};
  return schema;
}

const search::Schema& version_schema() {
  static const search::Schema schema{
      .table = "model_versions",
      .number = "model_versions.number",
      .entities =
          {{.name = "attribute",
            .aliases = {"attributes", "attr"},
            .fields = {{.name = "name",
                        .column = "(select m.name from registered_models m where m.number = model_versions.model)"},
                       {.name = "version_number",
                        .type = Type::kInteger,
                        .column = "model_versions.version",
                        .aliases = {"version"}},
                       {.name = "run_id", .column = "model_versions.run_id"},
                       {.name = "source_path", .column = "model_versions.source", .aliases = {"source"}},
                       {.name = "creation_timestamp", .type = Type::kTime, .column = "model_versions.creation_time"},
                       {.name = "last_updated_timestamp",
                        .type = Type::kTime,
                        .column = "model_versions.last_updated_time"}}},
           {.name = "tag",
            .aliases = {"tags"},
            .rows = {.from = "model_version_tags k", .owner = "k.version", .value = "k.value", .key = "k.key"},
            .default_key = kPromptTag,
            .default_value = "false"}},
      .default_order = {{.column = "model_versions.last_updated_time", .descending = true},
                        {.column = "(select m.name from registered_models m where m.number = model_versions.model)"},
                        {.column = "model_versions.version", .descending = true}},
      .ties = {{.column = "(select m.name from registered_models m where m.number = model_versions.model)"},
               {.column = "model_versions.version", .descending = true},
               {.column = "model_versions.number"}}};
  return schema;
}

bool names_prompts(std::string_view filter) { return filter.find(kPromptTag) != std::string_view::npos; }

// The rows of numbers, in the order of the numbers.
template <typename Row>
std::vector<Row> in_order(std::vector<Row> rows, const std::vector<std::int64_t>& numbers) {
  std::map<std::int64_t, Row> by_number;
  for (Row& row : rows) by_number.emplace(row.number, std::move(row));
  std::vector<Row> ordered;
  for (const std::int64_t number : numbers) {
    if (const auto found = by_number.find(number); found != by_number.end())
      ordered.push_back(std::move(found->second));
  }
  return ordered;
}

}  // namespace

Result<Found<Model>> Store::search_models(const SearchRequest& request) const {
  search::Request query{.schema = model_schema(),
                        .filter = request.filter,
                        .order_by = request.order_by,
                        .where = {},
                        .scope = {},
                        .now = parts_.clock.now()};
  if (!names_prompts(request.filter)) {
    query.where.add(fmt::format(fmt::runtime(kNoPrompts), "registered_models.number"));
  }
  const auto found = TRY(search::find(parts_.database, query, request.limit, request.page_token));
  auto rows = TRY(parts_.database.query<ModelRow>(
      std::string(kSelectModels) + "where number in (select cast(value as bigint) from json_each(?))",
      list_of(found.numbers)));
  return Found<Model>{TRY(load_models(parts_.database, in_order(std::move(rows), found.numbers))), found.next};
}

Result<Found<ModelVersion>> Store::search_versions(const SearchRequest& request) const {
  search::Request query{.schema = version_schema(),
                        .filter = request.filter,
                        .order_by = request.order_by,
                        .where = search::Statement("model_versions.deleted_time is null"),
                        .scope = {},
                        .now = parts_.clock.now()};
  if (!names_prompts(request.filter)) {
    query.where.add(" and ").add(fmt::format(fmt::runtime(kNoPrompts), "model_versions.model"));
  }
  const auto found = TRY(search::find(parts_.database, query, request.limit, request.page_token));
  auto rows = TRY(parts_.database.query<VersionRow>(
      std::string(kSelectVersions) + "and v.number in (select cast(value as bigint) from json_each(?))",
      list_of(found.numbers)));
  return Found<ModelVersion>{TRY(load_versions(parts_.database, in_order(std::move(rows), found.numbers))), found.next};
}

}  // namespace millrace::registry
