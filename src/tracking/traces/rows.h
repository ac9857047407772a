#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/traces/trace.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

struct TraceRow {
  std::int64_t number = 0;
  std::string id;
  std::int64_t experiment_id = 0;
  Timestamp request_time;
  std::optional<std::int64_t> execution_ms;
  TraceState state = TraceState::kUnspecified;
  std::optional<std::string> client_request_id;
  std::optional<std::string> request_preview;
  std::optional<std::string> response_preview;
  bool finalized = false;
};
BOOST_DESCRIBE_STRUCT(TraceRow, (),
                      (number, id, experiment_id, request_time, execution_ms, state, client_request_id, request_preview,
                       response_preview, finalized))

inline constexpr std::string_view kSelectTraces = R"sql(
select number, id, experiment_id, request_time, execution_ms, state, client_request_id, request_preview,
       response_preview, finalized
from traces
)sql";

struct AssessmentRow {
  std::int64_t trace = 0;
  std::string id;
  std::string trace_id;
  std::string name;
  AssessmentKind kind = AssessmentKind::kFeedback;
  std::string value;
  std::optional<std::string> error;
  std::string source_type;
  std::string source_id;
  std::optional<std::string> rationale;
  std::optional<std::string> metadata;
  std::string span_id;
  Timestamp create_time;
  Timestamp last_update_time;
  std::string overrides;
  bool valid = true;
};
BOOST_DESCRIBE_STRUCT(AssessmentRow, (),
                      (trace, id, trace_id, name, kind, value, error, source_type, source_id, rationale, metadata,
                       span_id, create_time, last_update_time, overrides, valid))

inline constexpr std::string_view kSelectAssessments = R"sql(
select a.trace, a.id, t.id, a.name, a.kind, a.value, a.error, a.source_type, a.source_id, a.rationale, a.metadata,
       a.span_id, a.create_time, a.last_update_time, a.overrides, a.valid
from assessments a
join traces t on t.number = a.trace
)sql";

Assessment to_assessment(AssessmentRow row);

// The traces of the rows, in their order, with tags, metadata and assessments.
Result<std::vector<TraceInfo>> load_traces(db::Database& database, const std::vector<TraceRow>& rows);

// The spans of these traces; in the order of the ids, those of one trace roots first.
Result<std::vector<Span>> load_spans(db::Database& database, const std::vector<std::string>& trace_ids);

std::unexpected<Error> no_trace(std::string_view id);
Result<std::int64_t> trace_number(db::Transaction& tx, std::string_view id);

// Adds it; what it overrides is invalid from then on. One with this id that the trace has already is replaced.
Result<void> put_assessment(db::Transaction& tx, std::int64_t trace, const Assessment& assessment);

}  // namespace millrace::tracking
