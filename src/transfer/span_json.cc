#include "transfer/span_json.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/hash.h"

namespace millrace::transfer {

namespace {

using tracking::Span;
using tracking::SpanStatus;

const Json& member(const Json& object, const char* name) {
  static const Json none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string text_in(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

std::int64_t integer_in(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_number() ? value.get<std::int64_t>() : 0;
}

// Ids are base64 of their bytes, or, of old, "0x" and hexadecimal digits.
std::string id_of(const std::string& text) {
  if (text.starts_with("0x")) return text.substr(2);
  const auto bytes = base64_decode(text);
  return bytes ? to_hex(*bytes) : text;
}

// Each value is a text that holds JSON.
std::vector<tracking::Attribute> read_attributes(const Json& object) {
  std::vector<tracking::Attribute> attributes;
  if (!object.is_object()) return attributes;
  for (const auto& [key, value] : object.items()) {
    const auto held = value.is_string() ? parse_json(value.get<std::string>()) : Result<Json>(value);
    attributes.push_back({key, dump_json(held ? *held : value)});
  }
  std::ranges::sort(attributes, {}, &tracking::Attribute::key);
  return attributes;
}

// The members that we keep of each of a list's objects.
std::string kept(const Json& list, std::initializer_list<const char*> members) {
  if (!list.is_array() || list.empty()) return {};
  Json out = Json::array();
  for (const Json& item : list) {
    Json one = Json::object();
    for (const char* name : members) {
      if (item.is_object() && item.contains(name)) one[name] = item[name];
    }
    if (const auto at = one.find("timestamp"); at != one.end()) {
      one["time_unix_nano"] = *at;
      one.erase("timestamp");
    }
    out.push_back(std::move(one));
  }
  return dump_json(out);
}

SpanStatus status_of(const std::string& code) {
  if (code.ends_with("OK")) return SpanStatus::kOk;
  if (code.ends_with("ERROR")) return SpanStatus::kError;
  return SpanStatus::kUnset;
}

Span read_old(const Json& content) {
  const Json& context = member(content, "context");
  return {.id = id_of(text_in(context, "span_id")),
          .parent_id = id_of(text_in(content, "parent_id")),
          .name = text_in(content, "name"),
          .start_ns = integer_in(content, "start_time"),
          .end_ns = integer_in(content, "end_time"),
          .status = status_of(text_in(content, "status_code")),
          .status_message = text_in(content, "status_message")};
}

Span read_new(const Json& content) {
  const Json& status = member(content, "status");
  return {.id = id_of(text_in(content, "span_id")),
          .parent_id = id_of(text_in(content, "parent_span_id")),
          .name = text_in(content, "name"),
          .start_ns = integer_in(content, "start_time_unix_nano"),
          .end_ns = integer_in(content, "end_time_unix_nano"),
          .status = status_of(text_in(status, "code")),
          .status_message = text_in(status, "message")};
}

}  // namespace

Result<Span> read_span(const Json& content, std::string_view trace_id) {
  if (!content.is_object()) return data_loss("a span of trace {} is no JSON object", trace_id);
  Span span = member(content, "context").is_object() ? read_old(content) : read_new(content);
  if (span.id.empty()) return data_loss("a span of trace {} has no id", trace_id);
  span.trace_id = trace_id;
  span.attributes = read_attributes(member(content, "attributes"));
  span.events = kept(member(content, "events"), {"name", "time_unix_nano", "timestamp", "attributes"});
  span.links = kept(member(content, "links"), {"trace_id", "span_id", "trace_state", "attributes"});
  return span;
}

Result<std::vector<Span>> read_spans(std::string_view text, std::string_view trace_id) {
  const Json document = TRY(parse_json(text));
  std::vector<Span> spans;
  for (const Json& content : member(document, "spans")) spans.push_back(TRY(read_span(content, trace_id)));
  return spans;
}

}  // namespace millrace::transfer
