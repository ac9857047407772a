#include <algorithm>
#include <set>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kMostRuns = 100;
constexpr std::int64_t kMostPoints = 25'000;
constexpr std::int64_t kMostSampled = 2'500;

constexpr std::string_view kBegin = "{\"metrics\":[";

// The answer of a body that begins with kBegin and goes on with points. An empty list is left out, as protobuf does.
Answer points_answer(std::string body, const std::string& next = {}) {
  if (body == kBegin) return {};
  body += ']';
  if (!next.empty()) body += fmt::format(R"(,"next_page_token":"{}")", next);
  body += '}';
  return {std::move(body)};
}

Result<Answer> get_history(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  const std::string_view key = in.required_text("metric_key");
  tracking::HistoryRequest request{.after = owned(in.text("page_token"))};
  const auto limit = in.integer("max_results");
  TRY(in.check());
  if (limit && *limit <= 0) {
    return invalid_argument("Invalid value {} for parameter 'max_results' supplied. It must be a positive integer.",
                            *limit);
  }
  if (limit) request.limit = *limit;
  const auto page = TRY(services.tracking.metric_history(id, key, request));
  std::string body(kBegin);
  append_points(body, key, page.items);
  return points_answer(std::move(body), page.next);
}

Result<Answer> get_history_bulk(Services& services, Input& in) {
  const auto ids = in.texts("run_id");
  const auto key = in.text("metric_key");
  const std::int64_t most = std::clamp<std::int64_t>(in.integer("max_results").value_or(kMostPoints), 0, kMostPoints);
  TRY(in.check());
  if (ids.empty()) return invalid_argument("GetMetricHistoryBulk request must specify at least one run_id.");
  if (ids.size() > kMostRuns) {
    return invalid_argument("GetMetricHistoryBulk request cannot specify more than {} run_ids. Received {} run_ids.",
                            kMostRuns, ids.size());
  }
  if (!key) return invalid_argument("GetMetricHistoryBulk request must specify a metric_key.");
  std::string body(kBegin);
  std::int64_t left = most;
  for (const std::string_view id : std::set(ids.begin(), ids.end())) {
    if (left == 0) break;
    const auto page = TRY(services.tracking.metric_history(id, *key, {.limit = left}));
    append_points(body, *key, page.items, id);
    left -= static_cast<std::int64_t>(page.items.size());
  }
  return Answer{body + "]}"};
}

// Both steps or none.
Result<void> read_steps(const Input& in, tracking::SampleRequest& request) {
  const auto from = in.integer("start_step");
  const auto to = in.integer("end_step");
  if (from.has_value() != to.has_value()) {
    return invalid_argument("If either start step or end step are specified, both must be specified.");
  }
  if (!from) return {};
  if (*from > *to) {
    return invalid_argument("end_step must be greater than start_step. Found start_step={} and end_step={}.", *from,
                            *to);
  }
  request.from_step = *from;
  request.to_step = *to;
  return {};
}

Result<Answer> get_history_bulk_interval(Services& services, Input& in) {
  const auto ids = in.texts("run_ids");
  if (ids.empty()) in.missing("run_ids");
  if (ids.size() > kMostRuns) {
    in.fault(fmt::format("GetMetricHistoryBulkInterval request must specify at most {} run_ids. Received {} run_ids.{}",
                         kMostRuns, ids.size(), kSeeDocs));
  }
  const std::string_view key = in.required_text("metric_key");
  tracking::SampleRequest request{.limit = in.integer("max_results").value_or(kMostSampled)};
  if (request.limit < 1 || request.limit > kMostSampled) {
    in.fault(fmt::format("max_results must be between 1 and {}.{}", kMostSampled, kSeeDocs));
  }
  TRY(in.check());
  TRY(read_steps(in, request));
  std::string body(kBegin);
  for (const std::string_view id : ids) {
    append_points(body, key, TRY(services.tracking.sample_metric(id, key, request)), id);
  }
  return points_answer(std::move(body));
}

constexpr Route kRoutes[] = {
    {"GET", "/api/2.0/mlflow/metrics/get-history", get_history, Access::kRead},
    {"GET", "/api/2.0/mlflow/metrics/get-history-bulk", get_history_bulk, Access::kRead},
    {"GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval", get_history_bulk_interval, Access::kRead},
};

}  // namespace

void add_metric_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
