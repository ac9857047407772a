#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "search/schema.h"
#include "search/statement.h"

namespace millrace::db {
class Database;
}

namespace millrace::search {

// Only rows with one of these values in a column, such as the runs of some experiments. None means no row.
struct Scope {
  std::string_view column;  // "runs.experiment_id"
  std::vector<std::int64_t> values;
};

struct Request {
  const Schema& schema;
  std::string filter;                 // "" for all
  std::vector<std::string> order_by;  // one for a term: "metrics.loss DESC"
  Statement where;                    // what holds for every row that is found; may be empty
  std::optional<Scope> scope;
  Timestamp now;  // what "7 days ago" counts from
};

struct Found {
  std::vector<std::int64_t> numbers;  // the schema's numbers, in order
  std::string next;                   // the token of the next page; "" on the last one
};

// Errors are kInvalidArgument, in MLflow's words where MLflow refuses the same. Rows are ordered by the terms: without
// a value last in both directions, NaN just before them; then by the schema's ties.
Result<Found> find(db::Database& database, const Request& request, int limit, std::string_view page_token);

// How many rows there are on all pages.
Result<std::int64_t> count(db::Database& database, const Request& request);

// Whether the filter and the order can be read; what find() would refuse.
Result<void> check(const Request& request);

}  // namespace millrace::search
