#include "tracking/traces/trace.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::tracking {

namespace {

constexpr std::array<std::string_view, 4> kStates = {"STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"};
constexpr std::array<std::string_view, 3> kStatuses = {"UNSET", "OK", "ERROR"};
constexpr std::array<std::string_view, 3> kKinds = {"feedback", "expectation", "issue"};

template <typename Enum, std::size_t Count>
bool find_name(const std::array<std::string_view, Count>& names, std::string_view text, Enum& out) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return false;
  out = static_cast<Enum>(found - names.begin());
  return true;
}

}  // namespace

std::string_view to_text(TraceState state) { return kStates[static_cast<std::size_t>(state)]; }
bool from_text(std::string_view text, TraceState& state) { return find_name(kStates, text, state); }

std::string_view to_text(SpanStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }
bool from_text(std::string_view text, SpanStatus& status) { return find_name(kStatuses, text, status); }

std::string_view to_text(AssessmentKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
bool from_text(std::string_view text, AssessmentKind& kind) { return find_name(kKinds, text, kind); }

const std::string* Span::find(std::string_view key) const {
  const auto found = std::ranges::find(attributes, key, &Attribute::key);
  return found == attributes.end() ? nullptr : &found->json;
}

bool is_complete(const Trace& trace) {
  if (trace.spans.empty()) return false;
  const auto stats = std::ranges::find(trace.info.metadata, trace_key::kSizeStats, &Tag::key);
  if (stats == trace.info.metadata.end()) return true;
  const auto json = parse_json(stats->value);
  if (!json || !json->is_object()) return true;
  const auto count = json->find("num_spans");
  return count == json->end() || !count->is_number() || static_cast<double>(trace.spans.size()) >= count->get<double>();
}

}  // namespace millrace::tracking
