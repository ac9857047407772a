#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "tracking/traces/trace.h"

namespace millrace::transfer {

// A span as MLflow stores it: a row's content, or one of the list in traces.json; its format of before version 3, with
// a "context", too.
Result<tracking::Span> read_span(const Json& content, std::string_view trace_id);

// The spans of a traces.json.
Result<std::vector<tracking::Span>> read_spans(std::string_view text, std::string_view trace_id);

}  // namespace millrace::transfer
