#include "search/condition.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "search/evaluate.h"

namespace millrace::search {

namespace {

// Adds `parts` of a chain, one for each operand.
template <class Add>
void chain(Statement& out, const Clause& clause, std::string_view between, Add add) {
  for (std::size_t i = 0; i < clause.operands.size(); ++i) {
    if (i > 0) out.add(between);
    add(clause.operands[i]);
  }
}

std::string_view sql_of(Op op) { return op == Op::kNotEqual ? "<>" : to_text(op); }

template <class T>
Statement plain_test(std::string_view value, const Clause& clause) {
  Statement out;
  out.add(value).add(" ");
  const auto bind = [&](const Operand& operand) { out.value(std::get<T>(operand)); };
  if (clause.op != Op::kIn && clause.op != Op::kNotIn) {
    out.add(sql_of(clause.op)).add(" ");
    bind(clause.operands.front());
    return out;
  }
  out.add(clause.op == Op::kIn ? "in (" : "not in (");
  chain(out, clause, ", ", bind);
  return out.add(")");
}

Statement number_test(const Source& source, const Clause& clause) {
  Statement test = plain_test<double>(source.value, clause);
  if (source.nan.empty()) return test;
  const bool different = clause.op == Op::kNotEqual || clause.op == Op::kNotIn;
  Statement out(different ? "(" : "");
  out.add(source.nan).add(different ? " = 1 or " : " = 0 and ").add(test);
  return different ? out.add(")") : out;
}

// One value, or the span around it.
Statement within(std::string_view value, Span span) {
  Statement out;
  if (span.low == span.high) return out.add("1 = 0");
  if (span.high - span.low == 1) return out.add(value).add(" = ").value(span.low);
  return out.add("(").add(value).add(" >= ").value(span.low).add(" and ").add(value).add(" < ").value(span.high).add(
      ")");
}

Statement span_test(std::string_view value, const Clause& clause) {
  const Span first = std::get<Span>(clause.operands.front());
  Statement out;
  switch (clause.op) {
    case Op::kLess:
      return out.add(value).add(" < ").value(first.low);
    case Op::kLessEqual:
      return out.add(value).add(" < ").value(first.high);
    case Op::kGreater:
      return out.add(value).add(" >= ").value(first.high);
    case Op::kGreaterEqual:
      return out.add(value).add(" >= ").value(first.low);
    default:
      break;
  }
  out.add(clause.op == Op::kNotEqual || clause.op == Op::kNotIn ? "not (" : "(");
  chain(out, clause, " or ", [&](const Operand& operand) { out.add(within(value, std::get<Span>(operand))); });
  return out.add(")");
}

Statement test(const Clause& clause) {
  const Reference& reference = clause.reference;
  const std::string_view value = reference.is_column() ? reference.column : reference.source.value;
  if (reference.type == Type::kText) return plain_test<std::string>(value, clause);
  if (reference.type == Type::kNumber) {
    return reference.is_column() ? plain_test<double>(value, clause) : number_test(reference.source, clause);
  }
  return span_test(value, clause);
}

bool is_null_test(Op op) { return op == Op::kIsNull || op == Op::kIsNotNull; }

Statement column_condition(const Clause& clause) {
  const Reference& reference = clause.reference;
  Statement out;
  if (is_null_test(clause.op)) {
    return out.add(reference.column).add(clause.op == Op::kIsNull ? " is null" : " is not null");
  }
  if (reference.nulls == Nulls::kNever) return test(clause);
  return out.add("(").add(reference.column).add(" is not null and ").add(test(clause)).add(")");
}

bool has_prefix(const Clause& clause) {
  return clause.reference.source.index == Index::kPrefix && (clause.op == Op::kEqual || clause.op == Op::kIn);
}

// Equality by what the index knows, and then by the whole. What is added to the value changes nothing, but keeps SQLite
// from putting the operand in its place in the index's expression, too, where it would no longer be known.
Statement prefix_test(const Clause& clause) {
  Statement out("substr(");
  out.add(clause.reference.source.value).add(fmt::format(", 1, {}) in (", kPrefixLength));
  chain(out, clause, ", ",
        [&](const Operand& operand) { out.value(std::string(cut(std::get<std::string>(operand), kPrefixLength))); });
  out.add(") and ");
  return out.add(plain_test<std::string>(fmt::format("{} || ''", clause.reference.source.value), clause));
}

Statement key_condition(const Reference& reference) {
  Statement out;
  if (!reference.has_any_key()) return out;
  return out.add(reference.source.key).add(" = ").value(reference.key);
}

// The limit says nothing, but keeps PostgreSQL to asking for each row. Before it has counted what was logged lately, it
// believes there to be a row or two, and joins by reading all of them again and again.
Statement rows_exist(const Reference& reference, std::string_view number, const Statement& where) {
  Statement out("exists (select 1 from ");
  out.add(reference.source.from).add(" where ").add(reference.source.owner).add(" = ").add(number);
  if (!where.empty()) out.add(" and ").add(where);
  return out.add(" limit 1 offset 0)");
}

Statement source_condition(const Clause& clause, std::string_view number) {
  const Reference& reference = clause.reference;
  const Statement any = rows_exist(reference, number, key_condition(reference));
  if (clause.op == Op::kIsNotNull) return any;
  if (clause.op == Op::kIsNull) return Statement("not ").add(any);
  const Statement some = rows_exist(reference, number, row_condition(clause));
  if (!reference.when_missing || !holds(clause, {})) return some;
  return Statement("(").add(some).add(" or not ").add(any).add(")");
}

Statement clause_condition(const Clause& clause, std::string_view number) {
  return clause.reference.is_column() ? column_condition(clause) : source_condition(clause, number);
}

}  // namespace

bool has_pattern(const Tree<Clause>& tree) {
  bool found = false;
  for_each_leaf(tree, [&](const Clause& clause) { found |= clause.is_pattern(); });
  return found;
}

Statement row_condition(const Clause& clause) {
  Statement out = key_condition(clause.reference);
  if (!out.empty()) out.add(" and ");
  return out.add(has_prefix(clause) ? prefix_test(clause) : test(clause));
}

Statement condition(const Tree<Clause>& tree, std::string_view number) {
  using Kind = Tree<Clause>::Kind;
  if (tree.kind == Kind::kLeaf) return clause_condition(tree.leaf, number);
  if (tree.kind == Kind::kNot) return Statement("not (").add(condition(tree.parts.front(), number)).add(")");
  if (tree.parts.empty()) return Statement("1 = 1");
  Statement out("(");
  for (std::size_t i = 0; i < tree.parts.size(); ++i) {
    if (i > 0) out.add(tree.kind == Kind::kAll ? " and " : " or ");
    out.add(condition(tree.parts[i], number));
  }
  return out.add(")");
}

}  // namespace millrace::search
