#pragma once

#include <array>
#include <string_view>

#include "base/json.h"
#include "serving/serving.h"

namespace millrace::api {

// Those of Triton's extensions that are spoken, by its names.
inline constexpr std::array<std::string_view, 7> kExtensions{
    "binary_tensor_data", "classification",  "model_configuration", "model_repository",
    "parameters",         "schedule_policy", "statistics"};

// An endpoint's model as Triton's model configuration tells it (ModelConfig in JSON).
Json model_config(const serving::EndpointStatus& status);

// As Triton's statistics tell it: {"name", "version", "inference_stats", ...}.
Json model_statistics(const std::string& endpoint, std::int64_t version, const serving::RequestTotals& totals);

}  // namespace millrace::api
