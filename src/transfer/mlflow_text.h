#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/logged_models.h"
#include "tracking/traces/assessment.h"

namespace millrace::transfer {

// How MLflow's stores write what ours write otherwise.

Timestamp moment(std::int64_t milliseconds);
std::optional<Timestamp> moment(std::optional<std::int64_t> milliseconds);
Result<std::int64_t> number_of(std::string_view text);
tracking::ModelStatus model_status(std::int64_t number);
tracking::RunStatus run_status(std::int64_t number);  // kRunning for an unknown one

// JSON without blanks; text that is none as it is.
std::string compact(const std::string& json);
std::optional<std::string> compact(const std::optional<std::string>& json);
// The outputs of a record stand in {"mlflow_wrapped": ...}, or similar, where they are no object.
std::optional<std::string> unwrapped(const std::optional<std::string>& json);
// {"key": "text"}, by key; what is no text as its JSON.
std::vector<tracking::Tag> text_map(const std::string& json);
// {"error_code", "error_message", "stack_trace"}; nothing for "".
std::optional<tracking::AssessmentError> assessment_error(const std::string& json);

// The logged model that "models:/m-..." names, or "".
std::string model_id_of(std::string_view source);

}  // namespace millrace::transfer
