#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.h"

namespace millrace::db {

// "(?, ?, ?)"
std::string placeholders(std::size_t count);

namespace detail {
// How many parameters a list of so many numbers gets: few different counts, so that few statements are prepared.
std::size_t padded(std::size_t count);
}  // namespace detail

// The rows for any number of owners: `sql` has "(...)" once, where the list of their numbers comes, and after `first`'s
// values no other parameters. In batches, each in the statement's own order.
template <class Row>
Result<std::vector<Row>> query_among(Database& database, std::string_view sql, std::span<const std::int64_t> numbers,
                                     std::vector<Value> first = {}) {
  constexpr std::size_t kMost = 512;
  constexpr std::string_view kList = "(...)";
  const std::size_t at = sql.find(kList);
  std::vector<Row> rows;
  for (; !numbers.empty(); numbers = numbers.subspan(std::min(kMost, numbers.size()))) {
    const auto batch = numbers.first(std::min(kMost, numbers.size()));
    std::vector<Value> values = first;
    for (const std::int64_t number : batch) values.emplace_back(number);
    const std::size_t count = detail::padded(batch.size());
    values.resize(first.size() + count, Value(batch.back()));
    const std::string text =
        std::string(sql.substr(0, at)) + placeholders(count) + std::string(sql.substr(at + kList.size()));
    std::vector<Row> found = TRY(database.query_with<Row>(text, values));
    if (rows.empty()) {
      rows = std::move(found);
    } else {
      std::ranges::move(found, std::back_inserter(rows));
    }
  }
  return rows;
}

}  // namespace millrace::db
