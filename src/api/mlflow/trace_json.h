#pragma once

#include "api/mlflow/input.h"
#include "base/json_writer.h"
#include "tracking/traces/trace.h"

namespace millrace::api::mlflow {

// Traces and assessments as MLflow's messages have them: TraceInfoV3 and Assessment, times as texts. Faults are noted
// in the Fields.

tracking::TraceInfo read_trace_info(const Fields& in);
tracking::Assessment read_assessment(const Fields& in);
// Which of an assessment's values it is, the value, the error; a fault where there is none.
void read_assessment_value(const Fields& in, tracking::Assessment& assessment);
// {"key": "value"}
std::vector<tracking::Tag> read_map(const Fields& in, std::string_view name);

void write(JsonWriter& out, const tracking::TraceInfo& info);
void write(JsonWriter& out, const tracking::Trace& trace);
void write(JsonWriter& out, const tracking::Assessment& assessment);
// {"key": "value"}; left out where there is none.
void write_map(JsonWriter& out, std::string_view name, const std::vector<tracking::Tag>& items);

}  // namespace millrace::api::mlflow
