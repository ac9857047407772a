#include "tracking/traces/traces.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/json.h"
#include "db/db.h"
#include "tracking/load.h"
#include "tracking/traces/rows.h"
#include "tracking/traces/schema.h"
#include "tracking/traces/write.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

constexpr std::size_t kMaxTraceId = 250;
constexpr std::size_t kMaxTraceTag = 8000;
constexpr std::size_t kMaxLinks = 100;

// Tags that say where a trace's data are are the server's.
constexpr std::string_view kFixedTags[] = {trace_key::kArtifactLocation, trace_key::kSpansLocation};

Result<void> check_trace_id(std::string_view id) {
  const bool plain =
      std::ranges::none_of(id, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  if (!id.empty() && id.size() <= kMaxTraceId && plain) return {};
  return invalid_argument(
      "Invalid value for parameter 'trace_id' supplied: a trace's ID has 1 to {} characters, no "
      "blanks among them.",
      kMaxTraceId);
}

Result<std::int64_t> put_row(db::Transaction& tx, std::int64_t experiment, const TraceInfo& info) {
  const auto numbers = TRY(tx.query<std::int64_t>(R"sql(
insert into traces (id, experiment_id, request_time, execution_ms, state, client_request_id, request_preview,
                    response_preview, finalized)
values (?, ?, ?, ?, ?, ?, ?, ?, 1)
on conflict (id) do update
set experiment_id = excluded.experiment_id,
    request_time = excluded.request_time,
    execution_ms = excluded.execution_ms,
    state = excluded.state,
    client_request_id = excluded.client_request_id,
    request_preview = coalesce(excluded.request_preview, traces.request_preview),
    response_preview = coalesce(excluded.response_preview, traces.response_preview),
    finalized = 1
returning number
)sql",
                                                  info.id, experiment, info.request_time, info.execution_ms, info.state,
                                                  info.client_request_id, info.request_preview, info.response_preview));
  return numbers.front();
}

Result<void> put_info(db::Transaction& tx, const TraceInfo& info, std::int64_t experiment) {
  const std::string artifacts = TRY(trace_artifact_uri(tx, experiment, info.id));
  const std::int64_t trace = TRY(put_row(tx, experiment, info));
  for (const Tag& tag : info.tags) TRY(put_trace_tag(tx, trace, tag));
  TRY(put_trace_tag(tx, trace, {std::string(trace_key::kArtifactLocation), artifacts}));
  for (const Tag& item : info.metadata) TRY(put_trace_metadata(tx, trace, item, Origin::kClient));
  for (const Assessment& assessment : info.assessments) TRY(put_assessment(tx, trace, assessment));
  return {};
}

Result<void> refuse_fixed(std::string_view key, std::string_view done) {
  if (std::ranges::find(kFixedTags, key) == std::end(kFixedTags)) return {};
  return invalid_argument("Tag '{}' is immutable and cannot be {} on a trace.", key, done);
}

std::string list_of(const std::vector<std::string>& texts) { return dump_json(Json(texts)); }

}  // namespace

std::unexpected<Error> no_trace(std::string_view id) { return not_found("Trace with ID '{}' not found.", id); }

Result<std::int64_t> trace_number(db::Transaction& tx, std::string_view id) {
  const auto numbers = TRY(tx.query<std::int64_t>("select number from traces where id = ?", id));
  if (numbers.empty()) return no_trace(id);
  return numbers.front();
}

Result<std::string> trace_artifact_uri(db::Transaction& tx, std::int64_t experiment, std::string_view trace_id) {
  return artifact_uri_below(TRY(active_artifact_location(tx, experiment)),
                            fmt::format("traces/{}/artifacts", trace_id));
}

Result<void> put_trace_tag(db::Transaction& tx, std::int64_t trace, const Tag& tag) {
  const std::string_view value = cut(tag.value, kMaxTraceTag);
  TRY(tx.execute(R"sql(
insert into trace_tags (trace, key, value)
values (?, ?, ?)
on conflict (trace, key) do update set value = excluded.value
)sql",
                 trace, tag.key, value));
  if (tag.key != trace_key::kName) return {};
  TRY(tx.execute("update traces set name = ? where number = ?", value, trace));
  return {};
}

Result<void> put_trace_metadata(db::Transaction& tx, std::int64_t trace, const Tag& item, Origin origin) {
  TRY(tx.execute(R"sql(
insert into trace_metadata (trace, key, value, derived)
values (?, ?, ?, ?)
on conflict (trace, key) do update
set value = excluded.value, derived = excluded.derived
where trace_metadata.derived = 1 or excluded.derived = 0
)sql",
                 trace, item.key, item.value, origin == Origin::kSpans));
  if (item.key != trace_key::kSourceRun) return {};
  return put_trace_run(tx, trace, item.value);
}

Result<void> put_trace_run(db::Transaction& tx, std::int64_t trace, std::string_view run_id) {
  TRY(tx.execute("insert into trace_runs (trace, run_id) values (?, ?) on conflict do nothing", trace, run_id));
  return {};
}

