#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "duck/table.h"
#include "serving/tensor.h"
#include "sql/value.h"

namespace millrace::serving {

// How a tensor of so many rows stands in the prediction log: [n] and [n, k] as a column for each of the k values, up to
// kMostLoggedColumns; everything else as one column of JSON, or, where that would be longer than kMostLoggedBytes, of
// the SHA-256 of the row's elements: {"sha256": "...", "shape": [...], "datatype": "FP32"}.
inline constexpr std::size_t kMostLoggedColumns = 256;
inline constexpr std::size_t kMostLoggedBytes = 4096;

// How many columns.
std::size_t logged_width(const TensorSpec& spec);
// NAME, or NAME_0, NAME_1, ...
std::vector<duck::ColumnType> logged_columns(const TensorSpec& spec, const std::string& name);

// What stands in those columns for one of the rows. Texts are the tensor's or in `texts`. A tensor that is not of the
// spec's width gives nulls.
void append_logged(const TensorSpec& spec, const TensorView& tensor, std::size_t rows, std::size_t row,
                   sql::Scratch& texts, std::vector<sql::Value>& out);

}  // namespace millrace::serving
