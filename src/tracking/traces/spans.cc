#include <algorithm>
#include <boost/describe.hpp>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/traces/rows.h"
#include "tracking/traces/summary.h"
#include "tracking/traces/traces.h"
#include "tracking/traces/write.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::string_view kUnknownType = "UNKNOWN";

using TraceSpans = std::vector<const Span*>;

std::map<std::string_view, TraceSpans> by_trace(const std::vector<Span>& spans) {
  std::map<std::string_view, TraceSpans> groups;
  for (const Span& span : spans) groups[span.trace_id].push_back(&span);
  return groups;
}

// A text with NUL stays JSON: PostgreSQL has none.
Result<void> insert_attribute(db::Transaction& tx, std::int64_t trace, std::string_view span,
                              const Attribute& attribute) {
  auto text = text_of(attribute.json);
  if (text && text->contains('\0')) text.reset();
  TRY(tx.execute(R"sql(
insert into span_attributes (trace, span, key, is_text, value)
values (?, ?, ?, ?, ?)
on conflict (trace, span, key) do update set is_text = excluded.is_text, value = excluded.value
)sql",
                 trace, span, attribute.key, text.has_value(), text ? *text : attribute.json));
  return {};
}

Result<void> put_span(db::Transaction& tx, std::int64_t trace, const Span& span) {
  const auto* type = span.find(trace_key::kSpanType);
  const auto type_text = type == nullptr ? std::nullopt : text_of(*type);
  TRY(tx.execute("delete from spans where trace = ? and id = ?", trace, span.id));
  TRY(tx.execute(R"sql(
insert into spans (trace, id, parent_id, name, type, status, status_message, start_ns, end_ns, events, links)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''))
)sql",
                 trace, span.id, span.parent_id, span.name, type_text.value_or(std::string(kUnknownType)), span.status,
                 span.status_message, span.start_ns, span.end_ns, span.events, span.links));
  for (const Attribute& attribute : span.attributes) TRY(insert_attribute(tx, trace, span.id, attribute));
  return {};
}

Result<TraceRow> make_trace(db::Transaction& tx, std::string_view id, std::string_view experiment_id,
                            Timestamp request_time) {
  const std::int64_t experiment = TRY(experiment_number(experiment_id));
  const std::string artifacts = TRY(trace_artifact_uri(tx, experiment, id));
  TRY(tx.execute("insert into traces (id, experiment_id, request_time, state) values (?, ?, ?, ?)", id, experiment,
                 request_time, TraceState::kInProgress));
  TraceRow row = TRY(tx.query<TraceRow>(std::string(kSelectTraces) + " where id = ?", id)).front();
  TRY(put_trace_tag(tx, row.number, {std::string(trace_key::kArtifactLocation), artifacts}));
  return row;
}

Result<TraceRow> find_or_make(db::Transaction& tx, std::string_view id, std::string_view experiment_id,
                              Timestamp request_time) {
  auto rows = TRY(tx.query<TraceRow>(std::string(kSelectTraces) + " where id = ?", id));
  if (!rows.empty()) return std::move(rows.front());
  return make_trace(tx, id, experiment_id, request_time);
}

// What a trace's row is once the spans are known.
TraceRow with_summary(TraceRow row, const SpanSummary& summary) {
  if (!row.finalized) {
    const std::int64_t none = std::numeric_limits<std::int64_t>::min();
    const std::int64_t known_end = row.execution_ms ? row.request_time.us / 1000 + *row.execution_ms : none;
    const std::int64_t end = std::max(known_end, summary.end ? summary.end->us / 1000 : none);
    row.request_time = std::min(row.request_time, summary.start);
    if (end != none) row.execution_ms = end - row.request_time.us / 1000;
  }
  const bool open = row.state == TraceState::kInProgress || row.state == TraceState::kUnspecified;
  if (open && summary.state) row.state = *summary.state;
  if (!row.request_preview) row.request_preview = summary.request_preview;
  if (!row.response_preview) row.response_preview = summary.response_preview;
  return row;
}

Result<void> update_row(db::Transaction& tx, const TraceRow& row) {
  TRY(tx.execute(R"sql(
update traces
set request_time = ?, execution_ms = ?, state = ?, request_preview = ?, response_preview = ?
where number = ?
)sql",
                 row.request_time, row.execution_ms, row.state, row.request_preview, row.response_preview, row.number));
  return {};
}

struct CountRow {
  std::string id;
  std::string parent_id;
  std::string json;
};
BOOST_DESCRIBE_STRUCT(CountRow, (), (id, parent_id, json))

// Adds one of the spans' counts up over the whole trace, where the spans that came have some.
Result<void> put_sum(db::Transaction& tx, std::int64_t trace, const TraceSpans& spans, std::string_view attribute,
                     std::string_view metadata) {
  if (std::ranges::none_of(spans, [&](const Span* span) { return span->find(attribute) != nullptr; })) return {};
  std::vector<SpanCount> counts;
  for (CountRow& row : TRY(tx.query<CountRow>(R"sql(
select spans.id, spans.parent_id, coalesce(k.value, '')
from spans
left join span_attributes k on k.trace = spans.trace and k.span = spans.id and k.key = ?
where spans.trace = ?
)sql",
                                              attribute, trace))) {
    counts.push_back({std::move(row.id), std::move(row.parent_id), std::move(row.json)});
  }
  const auto sum = add_up(counts);
  if (!sum) return {};
  return put_trace_metadata(tx, trace, {std::string(metadata), *sum}, Origin::kSpans);
}

// Spans come from anywhere: what cannot be a tag's key is left out rather than that it costs the spans.
Result<void> put_valid_tag(db::Transaction& tx, std::int64_t trace, const Tag& tag) {
  if (!check_tag_key(tag.key)) return {};
  return put_trace_tag(tx, trace, tag);
}

Result<void> put_texts(db::Transaction& tx, std::int64_t trace, const SpanSummary& summary,
                       const std::vector<Tag>& resource) {
  for (const Tag& tag : resource) TRY(put_valid_tag(tx, trace, tag));
  for (const Tag& tag : summary.tags) TRY(put_valid_tag(tx, trace, tag));
  for (const Tag& item : summary.metadata) TRY(put_trace_metadata(tx, trace, item, Origin::kSpans));
  return put_trace_tag(tx, trace, {std::string(trace_key::kSpansLocation), "TRACKING_STORE"});
}

Result<void> put_trace(db::Transaction& tx, std::string_view id, const TraceSpans& spans, const SpanBatch& batch) {
  const SpanSummary summary = summarize(spans);
  const TraceRow row = TRY(find_or_make(tx, id, batch.experiment_id, summary.start));
  for (const Span* span : spans) TRY(put_span(tx, row.number, *span));
  TRY(update_row(tx, with_summary(row, summary)));
  TRY(put_texts(tx, row.number, summary, batch.resource));
  TRY(put_sum(tx, row.number, spans, trace_key::kSpanUsage, trace_key::kTokenUsage));
  TRY(put_sum(tx, row.number, spans, trace_key::kSpanCost, trace_key::kCost));
  if (batch.run_id.empty() || !summary.state) return {};
  return put_trace_run(tx, row.number, batch.run_id);
}

}  // namespace

Result<void> Traces::log_spans(const std::vector<SpanBatch>& batches) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    for (const SpanBatch& batch : batches) {
      for (const auto& [id, spans] : by_trace(batch.spans)) TRY(put_trace(tx, id, spans, batch));
    }
    return {};
  });
}

}  // namespace millrace::tracking
