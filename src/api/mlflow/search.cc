#include <algorithm>
#include <array>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::array<std::string_view, 3> kViews = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL"};

tracking::View read_view(const Input& in, std::string_view name) {
  constexpr std::array kValues = {tracking::View::kActiveOnly, tracking::View::kDeletedOnly, tracking::View::kAll};
  const auto chosen = in.choice(name, kViews);
  return chosen ? kValues[*chosen] : tracking::View::kActiveOnly;
}

void read_search(const Input& in, std::string_view view, tracking::Search& search) {
  search.filter = owned(in.text("filter"));
  search.order_by = read_texts(in, "order_by");
  search.view = read_view(in, view);
  search.page_token = owned(in.text("page_token"));
  if (const auto most = in.integer("max_results")) {
    search.max_results = static_cast<int>(std::clamp<std::int64_t>(*most, -1, tracking::kMaxSearchResults + 1));
  }
}

void write_next(JsonWriter& out, const std::string& next) {
  if (!next.empty()) out.field("next_page_token", next);
}

// Run by run: ten thousand of them are some 25 MB of JSON already.
Result<Answer> write_runs(Services& services, const tracking::RunSearch& search) {
  Result<std::string> next;
  Answer answer = object([&](JsonWriter& out) {
    out.key("runs");
    out.array([&] { next = services.tracking.visit_runs(search, [&](const tracking::Run& run) { write(out, run); }); });
    if (next) write_next(out, *next);
  });
  TRY(next);
  return answer;
}

// Beside what MLflow has: "fields", the parts of the runs that are wanted ("metrics.auc", "params.*"), and
// "count_only", which answers how many runs there are, {"total"}, and none of them.
Result<Answer> search_runs(Services& services, Input& in) {
  tracking::RunSearch search;
  read_search(in, "run_view_type", search);
  search.experiment_ids = read_texts(in, "experiment_ids");
  const std::vector<std::string> fields = read_texts(in, "fields");
  const bool count_only = in.boolean("count_only").value_or(false);
  TRY(in.check());
  search.fields = TRY(tracking::Projection::parse(fields));
  if (!count_only) return write_runs(services, search);
  const std::int64_t total = TRY(services.tracking.count_runs(search));
  return object([&](JsonWriter& out) { out.field("total", total); });
}

Result<Answer> search_experiments(Services& services, Input& in) {
  tracking::Search search;
  read_search(in, "view_type", search);
  TRY(in.check());
  const auto page = TRY(services.tracking.search_experiments(search));
  return object([&](JsonWriter& out) {
    out.list("experiments", page.items, [&](const auto& experiment) { write(out, experiment); });
    write_next(out, page.next);
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/runs/search", search_runs, Access::kRead},
    {"POST", "/api/2.0/mlflow/experiments/search", search_experiments, Access::kRead},
    {"GET", "/api/2.0/mlflow/experiments/search", search_experiments, Access::kRead},
};

}  // namespace

void add_search_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