Result<std::unique_ptr<Traces>> Traces::open(Parts parts) {
  TRY(db::migrate(parts.database, "traces", kTraceMigrations));
  return std::unique_ptr<Traces>(new Traces(parts));
}

Result<TraceInfo> Traces::start(const TraceInfo& info) {
  TRY(check_trace_id(info.id));
  for (const Tag& tag : info.tags) TRY(check_tag_key(tag.key));
  const std::int64_t experiment = TRY(experiment_number(info.experiment_id));
  TRY(parts_.database.write([&](db::Transaction& tx) { return put_info(tx, info, experiment); }));
  return find(info.id);
}

Result<TraceInfo> Traces::find(std::string_view id) const {
  const auto rows = TRY(parts_.database.query<TraceRow>(std::string(kSelectTraces) + " where id = ?", id));
  if (rows.empty()) return no_trace(id);
  return TRY(load_traces(parts_.database, rows)).front();
}

Result<std::vector<TraceInfo>> Traces::find_all(const std::vector<std::string>& ids,
                                                const std::optional<std::vector<std::string>>& experiment_ids) const {
  const auto rows = TRY(parts_.database.query<TraceRow>(
      std::string(kSelectTraces) + " where id in (select value from json_each(?))", list_of(ids)));
  std::map<std::string, TraceInfo> found;
  for (TraceInfo& info : TRY(load_traces(parts_.database, rows))) {
    const auto wanted = [&](const std::string& id) { return id == info.experiment_id; };
    if (experiment_ids && std::ranges::none_of(*experiment_ids, wanted)) continue;
    found.emplace(info.id, std::move(info));
  }
  std::vector<TraceInfo> infos;
  for (const std::string& id : ids) {
    if (auto node = found.extract(id)) infos.push_back(std::move(node.mapped()));
  }
  return infos;
}

Result<std::vector<Trace>> Traces::with_spans(std::vector<TraceInfo> infos) const {
  std::vector<std::string> ids;
  std::map<std::string, std::size_t> places;
  std::vector<Trace> traces;
  for (TraceInfo& info : infos) {
    places[info.id] = traces.size();
    ids.push_back(info.id);
    traces.push_back({.info = std::move(info)});
  }
  for (Span& span : TRY(load_spans(parts_.database, ids))) {
    auto& spans = traces[places[span.trace_id]].spans;
    spans.push_back(std::move(span));
  }
  return traces;
}

Result<void> Traces::set_tag(std::string_view id, const Tag& tag) {
  TRY(check_tag_key(tag.key));
  TRY(refuse_fixed(tag.key, "set"));
  return parts_.database.write(
      [&](db::Transaction& tx) -> Result<void> { return put_trace_tag(tx, TRY(trace_number(tx, id)), tag); });
}

Result<void> Traces::delete_tag(std::string_view id, std::string_view key) {
  TRY(refuse_fixed(key, "deleted"));
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t trace = TRY(trace_number(tx, id));
    const auto deleted = TRY(tx.execute("delete from trace_tags where trace = ? and key = ?", trace, key));
    if (deleted == 0) return not_found("No trace tag with key '{}' for trace with ID '{}'", key, id);
    if (key == trace_key::kName) TRY(tx.execute("update traces set name = null where number = ?", trace));
    return {};
  });
}

Result<void> Traces::link_to_run(const std::vector<std::string>& ids, std::string_view run_id) {
  if (ids.size() > kMaxLinks) {
    return invalid_argument("Cannot link more than {} traces to a run in a single request. Provided {} traces.",
                            kMaxLinks, ids.size());
  }
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    if (TRY(tx.query<std::int64_t>("select number from runs where id = ?", run_id)).empty()) return no_run(run_id);
    TRY(tx.execute(R"sql(
insert into trace_runs (trace, run_id)
select number, ?
from traces
where id in (select value from json_each(?))
on conflict do nothing
)sql",
                   run_id, list_of(ids)));
    return {};
  });
}

Result<void> Traces::link_prompts(std::string_view id, const std::vector<PromptVersion>& prompts) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t trace = TRY(trace_number(tx, id));
    for (const PromptVersion& prompt : prompts) {
      TRY(tx.execute("insert into trace_prompts (trace, prompt) values (?, ?) on conflict do nothing", trace,
                     fmt::format("{}/{}", prompt.name, prompt.version)));
    }
    return {};
  });
}

Result<std::int64_t> Traces::remove(const TraceDeletion& which) {
  const std::int64_t experiment = TRY(experiment_number(which.experiment_id));
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  std::int64_t removed = 0;
  TRY(parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    removed = TRY(tx.execute(R"sql(
delete from traces
where number in (
  select number
  from traces
  where experiment_id = ?
    and request_time <= ?
    and (? = 1 or id in (select value from json_each(?)))
  order by request_time, id
  limit ?
)
)sql",
                             experiment, which.until.value_or(Timestamp{kAll}), which.ids.empty(), list_of(which.ids),
                             which.limit.value_or(kAll)));
    return {};
  }));
  return removed;
}

}  // namespace millrace::tracking
