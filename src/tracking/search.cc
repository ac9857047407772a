#include "tracking/search.h"

#include <algorithm>
#include <map>
#include <utility>

#include "db/db.h"
#include "search/search.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/tracking.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

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
std::vector<Row> in_order(std::vector<Row> rows, const std::vector<std::int64_t>& numbers, NumberOf number_of) {
  std::map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) places[number_of(rows[i])] = i;
  std::vector<Row> ordered;
  for (const std::int64_t number : numbers) {
    const auto place = places.find(number);
    if (place != places.end()) ordered.push_back(std::move(rows[place->second]));
  }
  return ordered;
}

}  // namespace

Result<Page<Run>> Store::search_runs(const RunSearch& asked) const {
  TRY(check_max_results(asked.max_results));
  const search::Request request = TRY(run_request(asked, parts_.clock.now()));
  search::Found found = TRY(search::find(parts_.database, request, asked.max_results, asked.page_token));
  auto rows = TRY(parts_.database.query<RunRow>(
      std::string(kSelectRuns) + " where number in (select cast(value as bigint) from json_each(?))",
      json_list(found.numbers)));
  rows = in_order(std::move(rows), found.numbers, [](const RunRow& row) { return row.number; });
  return Page<Run>{.items = TRY(load_runs(parts_.database, std::move(rows), asked.fields)),
                   .next = std::move(found.next)};
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
