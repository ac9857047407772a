#pragma once

#include "base/json.h"
#include "serving/serving.h"

namespace millrace::api {

// An endpoint's model as Triton's model configuration tells it (ModelConfig in JSON).
Json model_config(const serving::EndpointStatus& status);

// As Triton's statistics tell it: {"name", "version", "inference_stats", ...}.
Json model_statistics(const std::string& endpoint, std::int64_t version, const serving::RequestTotals& totals);

}  // namespace millrace::api
