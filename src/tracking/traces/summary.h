#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "tracking/traces/trace.h"

namespace millrace::tracking {

// What some spans of one trace say about it.
struct SpanSummary {
  Timestamp start;                              // of the earliest, in whole milliseconds
  std::optional<Timestamp> end;                 // of the latest that has ended
  std::optional<TraceState> state;              // of the root
  std::optional<std::string> request_preview;   // of the root's inputs
  std::optional<std::string> response_preview;  // of the root's outputs
  std::vector<Tag> tags;                        // that the root carries
  std::vector<Tag> metadata;                    // session and user
};
SpanSummary summarize(std::span<const Span* const> spans);

// The text that JSON is, "hi" without its quotes; nothing where it is no text.
std::optional<std::string> text_of(std::string_view json);

// A span in its tree, and what it counts, such as its token usage: {"input_tokens": 3, ...}; "" for nothing.
struct SpanCount {
  std::string id;
  std::string parent_id;
  std::string json;
};

// The sums by key over all spans of a trace, as a JSON object. A span that counts has counted those below it, too:
// these are left out. Nothing where no span counts.
std::optional<std::string> add_up(std::span<const SpanCount> spans);

// The first 1000 characters; of messages the last one of that role ("user").
std::string preview_of(std::string_view json, std::string_view role);

}  // namespace millrace::tracking
