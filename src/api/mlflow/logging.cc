#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "base/json.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kMostMetrics = 1000;
constexpr std::size_t kMostParams = 100;
constexpr std::size_t kMostTags = 100;
constexpr std::size_t kMostOfAll = 1000;

Result<void> check_count(std::string_view what, std::size_t count, std::size_t most) {
  if (count <= most) return {};
  return invalid_argument(
      "A batch logging request can contain at most {} {}. Got {} {}. Please split up {} across multiple requests and "
      "try again.",
      most, what, count, what, what);
}

Result<void> check_counts(const tracking::Batch& batch) {
  TRY(check_count("metrics", batch.metrics.size(), kMostMetrics));
  TRY(check_count("params", batch.params.size(), kMostParams));
  TRY(check_count("tags", batch.tags.size(), kMostTags));
  return check_count("metrics, params, and tags", batch.metrics.size() + batch.params.size() + batch.tags.size(),
                     kMostOfAll);
}

Result<Answer> log_metric(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  tracking::Batch batch;
  batch.metrics.push_back(read_metric(in));
  TRY(in.check());
  TRY(services.tracking.log_batch(id, batch));
  return Answer{};
}

Result<Answer> log_parameter(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  const tracking::Param param{std::string(in.required_text("key")), owned(in.text("value"))};
  TRY(in.check());
  TRY(services.tracking.log_batch(id, {.params = {param}}));
  return Answer{};
}

Result<Answer> log_batch(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  const auto metrics = in.messages("metrics");
  tracking::Batch batch;
  batch.metrics.reserve(metrics.size());
  for (const Fields& metric : metrics) batch.metrics.push_back(read_metric(metric));
  batch.params = read_params(in);
  batch.tags = read_tags(in);
  TRY(in.check());
  TRY(check_counts(batch));
  TRY(services.tracking.log_batch(id, batch));
  return Answer{};
}

tracking::DatasetInput read_dataset_input(const Fields& in) {
  tracking::DatasetInput input{.tags = read_tags(in)};
  const auto dataset = in.message("dataset");
  if (!dataset) {
    in.missing("dataset");
    return input;
  }
  input.dataset = {.name = std::string(dataset->required_text("name")),
                   .digest = std::string(dataset->required_text("digest")),
                   .source_type = std::string(dataset->required_text("source_type")),
                   .source = std::string(dataset->required_text("source"))};
  if (const auto schema = dataset->text("schema")) input.dataset.schema = std::string(*schema);
  if (const auto profile = dataset->text("profile")) input.dataset.profile = std::string(*profile);
  return input;
}

Result<Answer> log_inputs(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  std::vector<tracking::DatasetInput> inputs;
  for (const Fields& input : in.messages("datasets")) inputs.push_back(read_dataset_input(input));
  std::vector<std::string> models;
  for (const Fields& model : in.messages("models")) models.emplace_back(model.required_text("model_id"));
  TRY(in.check());
  TRY(services.tracking.log_inputs(id, inputs, models));
  return Answer{};
}

Result<Answer> log_outputs(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  if (!in.has("models")) in.missing("models");
  std::vector<tracking::ModelOutput> models;
  for (const Fields& model : in.messages("models")) {
    models.push_back({std::string(model.required_text("model_id")), model.integer("step").value_or(0)});
  }
  TRY(in.check());
  TRY(services.tracking.log_outputs(id, models));
  return Answer{};
}

// What the run's tag keeps of an MLmodel: which model it is, and its flavors without their configurations.
Result<Json> model_summary(std::string_view text) {
  const auto model = parse_json(text);
  if (!model || !model->is_object()) {
    return invalid_argument("Malformed model info. \n {} \n is not a valid JSON.", text);
  }
  std::vector<std::string_view> missing;
  for (const char* key : {"artifact_path", "flavors", "utc_time_created", "run_id"}) {
    if (!model->contains(key)) missing.emplace_back(key);
  }
  if (!missing.empty()) {
    return invalid_argument("Model json is missing mandatory fields: {{'{}'}}", fmt::join(missing, "', '"));
  }
  Json summary = Json::object();
  for (const char* key : {"run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors"}) {
    if (model->contains(key)) summary[key] = (*model)[key];
  }
  for (auto& flavor : summary["flavors"]) {
    if (flavor.is_object()) flavor.erase("config");
  }
  return summary;
}

Result<Answer> log_model(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  const std::string_view text = in.required_text("model_json");
  TRY(in.check());
  TRY(services.tracking.log_model(id, TRY(model_summary(text))));
  return Answer{};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/runs/log-metric", log_metric, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/log-parameter", log_parameter, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/log-batch", log_batch, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/log-inputs", log_inputs, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/outputs", log_outputs, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/log-model", log_model, Access::kRecord},
};

}  // namespace

void add_logging_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
