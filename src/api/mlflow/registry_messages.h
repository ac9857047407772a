#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "api/mlflow/input.h"
#include "base/json_writer.h"
#include "registry/registry.h"

namespace millrace::api::mlflow {

// The registry's entities as MLflow's messages have them. Each writes one object.
void write(JsonWriter& out, const registry::Model& model, const std::vector<registry::ModelVersion>& latest);
void write(JsonWriter& out, const registry::ModelVersion& version);

// [{"key", "value"}]
std::vector<registry::Tag> read_model_tags(const Fields& in);
// "version", a number written as text; required.
std::int64_t read_version(const Fields& in);
// filter, order_by, max_results and page_token.
Result<registry::SearchRequest> read_search(const Fields& in, int default_results, int most_results);

// The error as MLflow says it of a model, or of one of its versions.
struct Subject {
  std::string_view name;
  std::int64_t version = 0;  // 0: the model itself
};
Error in_mlflow_words(const registry::Store& registry, Error error, Subject subject);

// The result of a call about a model or a version; its error in MLflow's words.
template <typename T>
Result<T> worded(const registry::Store& registry, Result<T> result, Subject subject) {
  if (result) return result;
  return std::unexpected(in_mlflow_words(registry, std::move(result.error()), subject));
}

}  // namespace millrace::api::mlflow
