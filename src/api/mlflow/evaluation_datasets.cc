#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "base/json.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/search.h"

namespace millrace::api::mlflow {

namespace {

using tracking::EvaluationDataset;
using tracking::EvaluationRecord;

constexpr std::int64_t kMostRecords = 10'000;

// A field that is JSON within a text.
Result<Json> read_inner(const Input& in, std::string_view name, std::string_view when_missing) {
  const auto text = in.text(name);
  auto json = parse_json(text && !text->empty() ? *text : when_missing);
  if (!json) return invalid_argument("Invalid value for parameter '{}' supplied: it must be JSON in a text.", name);
  return json;
}

Result<std::vector<tracking::Tag>> read_inner_tags(const Input& in, std::string_view when_missing) {
  const Json json = TRY(read_inner(in, "tags", when_missing));
  if (!json.is_object()) return invalid_argument("Invalid value for parameter 'tags' supplied: it must be an object.");
  std::vector<tracking::Tag> tags;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_null()) tags.push_back({key, value.is_string() ? value.get<std::string>() : dump_json(value)});
  }
  return tags;
}

void write_optional(JsonWriter& out, std::string_view name, const std::optional<std::string>& text) {
  if (text) out.field(name, *text);
}

void write_raw(JsonWriter& out, std::string_view name, const std::optional<std::string>& json) {
  if (!json) return;
  out.key(name);
  out.raw(*json);
}

void write_dataset(JsonWriter& out, const EvaluationDataset& dataset) {
  JsonWriter tags;
  tags.object([&] {
    for (const auto& tag : dataset.tags) tags.field(tag.key, tag.value);
  });
  out.object([&] {
    out.field("dataset_id", dataset.id);
    out.field("name", dataset.name);
    out.field("tags", std::move(tags).text());
    write_optional(out, "schema", dataset.schema);
    write_optional(out, "profile", dataset.profile);
    out.field("digest", dataset.digest);
    out.field("created_time", milliseconds(dataset.created_time));
    out.field("last_update_time", milliseconds(dataset.last_update_time));
    write_optional(out, "created_by", dataset.created_by);
    write_optional(out, "last_updated_by", dataset.last_updated_by);
    out.list("experiment_ids", dataset.experiment_ids, [&](const std::string& id) { out.value(id); });
  });
}

Answer dataset_answer(const EvaluationDataset& dataset) {
  return object([&](JsonWriter& out) {
    out.key("dataset");
    write_dataset(out, dataset);
  });
}

void write_record(JsonWriter& out, std::string_view dataset_id, const EvaluationRecord& record) {
  out.object([&] {
    out.field("dataset_record_id", record.id);
    out.field("dataset_id", dataset_id);
    out.key("inputs");
    out.raw(record.inputs);
    write_raw(out, "outputs", record.outputs);
    write_raw(out, "expectations", record.expectations);
    out.key("tags");
    out.raw(record.tags.value_or("{}"));
    write_raw(out, "source", record.source);
    write_optional(out, "source_id", record.source_id);
    write_optional(out, "source_type", record.source_type);
    out.field("created_time", milliseconds(record.created_time));
    out.field("last_update_time", milliseconds(record.last_update_time));
    write_optional(out, "created_by", record.created_by);
    write_optional(out, "last_updated_by", record.last_updated_by);
  });
}

Result<Answer> create_dataset(Services& services, Input& in) {
  tracking::NewEvaluationDataset dataset{.name = std::string(in.required_text("name")),
                                         .experiment_ids = read_texts(in, "experiment_ids")};
  TRY(in.check());
  dataset.tags = TRY(read_inner_tags(in, "{}"));
  return dataset_answer(TRY(services.evaluation_datasets.create(dataset)));
}

Result<Answer> get_dataset(Services& services, Input& in) {
  return dataset_answer(TRY(services.evaluation_datasets.find(in.param("dataset_id"))));
}

Result<Answer> delete_dataset(Services& services, Input& in) {
  TRY(services.evaluation_datasets.remove(in.param("dataset_id")));
  return Answer{};
}

Result<Answer> search_datasets(Services& services, Input& in) {
  tracking::EvaluationSearch search{.experiment_ids = read_texts(in, "experiment_ids"),
                                    .filter = owned(in.text("filter_string")),
                                    .order_by = read_texts(in, "order_by"),
                                    .page_token = owned(in.text("page_token"))};
  if (const auto most = in.integer("max_results"); most && *most != 0) {
    search.max_results = static_cast<int>(std::clamp<std::int64_t>(*most, -1, tracking::kMaxSearchResults + 1));
  }
  TRY(in.check());
  const auto page = TRY(services.evaluation_datasets.search(search));
  return object([&](JsonWriter& out) {
    out.list("datasets", page.items, [&](const EvaluationDataset& dataset) { write_dataset(out, dataset); });
    if (!page.next.empty()) out.field("next_page_token", page.next);
  });
}

