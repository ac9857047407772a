#include "tracking/traces/traces.h"

#include <algorithm>

#include "api/mlflow/artifact_file.h"
#include "api/mlflow/artifact_path.h"
#include "api/mlflow/correlation.h"
#include "api/mlflow/error.h"
#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/trace_json.h"
#include "api/otlp/spans.h"

namespace millrace::api::mlflow {

namespace {

constexpr double kJeffreysPrior = 0.5;

Answer info_answer(const tracking::TraceInfo& info) {
  return object([&](JsonWriter& out) {
    out.object("trace", [&] {
      out.key("trace_info");
      write(out, info);
    });
  });
}

Result<Answer> start_trace(Services& services, Input& in) {
  const auto trace = in.message("trace");
  if (!trace) in.missing("trace");
  const auto body = trace ? trace->message("trace_info") : std::nullopt;
  if (trace && !body) trace->missing("trace_info");
  tracking::TraceInfo info;
  if (body) info = read_trace_info(*body);
  TRY(in.check());
  for (auto& assessment : info.assessments) {
    if (assessment.id.empty()) assessment.id = "a-" + services.ids.next();
  }
  return info_answer(TRY(services.traces.start(info)));
}

Result<Answer> get_info(Services& services, Input& in) {
  return info_answer(TRY(services.traces.find(in.param("trace_id"))));
}

Result<Answer> get_trace(Services& services, Input& in) {
  const std::string_view id = in.required_text("trace_id");
  const bool partial = in.boolean("allow_partial").value_or(false);
  TRY(in.check());
  const auto traces = TRY(services.traces.with_spans({TRY(services.traces.find(id))}));
  if (!partial && !is_complete(traces.front())) {
    return not_found("Trace with ID {} is not fully exported yet, please try again later.", id);
  }
  return object([&](JsonWriter& out) {
    out.key("trace");
    write(out, traces.front());
  });
}

Result<std::vector<tracking::TraceInfo>> read_batch(Services& services, Input& in) {
  const auto ids = read_texts(in, "trace_ids");
  if (ids.empty()) in.missing("trace_ids");
  std::optional<std::vector<std::string>> experiments;
  if (in.has("experiment_ids")) experiments = read_texts(in, "experiment_ids");
  TRY(in.check());
  return services.traces.find_all(ids, experiments);
}

// Traces whose spans have not all come are left out.
Result<Answer> batch_get(Services& services, Input& in) {
  auto traces = TRY(services.traces.with_spans(TRY(read_batch(services, in))));
  std::erase_if(traces, [](const tracking::Trace& trace) { return !is_complete(trace); });
  return object(
      [&](JsonWriter& out) { out.list("traces", traces, [&](const tracking::Trace& trace) { write(out, trace); }); });
}

Result<Answer> batch_get_infos(Services& services, Input& in) {
  const auto infos = TRY(read_batch(services, in));
  return object([&](JsonWriter& out) {
    out.list("trace_infos", infos, [&](const tracking::TraceInfo& info) { write(out, info); });
  });
}

Result<Answer> search_traces(Services& services, Input& in) {
  if (!in.has("locations")) in.missing("locations");
  tracking::TraceSearch search{.filter = owned(in.text("filter")),
                               .order_by = read_texts(in, "order_by"),
                               .page_token = owned(in.text("page_token"))};
  for (const Fields& location : in.messages("locations")) {
    const auto experiment = location.message("mlflow_experiment");
    if (experiment) search.experiment_ids.emplace_back(experiment->required_text("experiment_id"));
  }
  if (const auto most = in.integer("max_results")) {
    search.max_results = static_cast<int>(std::clamp<std::int64_t>(*most, -1, tracking::kMaxTraceResults + 1));
  }
  TRY(in.check());
  const auto page = TRY(services.traces.search(search));
  return object([&](JsonWriter& out) {
    out.list("traces", page.items, [&](const tracking::TraceInfo& info) { write(out, info); });
    if (!page.next.empty()) out.field("next_page_token", page.next);
  });
}

Result<Answer> set_tag(Services& services, Input& in) {
  const tracking::Tag tag{std::string(in.required_text("key")), owned(in.text("value"))};
  TRY(in.check());
  TRY(services.traces.set_tag(in.param("trace_id"), tag));
  return Answer{};
}

Result<Answer> delete_tag(Services& services, Input& in) {
  const std::string_view key = in.required_text("key");
  TRY(in.check());
  TRY(services.traces.delete_tag(in.param("trace_id"), key));
  return Answer{};
}

Result<Answer> link_to_run(Services& services, Input& in) {
  const auto ids = read_texts(in, "trace_ids");
  if (ids.empty()) in.missing("trace_ids");
  const std::string_view run = in.required_text("run_id");
  TRY(in.check());
  TRY(services.traces.link_to_run(ids, run));
  return Answer{};
}

Result<Answer> link_prompts(Services& services, Input& in) {
  const std::string_view id = in.required_text("trace_id");
  if (!in.has("prompt_versions")) in.missing("prompt_versions");
  std::vector<tracking::PromptVersion> prompts;
  for (const Fields& prompt : in.messages("prompt_versions")) {
    prompts.push_back({std::string(prompt.required_text("name")), std::string(prompt.required_text("version"))});
  }
  TRY(in.check());
  TRY(services.traces.link_prompts(id, prompts));
  return Answer{};
}

Result<Answer> delete_traces(Services& services, Input& in) {
  tracking::TraceDeletion which{.experiment_id = std::string(in.required_text("experiment_id")),
                                .until = read_time(in, "max_timestamp_millis"),
                                .ids = read_texts(in, "request_ids"),
                                .limit = in.integer("max_traces")};
  TRY(in.check());
  if (!which.until && which.ids.empty()) {
    return invalid_argument("Either `max_timestamp_millis` or `request_ids` must be specified.");
  }
  if (which.limit && *which.limit <= 0) return invalid_argument("`max_traces` must be a positive integer.");
  const std::int64_t deleted = TRY(services.traces.remove(which));
  return object([&](JsonWriter& out) { out.field("traces_deleted", deleted); });
}

std::string both(std::string_view one, std::string_view other) {
  if (one.empty() || other.empty()) return std::string(one.empty() ? other : one);
  return fmt::format("({}) AND ({})", one, other);
}

Result<Answer> correlate_filters(Services& services, Input& in) {
  const auto experiments = read_texts(in, "experiment_ids");
  if (experiments.empty()) in.missing("experiment_ids");
  const auto first = in.required_text("filter_string1");
  const auto second = in.required_text("filter_string2");
  const auto base = in.text("base_filter").value_or("");
  TRY(in.check());
  const auto count = [&](std::string filter) {
    return services.traces.count({.experiment_ids = experiments, .filter = std::move(filter)});
  };
  const Contingency counts{.total = TRY(count(std::string(base))),
                           .first = TRY(count(both(base, first))),
                           .second = TRY(count(both(base, second))),
                           .both = TRY(count(both(base, both(first, second))))};
  return object([&](JsonWriter& out) {
    out.field("npmi", npmi(counts));
    out.field("npmi_smoothed", npmi(counts, kJeffreysPrior));
    out.field("filter1_count", counts.first);
    out.field("filter2_count", counts.second);
    out.field("joint_count", counts.both);
    out.field("total_count", counts.total);
  });
}

Result<Answer> query_metrics(Services&, Input&) {
  return fail(Code::kUnimplemented, "metrics over traces are not part of this server yet");
}

std::string artifact_location(const tracking::TraceInfo& info) {
  const auto tag = std::ranges::find(info.tags, tracking::trace_key::kArtifactLocation, &tracking::Tag::key);
  return tag == info.tags.end() ? "" : tag->value;
}

// The spans as MLflow's UI reads them; with `path` a file that a span has attached. What old clients have stored is a
// file of the trace's artifacts.
Result<net::Response> get_artifact(Services& services, const net::Request& request) {
  const auto id = request.query("request_id").value_or("");
  if (id.empty()) return invalid_argument("Request must include the \"request_id\" query parameter.");
  const auto traces = TRY(services.traces.with_spans({TRY(services.traces.find(id))}));
  const auto path = request.query("path");
  if (path || traces.front().spans.empty()) {
    const std::string name = path ? fmt::format("attachments/{}", TRY(safe_file_path(*path))) : "traces.json";
    const std::string key = TRY(blob::key_of(artifact_location(traces.front().info)));
    return send_file(services.blobs, request, fmt::format("{}/{}", key, name), name);
  }
  JsonWriter out;
  out.object([&] {
    out.list("spans", traces.front().spans, [&](const tracking::Span& span) { otlp::write_plain(out, span); });
  });
  return net::Response{
      .content_type = "application/octet-stream",
      .body = std::move(out).text(),
      .headers = {{"Content-Disposition", attachment("traces.json")}, {"X-Content-Type-Options", "nosniff"}}};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/3.0/mlflow/traces", start_trace, Access::kRecord},
    {"GET", "/api/3.0/mlflow/traces/{trace_id}", get_info, Access::kRead},
    {"GET", "/api/3.0/mlflow/traces/get", get_trace, Access::kRead},
    {"GET", "/api/3.0/mlflow/traces/batchGet", batch_get, Access::kRead},
    {"POST", "/api/3.0/mlflow/traces/batchGetInfos", batch_get_infos, Access::kRead},
    {"POST", "/api/3.0/mlflow/traces/search", search_traces, Access::kRead},
    {"PATCH", "/api/2.0/mlflow/traces/{trace_id}/tags", set_tag, Access::kWrite},
    {"PATCH", "/api/3.0/mlflow/traces/{trace_id}/tags", set_tag, Access::kWrite},
    {"DELETE", "/api/2.0/mlflow/traces/{trace_id}/tags", delete_tag, Access::kWrite},
    {"DELETE", "/api/3.0/mlflow/traces/{trace_id}/tags", delete_tag, Access::kWrite},
    {"POST", "/api/2.0/mlflow/traces/link-to-run", link_to_run, Access::kWrite},
    {"POST", "/api/2.0/mlflow/traces/link-prompts", link_prompts, Access::kWrite},
    {"POST", "/api/2.0/mlflow/traces/delete-traces", delete_traces, Access::kWrite},
    {"POST", "/api/3.0/mlflow/traces/delete-traces", delete_traces, Access::kWrite},
    {"POST", "/api/3.0/mlflow/traces/calculate-filter-correlation", correlate_filters, Access::kRead},
    {"POST", "/api/3.0/mlflow/traces/metrics", query_metrics, Access::kRead},
};

}  // namespace

void add_trace_routes(net::Router& router, Services& services) {
  add(router, services, kRoutes);
  const auto artifact = [&services](const net::Request& request) { return answer(get_artifact(services, request)); };
  add(router, "GET", "/api/2.0/mlflow/get-trace-artifact", Access::kRead, artifact);
  add(router, "GET", "/api/3.0/mlflow/get-trace-artifact", Access::kRead, artifact);
}

}  // namespace millrace::api::mlflow
