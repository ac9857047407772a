#include "search/evaluate.h"

#include <algorithm>

namespace millrace::search {

namespace {

template <class T, class U>
bool compare(Op op, const T& value, const U& operand) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
      return value == operand;
    case Op::kLess:
      return value < operand;
    case Op::kLessEqual:
      return value <= operand;
    case Op::kGreater:
      return value > operand;
    case Op::kGreaterEqual:
      return value >= operand;
    default:
      return false;
  }
}

bool compare(Op op, std::int64_t value, Span span) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
      return value >= span.low && value < span.high;
    case Op::kLess:
      return value < span.low;
    case Op::kLessEqual:
      return value < span.high;
    case Op::kGreater:
      return value >= span.high;
    case Op::kGreaterEqual:
      return value >= span.low;
    default:
      return false;
  }
}

bool fits(const Clause& clause, Op op, const Stored& value, const Operand& operand) {
  switch (clause.reference.type) {
    case Type::kText:
      return compare(op, std::get<std::string>(value), std::get<std::string>(operand));
    case Type::kNumber:
      return compare(op, std::get<double>(value), std::get<double>(operand));
    default:
      return compare(op, std::get<std::int64_t>(value), std::get<Span>(operand));
  }
}

bool fits(const Clause& clause, const Stored& value) {
  if (clause.pattern) return clause.pattern->matches(std::get<std::string>(value));
  const bool different = clause.op == Op::kNotEqual || clause.op == Op::kNotIn;
  const Op op = different ? Op::kEqual : clause.op;
  const bool found =
      std::ranges::any_of(clause.operands, [&](const Operand& operand) { return fits(clause, op, value, operand); });
  return found != different;
}

}  // namespace

bool holds(const Clause& clause, std::span<const Stored> values) {
  if (clause.op == Op::kIsNull) return values.empty();
  if (clause.op == Op::kIsNotNull) return !values.empty();
  if (values.empty()) return clause.reference.when_missing && fits(clause, Stored(*clause.reference.when_missing));
  return std::ranges::any_of(values, [&](const Stored& value) { return fits(clause, value); });
}

}  // namespace millrace::search
