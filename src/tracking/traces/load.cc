#include <boost/describe.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/json_writer.h"
#include "db/db.h"
#include "tracking/rows.h"
#include "tracking/traces/rows.h"

namespace millrace::tracking {

namespace {

struct SpanRow {
  std::string trace_id;
  std::string id;
  std::string parent_id;
  std::string name;
  SpanStatus status = SpanStatus::kUnset;
  std::string status_message;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::optional<std::string> events;
  std::optional<std::string> links;
};
BOOST_DESCRIBE_STRUCT(SpanRow, (),
                      (trace_id, id, parent_id, name, status, status_message, start_ns, end_ns, events, links))

struct AttributeRow {
  std::string trace_id;
  std::string span;
  std::string key;
  bool is_text = false;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(AttributeRow, (), (trace_id, span, key, is_text, value))

constexpr std::string_view kSelectTags = R"sql(
select trace, key, value
from trace_tags
where trace in (select cast(value as bigint) from json_each(?))
order by trace, key
)sql";

constexpr std::string_view kSelectMetadata = R"sql(
select trace, key, value
from trace_metadata
where trace in (select cast(value as bigint) from json_each(?))
order by trace, key
)sql";

constexpr std::string_view kSelectSpans = R"sql(
select traces.id, spans.id, spans.parent_id, spans.name, spans.status, spans.status_message, spans.start_ns,
       spans.end_ns, spans.events, spans.links
from spans
join traces on traces.number = spans.trace
where traces.id in (select value from json_each(?))
order by traces.id, case when spans.parent_id = '' then 0 else 1 end, spans.start_ns, spans.id
)sql";

constexpr std::string_view kSelectAttributes = R"sql(
select traces.id, k.span, k.key, k.is_text, k.value
from span_attributes k
join traces on traces.number = k.trace
where traces.id in (select value from json_each(?))
order by k.trace, k.span, k.key
)sql";

std::string json_text(std::string_view text) {
  JsonWriter out;
  out.value(text);
  return std::move(out).text();
}

Span to_span(SpanRow row) {
  return {.trace_id = std::move(row.trace_id),
          .id = std::move(row.id),
          .parent_id = std::move(row.parent_id),
          .name = std::move(row.name),
          .start_ns = row.start_ns,
          .end_ns = row.end_ns,
          .status = row.status,
          .status_message = std::move(row.status_message),
          .events = std::move(row.events).value_or(""),
          .links = std::move(row.links).value_or("")};
}

TraceInfo to_trace(const TraceRow& row) {
  return {.id = row.id,
          .experiment_id = std::to_string(row.experiment_id),
          .client_request_id = row.client_request_id,
          .request_preview = row.request_preview,
          .response_preview = row.response_preview,
          .request_time = row.request_time,
          .execution_ms = row.execution_ms,
          .state = row.state};
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

}  // namespace

Assessment to_assessment(AssessmentRow row) {
  Assessment assessment{.id = std::move(row.id),
                        .trace_id = std::move(row.trace_id),
                        .name = std::move(row.name),
                        .kind = row.kind,
                        .value = std::move(row.value),
                        .source_type = std::move(row.source_type),
                        .source_id = std::move(row.source_id),
                        .rationale = std::move(row.rationale),
                        .span_id = std::move(row.span_id),
                        .create_time = row.create_time,
                        .last_update_time = row.last_update_time,
                        .overrides = std::move(row.overrides),
                        .valid = row.valid};
  if (const auto error = parse_json(row.error.value_or("")); error && error->is_object()) {
    assessment.error = {text_in(*error, "code"), text_in(*error, "message"), text_in(*error, "stack_trace")};
  }
  if (const auto metadata = parse_json(row.metadata.value_or("")); metadata && metadata->is_object()) {
    for (const auto& [key, value] : metadata->items()) assessment.metadata.push_back({key, value.get<std::string>()});
  }
  return assessment;
}

Result<std::vector<TraceInfo>> load_traces(db::Database& database, const std::vector<TraceRow>& rows) {
  std::vector<TraceInfo> traces;
  std::map<std::int64_t, std::size_t> places;
  std::vector<std::int64_t> numbers;
  for (const TraceRow& row : rows) {
    places[row.number] = traces.size();
    numbers.push_back(row.number);
    traces.push_back(to_trace(row));
  }
  const std::string list = json_list(numbers);
  for (TagRow& row : TRY(database.query<TagRow>(kSelectTags, list))) {
    traces[places[row.owner]].tags.push_back({std::move(row.key), std::move(row.value)});
  }
  for (TagRow& row : TRY(database.query<TagRow>(kSelectMetadata, list))) {
    traces[places[row.owner]].metadata.push_back({std::move(row.key), std::move(row.value)});
  }
  const std::string select = std::string(kSelectAssessments) +
                             " where a.trace in (select cast(value as bigint) from json_each(?)) order by a.number";
  for (AssessmentRow& row : TRY(database.query<AssessmentRow>(select, list))) {
    const std::int64_t trace = row.trace;
    traces[places[trace]].assessments.push_back(to_assessment(std::move(row)));
  }
  return traces;
}

Result<std::vector<Span>> load_spans(db::Database& database, const std::vector<std::string>& trace_ids) {
  const std::string list = dump_json(Json(trace_ids));
  std::vector<Span> spans;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (SpanRow& row : TRY(database.query<SpanRow>(kSelectSpans, list))) {
    places[{row.trace_id, row.id}] = spans.size();
    spans.push_back(to_span(std::move(row)));
  }
  for (AttributeRow& row : TRY(database.query<AttributeRow>(kSelectAttributes, list))) {
    const auto place = places.find({std::move(row.trace_id), std::move(row.span)});
    if (place == places.end()) continue;  // came between the two reads
    spans[place->second].attributes.push_back({std::move(row.key), row.is_text ? json_text(row.value) : row.value});
  }
  return spans;
}

}  // namespace millrace::tracking
