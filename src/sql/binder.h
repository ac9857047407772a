#pragma once

#include <expected>
#include <memory>
#include <span>

#include "sql/kind.h"
#include "sql/sql.h"
#include "sql/step.h"
#include "sql/syntax.h"

namespace millrace::sql {

// A compiled expression and its type.
struct Bound {
  std::unique_ptr<Step> step;
  Kind kind = Kind::kNull;
  bool is_text_literal = false;  // takes on the type of what it meets, as in DuckDB
};

// Gives names and types to what was written: columns, overloads, conversions.
std::expected<Bound, CompileError> bind(const Syntax& syntax, std::span<const ColumnDef> columns);

}  // namespace millrace::sql
