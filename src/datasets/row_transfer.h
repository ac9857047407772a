#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "datasets/row_log.h"

namespace millrace::datasets {

// Appends the rows of a row log's file, whose bytes came from elsewhere, to a log; answers how many. The file's columns
// go by their names; those of the log that it lacks are null. kInvalidArgument, and nothing is appended, for a file
// that is damaged, has a column that the log has not or of another type, text that is not UTF-8, or times beyond the
// years 1 to 9999.
Result<std::int64_t> append_row_log_file(std::string_view file, RowLog& log);

}  // namespace millrace::datasets
