#include "tracking/model_search.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "db/db.h"
#include "search/search.h"
#include "tracking/logged_models.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

using search::Entity;
using search::Nulls;
using search::Type;

constexpr int kMaxModels = 1000;
constexpr std::size_t kDigestSize = 16;

constexpr std::string_view kAttributes[] = {
    "model_id",
    "name",
    "model_type",
    "status",
    "source_run_id",
    "creation_time",
    "creation_timestamp",
    "creation_timestamp_ms",
    "last_updated_time",
    "last_updated_timestamp",
    "last_updated_timestamp_ms",
};

// Text within a statement that a schema holds, which has no parameters.
std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out.append(c == '\'' ? 2 : 1, c);
  return out + "'";
}

// A condition on rows of logged_model_metrics; "" where all are meant.
std::string on_datasets(const std::vector<DatasetRef>& datasets) {
  std::string any;
  for (const DatasetRef& dataset : datasets) {
    any += fmt::format("{}(dataset_name = {}", any.empty() ? "" : " or ", literal(dataset.name));
    if (!dataset.digest.empty()) any += fmt::format(" and dataset_digest = {}", literal(dataset.digest));
    any += ')';
  }
  return any;
}

// The rows of a metric that are compared with, and, to be ordered by, the latest of each model and key.
std::string rows_of(const std::vector<DatasetRef>& datasets) {
  const std::string where = on_datasets(datasets);
  if (where.empty()) return "logged_model_metrics k";
  return fmt::format("(select model, key, value, is_nan from logged_model_metrics where {}) k", where);
}

std::string latest_rows_of(const DatasetRef& dataset) {
  const std::string where = dataset.name.empty() ? "" : "where " + on_datasets({dataset});
  return fmt::format(R"sql((
select model, key, value, is_nan
from (
  select model, key, value, is_nan,
         row_number() over (partition by model, key order by timestamp desc, step desc, run_id) as place
  from logged_model_metrics
  {}
) ranked
where place = 1) k)sql",
                     where);
}

Entity metric_entity(std::string_view name, std::string_view from) {
  return {.name = name,
          .type = Type::kNumber,
          .rows = {.from = from, .owner = "k.model", .value = "k.value", .key = "k.key", .nan = "k.is_nan"}};
}

Entity attributes() {
  return {.name = "attribute",
          .aliases = {"attributes"},
          .fields = {{.name = "model_id", .column = "logged_models.id"},
                     {.name = "name", .column = "logged_models.name"},
                     {.name = "model_type", .column = "logged_models.model_type", .nulls = Nulls::kPossible},
                     {.name = "status", .column = "logged_models.status"},
                     {.name = "source_run_id", .column = "logged_models.source_run_id", .nulls = Nulls::kPossible},
                     {.name = "creation_time",
                      .type = Type::kTime,
                      .column = "logged_models.creation_time",
                      .aliases = {"creation_timestamp", "creation_timestamp_ms"}},
                     {.name = "last_updated_time",
                      .type = Type::kTime,
                      .column = "logged_models.last_update_time",
                      .aliases = {"last_updated_timestamp", "last_updated_timestamp_ms"}}}};
}

// A schema and the texts that it points to. The metric of each order has an entity of its own, as it may have its own
// dataset.
class ModelSchema {
 public:
  explicit ModelSchema(const ModelSearch& asked) : rows_(rows_of(asked.datasets)) {
    names_.reserve(asked.order_by.size());
    latest_.reserve(asked.order_by.size());
    schema_ = {.table = "logged_models",
               .number = "logged_models.number",
               .entities =
                   {attributes(),
                    metric_entity("metrics", rows_),
                    {.name = "params",
                     .rows = {.from = "logged_model_params k", .owner = "k.model", .value = "k.value", .key = "k.key"}},
                    {.name = "tags",
                     .rows = {.from = "logged_model_tags k", .owner = "k.model", .value = "k.value", .key = "k.key"}}},
               .default_order = {{"logged_models.creation_time", true}, {"logged_models.id"}},
               .ties = {{"logged_models.creation_time", true}, {"logged_models.id"}}};
  }

