#include "sql/sql.h"

#include <algorithm>

#include "sql/binder.h"
#include "sql/run.h"
#include "sql/syntax.h"

namespace millrace::sql {
namespace {

void collect_columns(const Step& step, std::vector<int>& into) {
  if (step.run == run_column) into.push_back(step.column);
  for (const auto& arg : step.args) collect_columns(*arg, into);
}

std::expected<Type, CompileError> result_type(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return Type::kBoolean;
    case Kind::kNull:
    case Kind::kBigint:
      return Type::kBigint;
    case Kind::kDouble:
      return Type::kDouble;
    case Kind::kVarchar:
      return Type::kVarchar;
    case Kind::kTimestamp:
    case Kind::kDate:
      return Type::kTimestamp;
    case Kind::kInterval:
    case Kind::kMonths:
      break;
  }
  return std::unexpected(CompileError{0, "an interval is not a value that can be kept; use date_diff() or epoch()"});
}

}  // namespace

CompileError::operator Error() const {
  return {Code::kInvalidArgument, fmt::format("at byte {}: {}", offset, message)};
}

std::expected<Expression, CompileError> Expression::compile(std::string_view text, std::span<const ColumnDef> columns) {
  const Syntax syntax = TRY(parse_expression(text));
  Bound bound = TRY(bind(syntax, columns));
  Expression expression;
  expression.type_ = TRY(result_type(bound.kind));
  expression.text_ = text;
  collect_columns(*bound.step, expression.columns_used_);
  std::ranges::sort(expression.columns_used_);
  const auto repeated = std::ranges::unique(expression.columns_used_);
  expression.columns_used_.erase(repeated.begin(), repeated.end());
  expression.root_ = std::move(bound.step);
  return expression;
}

Value Expression::evaluate(std::span<const Value> row, Scratch& scratch) const {
  return root_->evaluate({row.data(), scratch});
}

}  // namespace millrace::sql
