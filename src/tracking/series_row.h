#pragma once

#include <boost/describe.hpp>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "tracking/series.h"

namespace millrace::tracking {

BOOST_DESCRIBE_STRUCT(Series, (), (timestamp, step, value, is_nan, points, first_step, stride, ascending))

// Of a db::Database or a db::Transaction.
template <typename Database>
Result<std::optional<Series>> find_series(Database& database, std::int64_t run, std::string_view key) {
  const auto rows = TRY(database.template query<Series>(R"sql(
select timestamp, step, value, is_nan, points, first_step, stride, ascending
from latest_metrics
where run = ? and key = ?
)sql",
                                                        run, key));
  return rows.empty() ? std::nullopt : std::optional(rows.front());
}

}  // namespace millrace::tracking