  // The term of an order, in the filter's language.
  Result<std::string> term(const ModelOrder& order) {
    const std::string_view direction = order.ascending ? "ASC" : "DESC";
    const std::size_t dot = order.field.find('.');
    if (dot == std::string::npos) {
      if (std::ranges::find(kAttributes, order.field) == std::end(kAttributes)) {
        return invalid_argument("Invalid order by field name: {}", order.field);
      }
      return fmt::format("attribute.{} {}", order.field, direction);
    }
    if (order.field.substr(0, dot) != "metrics") {
      return invalid_argument("Invalid order by field name: {}. Only metrics are supported.", order.field);
    }
    names_.push_back(fmt::format("order{}", names_.size()));
    latest_.push_back(latest_rows_of(order.dataset));
    schema_.entities.push_back(metric_entity(names_.back(), latest_.back()));
    return fmt::format("{}.`{}` {}", names_.back(), order.field.substr(dot + 1), direction);
  }

  const search::Schema& schema() const { return schema_; }

 private:
  std::string rows_;
  std::vector<std::string> names_;
  std::vector<std::string> latest_;
  search::Schema schema_;
};

// What the pages of one search have in common.
std::string digest_of(const ModelSearch& asked) {
  Hasher hasher;
  for (const std::string& id : asked.experiment_ids) hasher.add_field(id);
  hasher.add_field("|").add_field(asked.filter);
  for (const DatasetRef& dataset : asked.datasets) hasher.add_field(dataset.name).add_field(dataset.digest);
  for (const ModelOrder& order : asked.order_by) {
    hasher.add_field(order.field).add_field(order.ascending ? "asc" : "desc");
    hasher.add_field(order.dataset.name).add_field(order.dataset.digest);
  }
  return hasher.finish().substr(0, kDigestSize);
}

// The search's own token behind the digest of what was asked.
Result<std::string> inner_token(std::string_view token, std::string_view digest) {
  if (token.empty()) return std::string();
  if (token.size() < kDigestSize || token.substr(0, kDigestSize) != digest) {
    return invalid_argument("Invalid page token: it belongs to a search with other experiments, filter or order.");
  }
  return std::string(token.substr(kDigestSize));
}

search::Statement conditions(const ModelSearch& asked) {
  search::Statement where("logged_models.lifecycle_stage = ");
  where.value(std::string(to_text(LifecycleStage::kActive)));
  const std::string on = on_datasets(asked.datasets);
  if (on.empty()) return where;
  return where.add(
      fmt::format(" and exists (select 1 from logged_model_metrics where model = logged_models.number and ({}))", on));
}

}  // namespace

Result<Page<LoggedModel>> LoggedModels::search(const ModelSearch& asked) const {
  for (const DatasetRef& dataset : asked.datasets) {
    if (dataset.name.empty()) {
      return invalid_argument("`dataset_name` in the `datasets` clause must be specified.");
    }
  }
  ModelSchema schema(asked);
  std::vector<std::string> order_by;
  for (const ModelOrder& order : asked.order_by) order_by.push_back(TRY(schema.term(order)));
  search::Request request{.schema = schema.schema(),
                          .filter = asked.filter,
                          .order_by = std::move(order_by),
                          .where = conditions(asked),
                          .scope = search::Scope{.column = "logged_models.experiment_id"},
                          .now = clock_.now()};
  for (const std::string& id : asked.experiment_ids) request.scope->values.push_back(TRY(experiment_number(id)));
  const std::string digest = digest_of(asked);
  const auto token = TRY(inner_token(asked.page_token, digest));
  auto found = TRY(search::find(database_, request, std::clamp(asked.max_results, 1, kMaxModels), token));
  return Page<LoggedModel>{.items = TRY(load(found.numbers)), .next = found.next.empty() ? "" : digest + found.next};
}

}  // namespace millrace::tracking
