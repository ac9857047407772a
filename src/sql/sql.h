#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/value.h"

namespace millrace::sql {

struct Step;

// What is wrong with the text of an expression, and at which byte.
struct CompileError {
  std::size_t offset = 0;
  std::string message;

  // "at byte 5: MESSAGE", so that TRY works where a Result is returned.
  operator Error() const;
};

// A scalar expression in DuckDB's dialect, compiled once and evaluated row by row, without DuckDB.
//
// Results are DuckDB's, bit for bit, for the types, operators and functions listed in docs/sql_expressions.md, with
// three deliberate limits: a literal such as 1.5 is a double (DuckDB: DECIMAL), integers are 64 bits wide, and upper,
// lower and ilike fold ASCII letters only. What is not supported does not compile.
//
// Text is limited to 16 KiB and nesting to 200 levels, so that a hostile expression costs nothing. Cheap to copy;
// thread-safe: one Expression serves any number of threads, each with its own Scratch.
class Expression {
 public:
  // Column names are matched as DuckDB does: exactly, else without regard to case.
  static std::expected<Expression, CompileError> compile(std::string_view text, std::span<const ColumnDef> columns);

  Type type() const { return type_; }
  const std::string& text() const { return text_; }
  // Indices into the columns given to compile, ascending.
  const std::vector<int>& columns_used() const { return columns_used_; }

  // `row` has a value for each column given to compile; only those in columns_used() are read. Each must be null or
  // of its column's type. Text in the answer lives in `row`, in the expression or in `scratch`.
  Value evaluate(std::span<const Value> row, Scratch& scratch) const;

 private:
  std::shared_ptr<const Step> root_;
  Type type_ = Type::kBigint;
  std::string text_;
  std::vector<int> columns_used_;
};

}  // namespace millrace::sql
