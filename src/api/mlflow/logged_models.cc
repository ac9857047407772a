#include "tracking/logged_models.h"

#include <algorithm>
#include <array>
#include <limits>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"

namespace millrace::api::mlflow {

namespace {

using tracking::ModelStatus;

Answer model_answer(const tracking::LoggedModel& model) {
  return object([&](JsonWriter& out) {
    out.key("model");
    write(out, model);
  });
}

Result<Answer> create_model(Services& services, Input& in) {
  tracking::NewLoggedModel model{.experiment_id = std::string(in.required_text("experiment_id")),
                                 .model_type = owned(in.text("model_type")),
                                 .source_run_id = owned(in.text("source_run_id"))};
  if (const auto name = in.text("name"); name && !name->empty()) model.name = std::string(*name);
  model.params = read_params(in);
  model.tags = read_tags(in);
  TRY(in.check());
  return model_answer(TRY(services.logged_models.create(model)));
}

Result<Answer> get_model(Services& services, Input& in) {
  const bool deleted_too = in.boolean("allow_deleted").value_or(false);
  TRY(in.check());
  return model_answer(TRY(services.logged_models.find(
      in.param("model_id"), deleted_too ? tracking::Deleted::kShown : tracking::Deleted::kHidden)));
}

Result<Answer> finalize_model(Services& services, Input& in) {
  constexpr std::array kStatuses = {ModelStatus::kUnspecified, ModelStatus::kPending, ModelStatus::kReady,
                                    ModelStatus::kUploadFailed};
  std::array<std::string_view, kStatuses.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = to_text(kStatuses[i]);
  const auto chosen = in.choice("status", names, 0);
  if (!chosen) in.missing("status");
  TRY(in.check());
  return model_answer(TRY(services.logged_models.set_status(in.param("model_id"), kStatuses[*chosen])));
}

Result<Answer> delete_model(Services& services, Input& in) {
  TRY(services.logged_models.remove(in.param("model_id")));
  return Answer{};
}

Result<Answer> set_tags(Services& services, Input& in) {
  const auto tags = read_tags(in);
  TRY(in.check());
  TRY(services.logged_models.set_tags(in.param("model_id"), tags));
  return Answer{};
}

Result<Answer> delete_tag(Services& services, Input& in) {
  TRY(services.logged_models.delete_tag(in.param("model_id"), in.param("tag_key")));
  return Answer{};
}

Result<Answer> log_params(Services& services, Input& in) {
  const auto params = read_params(in);
  TRY(in.check());
  TRY(services.logged_models.log_params(in.param("model_id"), params));
  return Answer{};
}

tracking::DatasetRef read_dataset(const Fields& in) {
  return {owned(in.text("dataset_name")), owned(in.text("dataset_digest"))};
}

Result<Answer> search_models(Services& services, Input& in) {
  const auto ids = in.texts("experiment_ids");
  if (!in.has("experiment_ids")) in.missing("experiment_ids");
  tracking::ModelSearch asked{.experiment_ids = {ids.begin(), ids.end()}, .filter = owned(in.text("filter"))};
  for (const Fields& dataset : in.messages("datasets")) asked.datasets.push_back(read_dataset(dataset));
  if (const auto most = in.integer("max_results"); most && *most > 0) {
    asked.max_results = static_cast<int>(std::min<std::int64_t>(*most, std::numeric_limits<int>::max()));
  }
  for (const Fields& order : in.messages("order_by")) {
    asked.order_by.push_back({std::string(order.required_text("field_name")), order.boolean("ascending").value_or(true),
                              read_dataset(order)});
  }
  asked.page_token = owned(in.text("page_token"));
  TRY(in.check());
  const auto page = TRY(services.logged_models.search(asked));
  return object([&](JsonWriter& out) {
    out.list("models", page.items, [&](const auto& model) { write(out, model); });
    if (!page.next.empty()) out.field("next_page_token", page.next);
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/logged-models", create_model, Access::kWrite},
    {"POST", "/api/2.0/mlflow/logged-models/search", search_models, Access::kRead},
    {"GET", "/api/2.0/mlflow/logged-models/{model_id}", get_model, Access::kRead},
    {"PATCH", "/api/2.0/mlflow/logged-models/{model_id}", finalize_model, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/logged-models/{model_id}", delete_model, Access::kWrite},
    {"PATCH", "/api/2.0/mlflow/logged-models/{model_id}/tags", set_tags, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}", delete_tag, Access::kWrite},
    {"POST", "/api/2.0/mlflow/logged-models/{model_id}/params", log_params, Access::kRecord},
};

}  // namespace

void add_logged_model_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
