#pragma once

// Random rows of the dataset flights, for tests: ties, nulls, rows that become known late.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "duck/table.h"

namespace millrace::features::testing {

inline constexpr std::int64_t kHourUs = 3'600'000'000;
inline constexpr std::int64_t kFirstUs = 983'404'800'000'000;  // 2001-03-01

struct FlightsShape {
  std::size_t rows = 1000;
  std::size_t airports = 10;
  std::int64_t span_us = 30 * 24 * kHourUs;
};

inline duck::Table empty_flights() {
  return duck::Table::of({{"date", duck::Type::kTimestamp},
                          {"known_at", duck::Type::kTimestamp},
                          {"delay", duck::Type::kBigint},
                          {"distance", duck::Type::kBigint},
                          {"origin", duck::Type::kVarchar},
                          {"destination", duck::Type::kVarchar},
                          {"carrier", duck::Type::kBigint}});
}

inline std::string airport_name(std::size_t number) { return "A" + std::to_string(number); }

inline void append_int_or_null(duck::Column& column, bool null, std::int64_t value) {
  null ? column.append_null() : column.append_int(value);
}

// In order of date; known_at is hours later, in whole minutes, so that many are equal.
inline duck::Table random_flights(const FlightsShape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  duck::Table table = empty_flights();
  const auto airport = [&] { return airport_name(random() % 3 == 0 ? 0 : random() % shape.airports); };
  for (std::size_t i = 0; i < shape.rows; ++i) {
    const std::int64_t date =
        kFirstUs + shape.span_us / static_cast<std::int64_t>(shape.rows) * static_cast<std::int64_t>(i);
    const std::int64_t minutes = 60 + static_cast<std::int64_t>(random() % 360);
    append_int_or_null(table.columns[0], false, date);
    append_int_or_null(table.columns[1], random() % 500 == 0, (date / 60'000'000 + minutes) * 60'000'000);
    append_int_or_null(table.columns[2], random() % 40 == 0, static_cast<std::int64_t>(random() % 120) - 30);
    append_int_or_null(table.columns[3], false, 100 + static_cast<std::int64_t>(random() % 2000));
    if (random() % 100 == 0)
      table.columns[4].append_null();
    else
      table.columns[4].append_string(airport());
    table.columns[5].append_string(airport());
    append_int_or_null(table.columns[6], random() % 50 == 0, static_cast<std::int64_t>(random() % 5));
  }
  table.rows = shape.rows;
  return table;
}

// The rows with these numbers, in their order.
inline duck::Table take_rows(const duck::Table& table, const std::vector<std::size_t>& rows) {
  duck::Table taken = duck::Table::of(table.types());
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    for (const std::size_t row : rows) {
      const duck::Column& from = table.columns[c];
      duck::Column& to = taken.columns[c];
      if (from.is_null(row))
        to.append_null();
      else if (from.type == duck::Type::kVarchar)
        to.append_string(from.strings[row]);
      else if (from.type == duck::Type::kDouble)
        to.append_double(from.doubles[row]);
      else
        to.append_int(from.ints[row]);
    }
  taken.rows = rows.size();
  return taken;
}

// Moments between the rows' and at them, entities known, unknown and null, in no order.
inline duck::Table random_spine(const FlightsShape& shape, std::size_t rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  duck::Table table = duck::Table::of({{"id", duck::Type::kBigint},
                                       {"event_time", duck::Type::kTimestamp},
                                       {"origin", duck::Type::kVarchar},
                                       {"destination", duck::Type::kVarchar},
                                       {"carrier", duck::Type::kBigint},
                                       {"distance", duck::Type::kBigint}});
  for (std::size_t i = 0; i < rows; ++i) {
    const std::int64_t moment =
        kFirstUs + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(shape.span_us));
    table.columns[0].append_int(static_cast<std::int64_t>(i));
    table.columns[1].append_int(random() % 2 ? moment : moment / 60'000'000 * 60'000'000);
    if (random() % 200 == 0)
      table.columns[2].append_null();
    else
      table.columns[2].append_string(airport_name(random() % (shape.airports + 1)));
    table.columns[3].append_string(airport_name(random() % 3 == 0 ? 0 : random() % shape.airports));
    append_int_or_null(table.columns[4], random() % 100 == 0, static_cast<std::int64_t>(random() % 6));
    append_int_or_null(table.columns[5], random() % 100 == 0, 100 + static_cast<std::int64_t>(random() % 2000));
  }
  table.rows = rows;
  return table;
}

}  // namespace millrace::features::testing
