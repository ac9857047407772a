#include "tracking/search.h"

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "db/db.h"
#include "search/search.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

// Read and held at a time.
constexpr std::size_t kRunsAtOnce = 1000;

Result<void> check_max_results(int max_results) {
  if (max_results < 1) {
    return invalid_argument("Invalid value {} for parameter 'max_results' supplied. It must be a positive integer",
                            max_results);
  }
  if (max_results > kMaxSearchResults) {
    return invalid_argument("Invalid value {} for parameter 'max_results' supplied. It must be at most {}", max_results,
                            kMaxSearchResults);
  }
  return {};
}

Result<search::Scope> scope_of(const std::vector<std::string>& experiment_ids) {
  search::Scope scope{.column = "runs.experiment_id"};
  for (const std::string& id : experiment_ids) {
    scope.values.push_back(TRY(experiment_number(id)));
  }
  std::ranges::sort(scope.values);
  const auto repeated = std::ranges::unique(scope.values);
  scope.values.erase(repeated.begin(), repeated.end());
  return scope;
}

search::Request request_of(const Search& asked, const search::Schema& schema, Timestamp now) {
  search::Request request{.schema = schema, .filter = asked.filter, .order_by = asked.order_by, .now = now};
  const std::string_view stage = stage_of(asked.view);
  if (!stage.empty()) {
    request.where.add(schema.table).add(".lifecycle_stage = ").value(std::string(stage));
  }
  return request;
}

Result<search::Request> run_request(const RunSearch& asked, Timestamp now) {
  search::Request request = request_of(asked, run_schema(), now);
  if (asked.experiment_ids) request.scope = TRY(scope_of(*asked.experiment_ids));
  return request;
}

// Rows with these numbers, in the numbers' order.
template <class Row, class NumberOf>
std::vector<Row> in_order(std::vector<Row> rows, std::span<const std::int64_t> numbers, NumberOf number_of) {
  std::map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) places[number_of(rows[i])] = i;
  std::vector<Row> ordered;
  for (const std::int64_t number : numbers) {
    const auto place = places.find(number);
    if (place != places.end()) ordered.push_back(std::move(rows[place->second]));
  }
  return ordered;
}

Result<std::vector<Run>> runs_with(db::Database& database, std::span<const std::int64_t> numbers,
                                   const Projection& wanted) {
  auto rows = TRY(database.query<RunRow>(
      std::string(kSelectRuns) + " where number in (select cast(value as bigint) from json_each(?))",
      json_list(numbers)));
  return load_runs(database, in_order(std::move(rows), numbers, [](const RunRow& row) { return row.number; }), wanted);
}

}  // namespace

Result<std::string> Store::visit_runs(const RunSearch& asked, const std::function<void(const Run&)>& visit) const {
  TRY(check_max_results(asked.max_results));
  const search::Request request = TRY(run_request(asked, parts_.clock.now()));
  search::Found found = TRY(search::find(parts_.database, request, asked.max_results, asked.page_token));
  for (std::span<const std::int64_t> rest = found.numbers; !rest.empty();) {
    const auto some = rest.first(std::min(kRunsAtOnce, rest.size()));
    for (const Run& run : TRY(runs_with(parts_.database, some, asked.fields))) visit(run);
    rest = rest.subspan(some.size());
  }
  return std::move(found.next);
}

Result<Page<Run>> Store::search_runs(const RunSearch& asked) const {
  Page<Run> page;
  page.next = TRY(visit_runs(asked, [&](const Run& run) { page.items.push_back(run); }));
  return page;
}

Result<std::int64_t> Store::count_runs(const RunSearch& asked) const {
  return search::count(parts_.database, TRY(run_request(asked, parts_.clock.now())));
}

Result<Page<Experiment>> Store::search_experiments(const Search& asked) const {
  TRY(check_max_results(asked.max_results));
  const search::Request request = request_of(asked, experiment_schema(), parts_.clock.now());
  search::Found found = TRY(search::find(parts_.database, request, asked.max_results, asked.page_token));
  auto experiments = TRY(load_experiments(parts_.database, found.numbers));
  return Page<Experiment>{.items = in_order(std::move(experiments), found.numbers,
                                            [](const Experiment& e) { return *experiment_number(e.id); }),
                          .next = std::move(found.next)};
}

}  // namespace millrace::tracking
