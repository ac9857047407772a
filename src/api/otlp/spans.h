#pragma once

#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "tracking/traces/traces.h"

namespace millrace::api::otlp {

// An ExportTraceServiceRequest (opentelemetry-proto, collector/trace/v1), as protobuf or as OTLP/JSON: one batch for
// each program that sent spans, without experiment and run. Unknown fields are passed over. kInvalidArgument for what
// cannot be read, for ids that are not 16 and 8 bytes, and for more than 100 000 spans.
Result<std::vector<tracking::SpanBatch>> read_protobuf(std::string_view body);
Result<std::vector<tracking::SpanBatch>> read_json(std::string_view body);

// A span as protobuf's JSON has OpenTelemetry's, which MLflow's client reads.
void write_otlp(JsonWriter& out, const tracking::Span& span);
// The same as MLflow's traces.json has it, which its UI reads: attributes are an object of JSON texts.
void write_plain(JsonWriter& out, const tracking::Span& span);

}  // namespace millrace::api::otlp
