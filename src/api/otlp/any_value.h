#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/result.h"

namespace millrace::api::otlp {

// OpenTelemetry's AnyValue, a value of an attribute, from and to the plain JSON that we keep: texts, numbers, lists and
// objects as such, bytes as base64. What is nested deeper than kMaxDepth is kInvalidArgument.
inline constexpr int kMaxDepth = 48;

// `bytes`: the message AnyValue as protobuf.
Result<void> read_any_value(std::string_view bytes, JsonWriter& out, int depth = 0);
// The same as OTLP/JSON: {"stringValue": "x"}; protobuf's own names ("string_value"), too.
Result<void> read_any_value(const simdjson::dom::element& value, JsonWriter& out, int depth = 0);
// Plain JSON as protobuf's JSON has an AnyValue: {"string_value": "x"}.
void write_any_value(JsonWriter& out, const simdjson::dom::element& plain);
// {"key": ..., "value": {"string_value": ...}}; `json` that cannot be read is a text.
void write_attribute(JsonWriter& out, std::string_view key, std::string_view json);

// UTF-8 without NUL, whatever came: what is neither is replaced.
std::string clean_text(std::string_view text);

}  // namespace millrace::api::otlp
