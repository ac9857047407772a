#include <simdjson.h>

#include <charconv>

#include "api/otlp/any_value.h"
#include "api/otlp/spans.h"
#include "base/base64.h"

namespace millrace::api::otlp {

namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;
using tracking::Attribute;
using tracking::Span;
using tracking::SpanStatus;

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

void write_id(JsonWriter& out, std::string_view name, std::string_view hex_text) {
  out.field(name, base64_encode(unhex(hex_text)));
}

std::string_view plain_trace_id(std::string_view id) { return id.starts_with("tr-") ? id.substr(3) : id; }

std::string_view status_name(SpanStatus status) {
  if (status == SpanStatus::kOk) return "STATUS_CODE_OK";
  return status == SpanStatus::kError ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET";
}

// An event or a link that is kept as plain JSON; its members but for the attributes are written by `write`.
template <typename Write>
void write_parts(JsonWriter& out, std::string_view name, const std::string& json, Write&& write) {
  dom::parser parser;
  dom::array items;
  if (json.empty() || parser.parse(json).get(items) != SUCCESS) return;
  out.list(name, items, [&](const dom::element& item) {
    out.object([&] {
      write(item);
      dom::object attributes;
      if (item["attributes"].get(attributes) != SUCCESS) return;
      out.list("attributes", attributes, [&](const dom::key_value_pair& pair) {
        out.object([&] {
          out.field("key", pair.key);
          out.key("value");
          write_any_value(out, pair.value);
        });
      });
    });
  });
}

std::int64_t time_of(const dom::element& event) {
  std::int64_t time = 0;
  return event["time_unix_nano"].get(time) == SUCCESS ? time : 0;
}

std::string_view text_in(const dom::element& object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == SUCCESS ? text : std::string_view();
}

}  // namespace

void write_otlp(JsonWriter& out, const Span& span) {
  out.object([&] {
    write_id(out, "trace_id", plain_trace_id(span.trace_id));
    write_id(out, "span_id", span.id);
    if (!span.is_root()) write_id(out, "parent_span_id", span.parent_id);
    out.field("name", span.name);
    out.field("start_time_unix_nano", span.start_ns);
    if (span.end_ns > 0) out.field("end_time_unix_nano", span.end_ns);
    out.list("attributes", span.attributes, [&](const Attribute& a) { write_attribute(out, a.key, a.json); });
    write_parts(out, "events", span.events, [&](const dom::element& event) {
      out.field("time_unix_nano", time_of(event));
      out.field("name", text_in(event, "name"));
    });
    write_parts(out, "links", span.links, [&](const dom::element& link) {
      write_id(out, "trace_id", plain_trace_id(text_in(link, "trace_id")));
      write_id(out, "span_id", text_in(link, "span_id"));
    });
    out.object("status", [&] {
      if (!span.status_message.empty()) out.field("message", span.status_message);
      out.field("code", status_name(span.status));
    });
  });
}

void write_plain(JsonWriter& out, const Span& span) {
  out.object([&] {
    write_id(out, "trace_id", plain_trace_id(span.trace_id));
    write_id(out, "span_id", span.id);
    out.key("parent_span_id");
    if (span.is_root())
      out.null();
    else
      out.value(base64_encode(unhex(span.parent_id)));
    out.field("name", span.name);
    out.field("start_time_unix_nano", span.start_ns);
    out.key("end_time_unix_nano");
    if (span.end_ns > 0)
      out.value(span.end_ns);
    else
      out.null();
    out.key("events");
    out.raw(span.events.empty() ? "[]" : span.events);
    out.object("status", [&] {
      out.field("code", status_name(span.status));
      out.field("message", span.status_message);
    });
    out.object("attributes", [&] {
      for (const Attribute& attribute : span.attributes) out.field(attribute.key, attribute.json);
    });
    out.key("links");
    out.raw(span.links.empty() ? "[]" : span.links);
  });
}

}  // namespace millrace::api::otlp
