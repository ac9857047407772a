#include <algorithm>
#include <array>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"
#include "tracking/traces/traces.h"

namespace millrace::api::mlflow {

namespace {

using tracking::TraceInfo;
using tracking::TraceState;

// The message TraceInfo of clients before MLflow 3.
void write_v2(JsonWriter& out, const TraceInfo& info) {
  const auto pairs = [&](std::string_view name, const std::vector<tracking::Tag>& items) {
    out.list(name, items, [&](const tracking::Tag& item) {
      out.object([&] {
        out.field("key", item.key);
        out.field("value", item.value);
      });
    });
  };
  out.object([&] {
    out.field("request_id", info.id);
    out.field("experiment_id", info.experiment_id);
    out.field("timestamp_ms", milliseconds(info.request_time));
    if (info.execution_ms) out.field("execution_time_ms", *info.execution_ms);
    out.field("status", info.state == TraceState::kUnspecified ? "TRACE_STATUS_UNSPECIFIED" : to_text(info.state));
    pairs("request_metadata", info.metadata);
    pairs("tags", info.tags);
  });
}

Answer info_answer(const TraceInfo& info) {
  return object([&](JsonWriter& out) {
    out.key("trace_info");
    write_v2(out, info);
  });
}

Result<Answer> start_trace(Services& services, Input& in) {
  TraceInfo info{.id = "tr-" + services.ids.next(),
                 .experiment_id = owned(in.text("experiment_id")),
                 .request_time = read_time(in, "timestamp_ms").value_or(Timestamp{}),
                 .state = TraceState::kInProgress,
                 .metadata = read_tags(in, "request_metadata"),
                 .tags = read_tags(in)};
  TRY(in.check());
  return info_answer(TRY(services.traces.start(info)));
}

TraceState read_status(const Input& in) {
  constexpr std::array<std::string_view, 4> kNames = {"TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"};
  return static_cast<TraceState>(in.choice("status", kNames, 0).value_or(0));
}

Result<Answer> end_trace(Services& services, Input& in) {
  const auto end = read_time(in, "timestamp_ms");
  const TraceState state = read_status(in);
  const auto metadata = read_tags(in, "request_metadata");
  const auto tags = read_tags(in);
  TRY(in.check());
  TraceInfo info = TRY(services.traces.find(in.param("trace_id")));
  info.state = state;
  if (end) info.execution_ms = milliseconds(*end) - milliseconds(info.request_time);
  info.metadata = metadata;
  info.tags = tags;
  info.assessments.clear();
  return info_answer(TRY(services.traces.start(info)));
}

Result<Answer> get_info(Services& services, Input& in) {
  return info_answer(TRY(services.traces.find(in.param("trace_id"))));
}

Result<Answer> search_traces(Services& services, Input& in) {
  const auto experiments = in.texts("experiment_ids");
  if (experiments.empty()) in.missing("experiment_ids");
  const auto order_by = in.texts("order_by");
  tracking::TraceSearch search{.experiment_ids = {experiments.begin(), experiments.end()},
                               .filter = owned(in.text("filter")),
                               .order_by = {order_by.begin(), order_by.end()},
                               .page_token = owned(in.text("page_token"))};
  if (const auto most = in.integer("max_results")) {
    search.max_results = static_cast<int>(std::clamp<std::int64_t>(*most, -1, tracking::kMaxTraceResults + 1));
  }
  TRY(in.check());
  const auto page = TRY(services.traces.search(search));
  return object([&](JsonWriter& out) {
    out.list("traces", page.items, [&](const TraceInfo& info) { write_v2(out, info); });
    if (!page.next.empty()) out.field("next_page_token", page.next);
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/traces", start_trace, Access::kRecord},
    {"PATCH", "/api/2.0/mlflow/traces/{trace_id}", end_trace, Access::kRecord},
    {"GET", "/api/2.0/mlflow/traces/{trace_id}/info", get_info, Access::kRead},
    {"GET", "/api/2.0/mlflow/traces", search_traces, Access::kRead},
};

}  // namespace

void add_trace_v2_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
