#include "api/otlp/any_value.h"
#include "api/otlp/fields.h"
#include "api/otlp/spans.h"
#include "base/hash.h"
#include "base/wire.h"

namespace millrace::api::otlp {

namespace {

using tracking::Attribute;
using tracking::Span;
using tracking::SpanBatch;

Result<Attribute> read_attribute(std::string_view bytes) {
  std::string_view key;
  std::string_view value;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kKey.number) key = TRY(in.bytes());
    if (in.field() == kValue.number) value = TRY(in.bytes());
  }
  JsonWriter out;
  TRY(read_any_value(value, out));
  return Attribute{clean_text(key), std::move(out).text()};
}

Result<std::string> read_id(std::string_view bytes, std::size_t count) {
  if (bytes.size() == count) return to_hex(bytes);
  return malformed(fmt::format("an id must have {} bytes", count));
}

Result<Part> read_event(std::string_view bytes) {
  Part event;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kEventTime.number) event.time_ns = nanoseconds(TRY(in.number()));
    if (in.field() == kEventName.number) event.name = clean_text(TRY(in.bytes()));
    if (in.field() == kEventAttributes.number) event.attributes.push_back(TRY(read_attribute(TRY(in.bytes()))));
  }
  return event;
}

Result<Part> read_link(std::string_view bytes) {
  Part link;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kLinkTraceId.number) link.trace_id = trace_id_of(TRY(read_id(TRY(in.bytes()), kTraceIdBytes)));
    if (in.field() == kLinkSpanId.number) link.span_id = TRY(read_id(TRY(in.bytes()), kSpanIdBytes));
    if (in.field() == kLinkAttributes.number) link.attributes.push_back(TRY(read_attribute(TRY(in.bytes()))));
  }
  return link;
}

Result<void> read_status(std::string_view bytes, Span& span) {
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kStatusMessage.number) span.status_message = clean_text(TRY(in.bytes()));
    if (in.field() == kStatusCode.number) span.status = status_of(TRY(in.number()));
  }
  return {};
}

Result<Span> read_span(std::string_view bytes) {
  Span span;
  std::vector<Part> events;
  std::vector<Part> links;
  WireReader in(bytes);
  while (TRY(in.next())) {
    switch (in.field()) {
      case kTraceId.number:
        span.trace_id = trace_id_of(TRY(read_id(TRY(in.bytes()), kTraceIdBytes)));
        break;
      case kSpanId.number:
        span.id = TRY(read_id(TRY(in.bytes()), kSpanIdBytes));
        break;
      case kParentSpanId.number:
        if (const auto id = TRY(in.bytes()); !id.empty()) span.parent_id = TRY(read_id(id, kSpanIdBytes));
        break;
      case kName.number:
        span.name = clean_text(TRY(in.bytes()));
        break;
      case kStart.number:
        span.start_ns = nanoseconds(TRY(in.number()));
        break;
      case kEnd.number:
        span.end_ns = nanoseconds(TRY(in.number()));
        break;
      case kAttributes.number:
        span.attributes.push_back(TRY(read_attribute(TRY(in.bytes()))));
        break;
      case kEvents.number:
        events.push_back(TRY(read_event(TRY(in.bytes()))));
        break;
      case kLinks.number:
        links.push_back(TRY(read_link(TRY(in.bytes()))));
        break;
      case kStatus.number:
        TRY(read_status(TRY(in.bytes()), span));
        break;
      default:
        break;
    }
  }
  TRY(finish(span, events, links));
  return span;
}

Result<void> read_scope(std::string_view bytes, std::vector<Span>& spans) {
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kSpans.number) spans.push_back(TRY(read_span(TRY(in.bytes()))));
    if (spans.size() > kMostSpans) return malformed("more than 100000 spans at once");
  }
  return {};
}

Result<std::vector<tracking::Tag>> read_resource(std::string_view bytes) {
  std::vector<Attribute> attributes;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kResourceAttributes.number) attributes.push_back(TRY(read_attribute(TRY(in.bytes()))));
  }
  return resource_tags(attributes);
}

Result<SpanBatch> read_batch(std::string_view bytes) {
  SpanBatch batch;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kResource.number) batch.resource = TRY(read_resource(TRY(in.bytes())));
    if (in.field() == kScopeSpans.number) TRY(read_scope(TRY(in.bytes()), batch.spans));
  }
  return batch;
}

Result<std::vector<SpanBatch>> read_batches(std::string_view body) {
  std::vector<SpanBatch> batches;
  WireReader in(body);
  while (TRY(in.next())) {
    if (in.field() == kResourceSpans.number) batches.push_back(TRY(read_batch(TRY(in.bytes()))));
  }
  if (batches.empty()) return malformed("no spans found");
  return batches;
}

}  // namespace

Result<std::vector<SpanBatch>> read_protobuf(std::string_view body) {
  auto batches = read_batches(body);
  if (!batches) return invalid_format(std::move(batches.error()));
  return batches;
}

}  // namespace millrace::api::otlp
