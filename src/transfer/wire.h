#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "transfer/source.h"

namespace millrace::transfer {

Series to_series(const std::string& key, std::span<const tracking::Metric> points);
// kInvalidArgument where the columns are not equally long.
Result<std::vector<tracking::Metric>> to_points(const std::vector<Series>& series);

// Records as JSON: objects with the names of their members, times as ISO 8601, enums by their names; what is empty or
// not there is left out. Reading: what is left out is empty, and kInvalidArgument, with where it stands, for a member
// that is unknown or of another type.
Json to_json(const tracking::Experiment& experiment);
Json to_json(const tracking::Run& run);
Json to_json(const tracking::LoggedModel& model);
Json to_json(const TraceRecord& record);
Json to_json(const EvaluationSet& set);
Json to_json(const registry::Model& model);
Json to_json(const registry::ModelVersion& version);
Json to_json(const std::vector<Series>& series);
Json to_json(const std::map<std::string, std::int64_t>& counts);

Result<void> from_json(const Json& json, tracking::Experiment& experiment);
Result<void> from_json(const Json& json, tracking::Run& run);
Result<void> from_json(const Json& json, tracking::LoggedModel& model);
Result<void> from_json(const Json& json, TraceRecord& record);
Result<void> from_json(const Json& json, EvaluationSet& set);
Result<void> from_json(const Json& json, registry::Model& model);
Result<void> from_json(const Json& json, registry::ModelVersion& version);
Result<void> from_json(const Json& json, std::vector<Series>& series);
Result<void> from_json(const Json& json, std::map<std::string, std::int64_t>& counts);

}  // namespace millrace::transfer
