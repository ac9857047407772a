#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "api/otlp/any_value.h"
#include "api/otlp/fields.h"
#include "api/otlp/spans.h"

namespace millrace::api::otlp {

namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;
using tracking::Attribute;
using tracking::Span;
using tracking::SpanBatch;
using tracking::SpanStatus;

// Lower case, of so many bytes.
Result<std::string> hex_id(std::string_view text, std::size_t bytes) {
  std::string id(text);
  std::ranges::transform(id, id.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (id.size() == 2 * bytes && id.find_first_not_of("0123456789abcdef") == std::string::npos) return id;
  return malformed(fmt::format("an id must have {} bytes", bytes));
}

// OTLP/JSON: protobuf's JSON, but for ids, which are hexadecimal.

std::string_view text_in(const dom::element& object, const FieldName& field) {
  std::string_view text;
  return object[field.name].get(text) == SUCCESS ? text : std::string_view();
}

std::int64_t time_in(const dom::element& object, const FieldName& field) {
  dom::element value;
  std::uint64_t number = 0;
  if (object[field.name].get(value) != SUCCESS) return 0;
  std::string_view text;
  if (value.get(text) == SUCCESS)
    std::from_chars(text.data(), text.data() + text.size(), number);
  else if (value.get(number) != SUCCESS)
    number = 0;
  return nanoseconds(number);
}

template <typename Read>
Result<void> for_each(const dom::element& object, const FieldName& field, Read&& read) {
  dom::array items;
  if (object[field.name].get(items) != SUCCESS) return {};
  for (const dom::element item : items) {
    if (!item.is_object()) return malformed(fmt::format("{} must be a list of objects", field.name));
    TRY(read(item));
  }
  return {};
}

Result<std::vector<Attribute>> attributes_in(const dom::element& object, const FieldName& field) {
  std::vector<Attribute> attributes;
  TRY(for_each(object, field, [&](const dom::element& item) -> Result<void> {
    JsonWriter out;
    dom::element value;
    if (item[kValue.name].get(value) == SUCCESS)
      TRY(read_any_value(value, out));
    else
      out.null();
    attributes.push_back({clean_text(text_in(item, kKey)), std::move(out).text()});
    return {};
  }));
  return attributes;
}

Result<Part> event_of(const dom::element& object) {
  return Part{.attributes = TRY(attributes_in(object, kEventAttributes)),
              .name = clean_text(text_in(object, kEventName)),
              .time_ns = time_in(object, kEventTime)};
}

Result<Part> link_of(const dom::element& object) {
  return Part{.attributes = TRY(attributes_in(object, kLinkAttributes)),
              .trace_id = trace_id_of(TRY(hex_id(text_in(object, kLinkTraceId), kTraceIdBytes))),
              .span_id = TRY(hex_id(text_in(object, kLinkSpanId), kSpanIdBytes))};
}

void status_in(const dom::element& object, Span& span) {
  dom::element status;
  if (object[kStatus.name].get(status) != SUCCESS) return;
  span.status_message = clean_text(text_in(status, kStatusMessage));
  std::uint64_t code = 0;
  if (status[kStatusCode.name].get(code) == SUCCESS) span.status = status_of(code);
  const std::string_view name = text_in(status, kStatusCode);
  if (name == "STATUS_CODE_OK") span.status = SpanStatus::kOk;
  if (name == "STATUS_CODE_ERROR") span.status = SpanStatus::kError;
}

Result<Span> span_of(const dom::element& object) {
  Span span{.trace_id = trace_id_of(TRY(hex_id(text_in(object, kTraceId), kTraceIdBytes))),
            .id = TRY(hex_id(text_in(object, kSpanId), kSpanIdBytes)),
            .name = clean_text(text_in(object, kName)),
            .start_ns = time_in(object, kStart),
            .end_ns = time_in(object, kEnd),
            .attributes = TRY(attributes_in(object, kAttributes))};
  if (const auto parent = text_in(object, kParentSpanId); !parent.empty()) {
    span.parent_id = TRY(hex_id(parent, kSpanIdBytes));
  }
  status_in(object, span);
  std::vector<Part> events;
  std::vector<Part> links;
  TRY(for_each(object, kEvents, [&](const dom::element& event) -> Result<void> {
    events.push_back(TRY(event_of(event)));
    return {};
  }));
  TRY(for_each(object, kLinks, [&](const dom::element& link) -> Result<void> {
    links.push_back(TRY(link_of(link)));
    return {};
  }));
  TRY(finish(span, events, links));
  return span;
}

Result<SpanBatch> batch_of(const dom::element& object) {
  SpanBatch batch;
  dom::element resource;
  if (object[kResource.name].get(resource) == SUCCESS) {
    batch.resource = resource_tags(TRY(attributes_in(resource, kResourceAttributes)));
  }
  TRY(for_each(object, kScopeSpans, [&](const dom::element& scope) {
    return for_each(scope, kSpans, [&](const dom::element& span) -> Result<void> {
      if (batch.spans.size() == kMostSpans) return malformed("more than 100000 spans at once");
      batch.spans.push_back(TRY(span_of(span)));
      return {};
    });
  }));
  return batch;
}

Result<std::vector<SpanBatch>> read_batches(std::string_view body) {
  std::vector<SpanBatch> batches;
  dom::parser parser;
  dom::element document;
  auto error = parser.allocate(std::max<std::size_t>(body.size(), 64), 8 * kMaxDepth);
  if (!error) error = parser.parse(body.data(), body.size()).get(document);
  if (error || !document.is_object()) return malformed("not a JSON object");
  TRY(for_each(document, kResourceSpans, [&](const dom::element& item) -> Result<void> {
    batches.push_back(TRY(batch_of(item)));
    return {};
  }));
  if (batches.empty()) return malformed("no spans found");
  return batches;
}

}  // namespace

Result<std::vector<SpanBatch>> read_json(std::string_view body) {
  auto batches = read_batches(body);
  if (!batches) return invalid_format(std::move(batches.error()));
  return batches;
}

}  // namespace millrace::api::otlp
