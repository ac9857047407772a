#include "api/http/model_config.h"

#include <nlohmann/json.hpp>

namespace millrace::api {
namespace {

using serving::Datatype;
using serving::TensorSpec;

std::string type_of(Datatype datatype) {
  return datatype == Datatype::kBytes ? "TYPE_STRING" : fmt::format("TYPE_{}", to_text(datatype));
}

Json tensors_json(const std::vector<TensorSpec>& specs) {
  auto list = Json::array();
  for (const auto& spec : specs) {
    Json tensor{{"name", spec.name}, {"data_type", type_of(spec.datatype)}, {"dims", spec.shape}};
    if (spec.optional) tensor["optional"] = true;
    list.push_back(std::move(tensor));
  }
  return list;
}

Json duration(std::uint64_t count, std::uint64_t ns) { return {{"count", count}, {"ns", ns}}; }

Json batch_json(const serving::BatchTotals& batch) {
  return {{"batch_size", batch.rows},
          {"compute_input", duration(batch.count, batch.times.input)},
          {"compute_infer", duration(batch.count, batch.times.infer)},
          {"compute_output", duration(batch.count, batch.times.output)}};
}

}  // namespace

Json model_config(const serving::EndpointStatus& status) {
  return {{"name", status.spec.name},
          {"platform", status.platform},
          {"backend", ""},
          {"version_policy", {{"latest", {{"num_versions", 1}}}}},
          {"max_batch_size", 0},  // rows are the first extent of a shape
          {"input", tensors_json(status.inputs)},
          {"output", tensors_json(status.outputs)},
          {"instance_group", Json::array()},
          {"default_model_filename", ""},
          {"parameters", Json::object()},
          {"model_warmup", Json::array()},
          {"model_transaction_policy", {{"decoupled", false}}}};
}

Json model_statistics(const std::string& endpoint, std::int64_t version, const serving::RequestTotals& totals) {
  auto done = totals.success.count;
  auto batches = Json::array();
  for (const auto& batch : totals.batches) batches.push_back(batch_json(batch));
  return {{"name", endpoint},
          {"version", std::to_string(version)},
          {"last_inference", totals.last_ms},
          {"inference_count", totals.rows},
          {"execution_count", done},
          {"inference_stats",
           {{"success", duration(done, totals.success.ns)},
            {"fail", duration(totals.failure.count, totals.failure.ns)},
            {"queue", duration(done, totals.times.queue)},
            {"compute_input", duration(done, totals.times.input)},
            {"compute_infer", duration(done, totals.times.infer)},
            {"compute_output", duration(done, totals.times.output)},
            {"cache_hit", duration(0, 0)},
            {"cache_miss", duration(0, 0)}}},
          {"response_stats", Json::object()},
          {"batch_stats", std::move(batches)},
          {"memory_usage", Json::array()}};
}

}  // namespace millrace::api
