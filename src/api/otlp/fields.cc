#include "api/otlp/fields.h"

#include <algorithm>
#include <limits>

#include "api/otlp/any_value.h"
#include "base/json_writer.h"
#include "tracking/traces/summary.h"

namespace millrace::api::otlp {

namespace {

using tracking::Attribute;
using tracking::Span;
using tracking::SpanStatus;

constexpr std::uint64_t kStatusOk = 1;
constexpr std::uint64_t kStatusError = 2;

void write_attributes(JsonWriter& out, const std::vector<Attribute>& attributes) {
  out.object("attributes", [&] {
    for (const Attribute& attribute : attributes) {
      out.key(attribute.key);
      out.raw(attribute.json);
    }
  });
}

std::string events_json(const std::vector<Part>& events) {
  if (events.empty()) return {};
  JsonWriter out;
  out.array([&] {
    for (const Part& event : events) {
      out.object([&] {
        out.field("name", event.name);
        out.field("time_unix_nano", event.time_ns);
        write_attributes(out, event.attributes);
      });
    }
  });
  return std::move(out).text();
}

std::string links_json(const std::vector<Part>& links) {
  if (links.empty()) return {};
  JsonWriter out;
  out.array([&] {
    for (const Part& link : links) {
      out.object([&] {
        out.field("trace_id", link.trace_id);
        out.field("span_id", link.span_id);
        write_attributes(out, link.attributes);
      });
    }
  });
  return std::move(out).text();
}

// The server's own word about which trace a span is of.
void set_request_id(Span& span) {
  std::erase_if(span.attributes, [](const Attribute& a) { return a.key == tracking::trace_key::kRequestId; });
  span.attributes.push_back({std::string(tracking::trace_key::kRequestId), fmt::format("\"{}\"", span.trace_id)});
}

}  // namespace

std::unexpected<Error> malformed(std::string_view what) { return invalid_argument("{}", what); }
std::unexpected<Error> invalid_format(Error error) {
  return std::unexpected(std::move(error).in("Invalid OpenTelemetry format"));
}

std::int64_t nanoseconds(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, std::numeric_limits<std::int64_t>::max()));
}

SpanStatus status_of(std::uint64_t code) {
  if (code == kStatusOk) return SpanStatus::kOk;
  return code == kStatusError ? SpanStatus::kError : SpanStatus::kUnset;
}

std::string trace_id_of(std::string_view hex_text) { return fmt::format("tr-{}", hex_text); }

std::vector<tracking::Tag> resource_tags(const std::vector<Attribute>& attributes) {
  std::vector<tracking::Tag> tags;
  for (const Attribute& attribute : attributes) {
    if (attribute.key.starts_with("telemetry.sdk.") || attribute.key.starts_with("mlflow.")) continue;
    tags.push_back({attribute.key, clean_text(tracking::text_of(attribute.json).value_or(attribute.json))});
  }
  return tags;
}

Result<void> finish(Span& span, const std::vector<Part>& events, const std::vector<Part>& links) {
  if (span.trace_id.empty() || span.id.empty()) return malformed("a span without trace_id or span_id");
  span.events = events_json(events);
  span.links = links_json(links);
  set_request_id(span);
  return {};
}

}  // namespace millrace::api::otlp
