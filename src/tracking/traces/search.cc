#include "search/search.h"

#include <algorithm>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/rows.h"
#include "tracking/traces/rows.h"
#include "tracking/traces/search_schema.h"
#include "tracking/traces/traces.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

Result<search::Request> request_of(const TraceSearch& asked, Timestamp now) {
  search::Scope scope{.column = "traces.experiment_id"};
  for (const std::string& id : asked.experiment_ids) scope.values.push_back(TRY(experiment_number(id)));
  std::ranges::sort(scope.values);
  const auto repeated = std::ranges::unique(scope.values);
  scope.values.erase(repeated.begin(), repeated.end());
  return search::Request{.schema = trace_schema(),
                         .filter = asked.filter,
                         .order_by = asked.order_by,
                         .scope = std::move(scope),
                         .now = now};
}

Result<void> check_max_results(int max_results) {
  if (max_results >= 1 && max_results <= kMaxTraceResults) return {};
  return invalid_argument(
      "Invalid value {} for parameter 'max_results' supplied. It must be a positive integer of at "
      "most {}",
      max_results, kMaxTraceResults);
}

}  // namespace

Result<Page<TraceInfo>> Traces::search(const TraceSearch& asked) const {
  TRY(check_max_results(asked.max_results));
  const search::Request request = TRY(request_of(asked, parts_.clock.now()));
  search::Found found = TRY(search::find(parts_.database, request, asked.max_results, asked.page_token));
  auto rows = TRY(parts_.database.query<TraceRow>(
      std::string(kSelectTraces) + " where number in (select cast(value as bigint) from json_each(?))",
      json_list(found.numbers)));
  std::map<std::int64_t, std::size_t> order;
  for (std::size_t i = 0; i < found.numbers.size(); ++i) order[found.numbers[i]] = i;
  std::ranges::sort(rows, {}, [&](const TraceRow& row) { return order[row.number]; });
  return Page<TraceInfo>{.items = TRY(load_traces(parts_.database, rows)), .next = std::move(found.next)};
}

Result<std::int64_t> Traces::count(const TraceSearch& asked) const {
  return search::count(parts_.database, TRY(request_of(asked, parts_.clock.now())));
}

}  // namespace millrace::tracking
