#include "api/mlflow/read.h"

#include <limits>

namespace millrace::api::mlflow {

namespace {

template <typename Pair>
std::vector<Pair> read_pairs(const Fields& in, std::string_view name) {
  std::vector<Pair> pairs;
  for (const Fields& pair : in.messages(name)) {
    pairs.push_back({std::string(pair.required_text("key")), owned(pair.text("value"))});
  }
  return pairs;
}

}  // namespace

std::vector<tracking::Tag> read_tags(const Fields& in, std::string_view name) {
  return read_pairs<tracking::Tag>(in, name);
}

std::vector<tracking::Param> read_params(const Fields& in) { return read_pairs<tracking::Param>(in, "params"); }

tracking::Metric read_metric(const Fields& in) {
  tracking::Metric metric{.key = std::string(in.required_text("key")),
                          .value = in.required_number("value"),
                          .timestamp = from_milliseconds(in.required_integer("timestamp")),
                          .step = in.integer("step").value_or(0)};
  metric.model_id = owned(in.text("model_id"));
  if (metric.model_id.empty()) return metric;
  metric.dataset_name = owned(in.text("dataset_name"));
  metric.dataset_digest = owned(in.text("dataset_digest"));
  return metric;
}

std::vector<std::string> read_texts(const Fields& in, std::string_view name) {
  const auto texts = in.texts(name);
  return {texts.begin(), texts.end()};
}

Timestamp from_milliseconds(std::int64_t ms) {
  std::int64_t us = 0;
  if (!__builtin_mul_overflow(ms, 1000, &us)) return {us};
  return {ms < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max()};
}

std::optional<Timestamp> read_time(const Fields& in, std::string_view name) {
  const auto ms = in.integer(name);
  return ms ? std::optional(from_milliseconds(*ms)) : std::nullopt;
}

}  // namespace millrace::api::mlflow
