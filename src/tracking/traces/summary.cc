#include "tracking/traces/summary.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::int64_t kNanosecondsInMillisecond = 1'000'000;
constexpr std::size_t kPreviewLength = 1000;
constexpr std::string_view kEllipsis = "...";

// The names that OpenTelemetry has for what MLflow keeps as metadata.
struct Source {
  std::string_view attribute;
  std::string_view metadata;
};
constexpr Source kSources[] = {{"session.id", trace_key::kSession},
                               {"gen_ai.conversation.id", trace_key::kSession},
                               {"user.id", trace_key::kUser}};

Timestamp in_milliseconds(std::int64_t ns) { return {ns / kNanosecondsInMillisecond * 1000}; }

std::string plain(std::string_view json) { return text_of(json).value_or(std::string(json)); }

void add_root(const Span& root, SpanSummary& summary) {
  summary.state = root.status == SpanStatus::kError ? TraceState::kError : TraceState::kOk;
  if (const auto* inputs = root.find(trace_key::kInputs)) summary.request_preview = preview_of(*inputs, "user");
  if (const auto* outputs = root.find(trace_key::kOutputs))
    summary.response_preview = preview_of(*outputs, "assistant");
  for (const Attribute& attribute : root.attributes) {
    if (!attribute.key.starts_with(trace_key::kTagPrefix)) continue;
    summary.tags.push_back({attribute.key.substr(trace_key::kTagPrefix.size()), plain(attribute.json)});
  }
}

bool has(const std::vector<Tag>& tags, std::string_view key) {
  return std::ranges::find(tags, key, &Tag::key) != tags.end();
}

void add_metadata(const Span& span, SpanSummary& summary) {
  for (const auto& [attribute, metadata] : kSources) {
    const auto* json = span.find(attribute);
    if (json == nullptr || has(summary.metadata, metadata)) continue;
    summary.metadata.push_back({std::string(metadata), plain(*json)});
  }
}

// {"messages": [...]} or the list itself; {"choices": [{"message": ...}]}.
std::vector<Json> messages_of(const Json& json) {
  std::vector<Json> messages;
  const Json* list = &json;
  if (json.is_object() && json.contains("messages")) list = &json["messages"];
  if (json.is_object() && json.contains("choices")) list = &json["choices"];
  if (!list->is_array()) return messages;
  for (const Json& item : *list) {
    const Json& message = item.is_object() && item.contains("message") ? item["message"] : item;
    if (message.is_object() && message.contains("role")) messages.push_back(message);
  }
  return messages;
}

std::optional<std::string> last_message(const Json& json, std::string_view role) {
  const auto messages = messages_of(json);
  if (messages.empty()) return std::nullopt;
  const Json* chosen = &messages.back();
  for (const Json& message : messages) {
    if (message["role"] == role) chosen = &message;
  }
  const auto content = chosen->find("content");
  if (content == chosen->end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

using Tree = std::map<std::string_view, const SpanCount*>;

// Looks so many parents up: they may go round in a circle.
constexpr int kMostParents = 1000;
bool counted_above(const SpanCount& span, const Tree& tree) {
  auto parent = tree.find(span.parent_id);
  for (int i = 0; parent != tree.end() && i < kMostParents; ++i) {
    if (!parent->second->json.empty() && parent->second != &span) return true;
    parent = tree.find(parent->second->parent_id);
  }
  return false;
}

void add(Json& sums, const std::string& key, const Json& number) {
  if (!number.is_number()) return;
  if (!sums.contains(key)) sums[key] = 0;
  Json& sum = sums[key];
  std::int64_t whole = 0;
  const bool fits = sum.is_number_integer() && number.is_number_integer() &&
                    !__builtin_add_overflow(sum.get<std::int64_t>(), number.get<std::int64_t>(), &whole);
  sum = fits ? Json(whole) : Json(sum.get<double>() + number.get<double>());
}

}  // namespace

SpanSummary summarize(std::span<const Span* const> spans) {
  SpanSummary summary{.start = in_milliseconds(spans.front()->start_ns)};
  for (const Span* span : spans) {
    summary.start = std::min(summary.start, in_milliseconds(span->start_ns));
    if (span->end_ns > 0) summary.end = std::max(summary.end.value_or(Timestamp{}), in_milliseconds(span->end_ns));
    if (span->is_root()) add_root(*span, summary);
    add_metadata(*span, summary);
  }
  return summary;
}

std::optional<std::string> text_of(std::string_view json) {
  if (!json.starts_with('"')) return std::nullopt;
  if (!json.contains('\\') && json.size() > 1) return std::string(json.substr(1, json.size() - 2));
  const auto parsed = parse_json(json);
  if (!parsed || !parsed->is_string()) return std::nullopt;
  return parsed->get<std::string>();
}

std::optional<std::string> add_up(std::span<const SpanCount> spans) {
  Tree tree;
  for (const SpanCount& span : spans) tree[span.id] = &span;
  Json sums = Json::object();
  for (const SpanCount& span : spans) {
    if (span.json.empty() || counted_above(span, tree)) continue;
    const auto numbers = parse_json(span.json);
    if (!numbers || !numbers->is_object()) continue;
    for (const auto& [key, number] : numbers->items()) add(sums, key, number);
  }
  return sums.empty() ? std::nullopt : std::optional(dump_json(sums));
}

std::string preview_of(std::string_view json, std::string_view role) {
  std::string text(json);
  if (const auto parsed = parse_json(json)) text = last_message(*parsed, role).value_or(text);
  if (cut(text, kPreviewLength).size() == text.size()) return text;
  return std::string(cut(text, kPreviewLength - kEllipsis.size())).append(kEllipsis);
}

}  // namespace millrace::tracking
