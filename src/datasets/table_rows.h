#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "datasets/dataset_spec.h"
#include "duck/table.h"

namespace millrace::datasets {

// Rows given as a JSON array of objects, typed by the dataset's columns; a missing key is a null, an unknown one an
// error.
Result<duck::Table> rows_of_json(const DatasetSpec& spec, std::string_view json);

// The dataset's columns in its order, out of a table with the same columns in any order.
Result<duck::Table> in_order(const DatasetSpec& spec, const duck::Table& rows);

// The rows with these numbers, in this order.
duck::Table take_rows(const duck::Table& rows, const std::vector<std::size_t>& numbers);

// The rows' numbers by event time, then by all columns.
std::vector<std::size_t> sorted_rows(const duck::Table& rows, std::string_view event_time);

void append_rows(const duck::Table& rows, duck::Table& to);

}  // namespace millrace::datasets
