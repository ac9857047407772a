#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/traces/assessment.h"

namespace millrace::tracking {

// Traces have MLflow's meanings: what one request did, as a tree of spans, with what was said about it.

enum class TraceState { kUnspecified, kOk, kError, kInProgress };
std::string_view to_text(TraceState state);  // "IN_PROGRESS"
bool from_text(std::string_view text, TraceState& state);

enum class SpanStatus { kUnset, kOk, kError };
std::string_view to_text(SpanStatus status);  // "OK"
bool from_text(std::string_view text, SpanStatus& status);

struct Attribute {
  std::string key;
  std::string json;  // the value: compact JSON
};

struct Span {
  std::string trace_id;   // "tr-" and 32 hexadecimal digits
  std::string id;         // 16 hexadecimal digits
  std::string parent_id;  // the same; "" for a root
  std::string name;
  std::int64_t start_ns = 0;  // since 1970
  std::int64_t end_ns = 0;    // 0 while it has not ended
  SpanStatus status = SpanStatus::kUnset;
  std::string status_message;
  std::vector<Attribute> attributes;  // from the store: by key
  // JSON lists in OTLP's shape with protobuf's field names ("time_unix_nano"), "" for none: nothing here looks into
  // them, and answers repeat them.
  std::string events;
  std::string links;

  bool is_root() const { return parent_id.empty(); }
  const std::string* find(std::string_view key) const;  // an attribute's JSON; nullptr where there is none
};

struct TraceInfo {
  std::string id;
  std::string experiment_id;
  std::optional<std::string> client_request_id;
  std::optional<std::string> request_preview;
  std::optional<std::string> response_preview;
  Timestamp request_time;
  std::optional<std::int64_t> execution_ms;
  TraceState state = TraceState::kUnspecified;
  std::vector<Tag> metadata;            // by key
  std::vector<Tag> tags;                // by key
  std::vector<Assessment> assessments;  // oldest first
};

struct Trace {
  TraceInfo info;
  std::vector<Span> spans;  // roots first, then by start
};

// The attributes, tags and metadata that mean something to us.
namespace trace_key {
inline constexpr std::string_view kName = "mlflow.traceName";                     // tag
inline constexpr std::string_view kSpansLocation = "mlflow.trace.spansLocation";  // tag
inline constexpr std::string_view kArtifactLocation = "mlflow.artifactLocation";  // tag
inline constexpr std::string_view kSourceRun = "mlflow.sourceRun";                // metadata
inline constexpr std::string_view kSession = "mlflow.trace.session";              // metadata
inline constexpr std::string_view kUser = "mlflow.trace.user";                    // metadata
inline constexpr std::string_view kTokenUsage = "mlflow.trace.tokenUsage";        // metadata
inline constexpr std::string_view kCost = "mlflow.trace.cost";                    // metadata
inline constexpr std::string_view kSizeStats = "mlflow.trace.sizeStats";          // metadata
inline constexpr std::string_view kRequestId = "mlflow.traceRequestId";           // attribute
inline constexpr std::string_view kSpanType = "mlflow.spanType";                  // attribute
inline constexpr std::string_view kInputs = "mlflow.spanInputs";                  // attribute
inline constexpr std::string_view kOutputs = "mlflow.spanOutputs";                // attribute
inline constexpr std::string_view kSpanUsage = "mlflow.chat.tokenUsage";          // attribute
inline constexpr std::string_view kSpanCost = "mlflow.llm.cost";                  // attribute
inline constexpr std::string_view kTagPrefix = "mlflow.traceTag.";                // of attributes
}  // namespace trace_key

// Whether all spans are there that the trace's metadata counts.
bool is_complete(const Trace& trace);

}  // namespace millrace::tracking
