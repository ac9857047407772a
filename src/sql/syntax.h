#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "sql/kind.h"
#include "sql/sql.h"

namespace millrace::sql {

// An expression as it was written. Operators and keywords are calls: "+", "and", "between", "case"...
struct Syntax {
  enum class Form { kLiteral, kColumn, kCall, kCast, kTryCast };

  Form form = Form::kLiteral;
  std::size_t offset = 0;
  std::string name;  // of a column as written, of a function in lower case, of a cast's type in lower case
  std::vector<Syntax> args;
  Kind literal_kind = Kind::kNull;
  Value literal;             // not text
  std::string literal_text;  // of a varchar literal
  int depth = 1;
};

// Bounds nesting (200 levels) and the height of the tree (1000), so that nothing that walks it can exhaust the stack.
std::expected<Syntax, CompileError> parse_expression(std::string_view text);

}  // namespace millrace::sql
