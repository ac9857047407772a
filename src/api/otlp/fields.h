#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/traces/traces.h"

namespace millrace::api::otlp {

inline constexpr std::size_t kMostSpans = 100'000;
inline constexpr std::size_t kTraceIdBytes = 16;
inline constexpr std::size_t kSpanIdBytes = 8;

// The fields of OpenTelemetry's messages: their numbers in protobuf, their names in OTLP/JSON.
struct FieldName {
  std::uint32_t number;
  std::string_view name;
};
inline constexpr FieldName kResourceSpans{1, "resourceSpans"};  // of ExportTraceServiceRequest
inline constexpr FieldName kResource{1, "resource"};            // of ResourceSpans
inline constexpr FieldName kScopeSpans{2, "scopeSpans"};
inline constexpr FieldName kResourceAttributes{1, "attributes"};  // of Resource
inline constexpr FieldName kSpans{2, "spans"};                    // of ScopeSpans
inline constexpr FieldName kTraceId{1, "traceId"};                // of Span
inline constexpr FieldName kSpanId{2, "spanId"};
inline constexpr FieldName kParentSpanId{4, "parentSpanId"};
inline constexpr FieldName kName{5, "name"};
inline constexpr FieldName kStart{7, "startTimeUnixNano"};
inline constexpr FieldName kEnd{8, "endTimeUnixNano"};
inline constexpr FieldName kAttributes{9, "attributes"};
inline constexpr FieldName kEvents{11, "events"};
inline constexpr FieldName kLinks{13, "links"};
inline constexpr FieldName kStatus{15, "status"};
inline constexpr FieldName kEventTime{1, "timeUnixNano"};  // of Event
inline constexpr FieldName kEventName{2, "name"};
inline constexpr FieldName kEventAttributes{3, "attributes"};
inline constexpr FieldName kLinkTraceId{1, "traceId"};  // of Link
inline constexpr FieldName kLinkSpanId{2, "spanId"};
inline constexpr FieldName kLinkAttributes{4, "attributes"};
inline constexpr FieldName kStatusMessage{2, "message"};  // of Status
inline constexpr FieldName kStatusCode{3, "code"};
inline constexpr FieldName kKey{1, "key"};  // of KeyValue
inline constexpr FieldName kValue{2, "value"};

// What both readers share.

std::unexpected<Error> malformed(std::string_view what);
std::unexpected<Error> invalid_format(Error error);  // what a reader answers at last
std::int64_t nanoseconds(std::uint64_t number);      // cut to what is stored
tracking::SpanStatus status_of(std::uint64_t code);
std::string trace_id_of(std::string_view hex);  // MLflow's id

// An event or a link.
struct Part {
  std::vector<tracking::Attribute> attributes;
  std::string name;
  std::int64_t time_ns = 0;
  std::string trace_id;
  std::string span_id;
};

// A program's attributes as tags, but for what its SDK says about itself and what is MLflow's to say.
std::vector<tracking::Tag> resource_tags(const std::vector<tracking::Attribute>& attributes);

// Gives a span that was read its events and links, and the server's word about which trace it is of.
Result<void> finish(tracking::Span& span, const std::vector<Part>& events, const std::vector<Part>& links);

}  // namespace millrace::api::otlp