Result<Answer> set_tags(Services& services, Input& in) {
  in.required_text("tags");
  TRY(in.check());
  TRY(services.evaluation_datasets.set_tags(in.param("dataset_id"), TRY(read_inner_tags(in, ""))));
  return Answer{};
}

Result<Answer> delete_tag(Services& services, Input& in) {
  TRY(services.evaluation_datasets.delete_tag(in.param("dataset_id"), in.param("key")));
  return Answer{};
}

Result<Answer> upsert_records(Services& services, Input& in) {
  in.required_text("records");
  TRY(in.check());
  const auto counts =
      TRY(services.evaluation_datasets.upsert(in.param("dataset_id"), TRY(read_inner(in, "records", ""))));
  return object([&](JsonWriter& out) {
    out.field("inserted_count", counts.inserted);
    out.field("updated_count", counts.updated);
  });
}

Result<Answer> get_records(Services& services, Input& in) {
  const auto limit = std::clamp<std::int64_t>(in.integer("max_results").value_or(1000), 0, kMostRecords);
  const std::string token = owned(in.text("page_token"));
  TRY(in.check());
  const std::string_view id = in.param("dataset_id");
  const auto page = TRY(services.evaluation_datasets.records(id, limit == 0 ? 1000 : static_cast<int>(limit), token));
  JsonWriter records;
  records.array([&] {
    for (const EvaluationRecord& record : page.items) write_record(records, id, record);
  });
  return object([&](JsonWriter& out) {
    out.field("records", std::move(records).text());
    if (!page.next.empty()) out.field("next_page_token", page.next);
  });
}

Result<Answer> delete_records(Services& services, Input& in) {
  const auto ids = read_texts(in, "dataset_record_ids");
  TRY(in.check());
  const auto deleted = TRY(services.evaluation_datasets.delete_records(in.param("dataset_id"), ids));
  return object([&](JsonWriter& out) { out.field("deleted_count", deleted); });
}

Result<Answer> get_experiments(Services& services, Input& in) {
  const auto dataset = TRY(services.evaluation_datasets.find(in.param("dataset_id")));
  return object([&](JsonWriter& out) {
    out.list("experiment_ids", dataset.experiment_ids, [&](const std::string& id) { out.value(id); });
  });
}

Result<Answer> add_experiments(Services& services, Input& in) {
  const auto ids = read_texts(in, "experiment_ids");
  TRY(in.check());
  return dataset_answer(TRY(services.evaluation_datasets.add_experiments(in.param("dataset_id"), ids)));
}

Result<Answer> remove_experiments(Services& services, Input& in) {
  const auto ids = read_texts(in, "experiment_ids");
  TRY(in.check());
  return dataset_answer(TRY(services.evaluation_datasets.remove_experiments(in.param("dataset_id"), ids)));
}

constexpr Route kRoutes[] = {
    {"POST", "/api/3.0/mlflow/datasets/create", create_dataset, Access::kWrite},
    {"GET", "/api/3.0/mlflow/datasets/{dataset_id}", get_dataset, Access::kRead},
    {"DELETE", "/api/3.0/mlflow/datasets/{dataset_id}", delete_dataset, Access::kWrite},
    {"POST", "/api/3.0/mlflow/datasets/search", search_datasets, Access::kRead},
    {"GET", "/api/3.0/mlflow/datasets/search", search_datasets, Access::kRead},
    {"PATCH", "/api/3.0/mlflow/datasets/{dataset_id}/tags", set_tags, Access::kWrite},
    {"DELETE", "/api/3.0/mlflow/datasets/{dataset_id}/tags/{key}", delete_tag, Access::kWrite},
    {"POST", "/api/3.0/mlflow/datasets/{dataset_id}/records", upsert_records, Access::kWrite},
    {"GET", "/api/3.0/mlflow/datasets/{dataset_id}/records", get_records, Access::kRead},
    {"DELETE", "/api/3.0/mlflow/datasets/{dataset_id}/records", delete_records, Access::kWrite},
    {"GET", "/api/3.0/mlflow/datasets/{dataset_id}/experiment-ids", get_experiments, Access::kRead},
    {"POST", "/api/3.0/mlflow/datasets/{dataset_id}/add-experiments", add_experiments, Access::kWrite},
    {"POST", "/api/3.0/mlflow/datasets/{dataset_id}/remove-experiments", remove_experiments, Access::kWrite},
};

}  // namespace

void add_evaluation_dataset_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
