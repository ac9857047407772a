#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "api/scoring/schema.h"
#include "api/scoring/table.h"
#include "base/result.h"

namespace millrace::api::scoring {

// Reads a frame from CSV as pandas.read_csv does: the first line names the columns, blank lines are skipped, short
// lines are filled with nulls, what stands for nothing ("", "NA", "nan", ...) is null. Lines that are all longer than
// the first have an index in front. What it answered is valid until its next read.
class CsvReader {
 public:
  // Without a schema, a column is of numbers or booleans where all of its fields are. kInvalidArgument for text that is
  // not UTF-8, ends within quotes, has no columns, or a line that is too long.
  Result<Table> read(std::string_view text, const Schema* schema);

 private:
  using Line = std::vector<std::string_view>;

  Result<bool> read_line(std::string_view& text, Line& line);
  Result<std::string_view> read_field(std::string_view& text);
  Result<std::string_view> read_quoted(std::string_view& text);

  std::deque<std::string> unquoted_;  // fields that had quotes within
};

}  // namespace millrace::api::scoring
