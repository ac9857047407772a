#include "search/bind.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "search/moment.h"

namespace millrace::search {

namespace {

// The entity of a name without a dot.
constexpr std::string_view kAttribute = "attribute";

constexpr std::string_view kTextOps = "{'!=', '=', 'ILIKE', 'IN', 'IS NOT NULL', 'IS NULL', 'LIKE', 'NOT IN', 'RLIKE'}";
constexpr std::string_view kNumberOps = "{'!=', '<', '<=', '=', '>', '>=', 'IN', 'IS NOT NULL', 'IS NULL', 'NOT IN'}";
constexpr std::string_view kIdOps = "{'!=', '=', 'IN', 'NOT IN'}";

bool is_ordering(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kGreater || op == Op::kGreaterEqual;
}
bool is_pattern(Op op) { return op == Op::kLike || op == Op::kIlike || op == Op::kRlike; }

template <class Range, class Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

// Names in quotes and in order, between the brackets that MLflow's messages have.
std::string listed(std::vector<std::string_view> names, char open, char close) {
  std::string text(1, open);
  for (const std::string_view name : names) {
    if (text.size() > 1) text += ", ";
    text.append("'").append(name).append("'");
  }
  return text + close;
}

std::unexpected<Error> no_entity(const Schema& schema, std::string_view name) {
  if (!schema.valid_entities.empty()) {
    return invalid_argument("Invalid entity type '{}'. {}", name, schema.valid_entities);
  }
  std::vector<std::string_view> names;
  for (const Entity& entity : schema.entities) names.push_back(entity.name);
  return invalid_argument("Invalid entity type '{}'. Valid values are {}", name, listed(std::move(names), '[', ']'));
}

Result<const Entity*> entity_of(const Schema& schema, const Identifier& identifier) {
  const std::string_view name = identifier.entity.empty() ? kAttribute : std::string_view(identifier.entity);
  for (const Entity& entity : schema.entities) {
    if (entity.name == name || contains(entity.aliases, name)) return &entity;
  }
  return no_entity(schema, identifier.entity);
}

enum class Use { kFilter, kOrder };

std::unexpected<Error> no_field(const Entity& entity, std::string_view key, Use use) {
  std::vector<std::string_view> names;
  for (const Field& field : entity.fields) {
    if (use == Use::kOrder && !field.orders) continue;
    names.push_back(field.name);
    names.insert(names.end(), field.aliases.begin(), field.aliases.end());
  }
  std::ranges::sort(names);
  return invalid_argument("Invalid {} key '{}' specified. Valid keys are '{}'", entity.name, key,
                          listed(std::move(names), '{', '}'));
}

Reference field_reference(const Entity& entity, const Field& field) {
  return {.entity = std::string(entity.name),
          .key = std::string(field.name),
          .type = field.type,
          .nulls = field.nulls,
          .column = field.column,
          .source = field.source};
}

Reference rows_reference(const Entity& entity, std::string_view key) {
  Reference reference{
      .entity = fmt::format("{}{}{}", entity.name, entity.rows_prefix.empty() ? "" : ".", entity.rows_prefix),
      .key = std::string(key),
      .type = entity.type,
      .nulls = Nulls::kPossible,
      .source = entity.rows};
  if (!entity.default_key.empty() && key == entity.default_key) {
    reference.when_missing = std::string(entity.default_value);
  }
  return reference;
}

Result<Reference> resolve(const Entity& entity, std::string_view key, Use use) {
  if (entity.fields.empty()) return rows_reference(entity, key);
  for (const Field& field : entity.fields) {
    const bool named = field.name == key || contains(field.aliases, key);
    if (named && (use == Use::kFilter || field.orders)) return field_reference(entity, field);
  }
  const std::string_view prefix = entity.rows_prefix;
  if (!prefix.empty() && key.starts_with(prefix) && key.size() > prefix.size()) {
    return rows_reference(entity, key.substr(prefix.size()));
  }
  return no_field(entity, key, use);
}

// A comparison with a number is one of numbers, where the entity has them.
void prefer_numbers(const Entity& entity, const Comparison& comparison, Reference& reference) {
  if (entity.numbers.from.empty() || comparison.right.empty()) return;
  const bool numbers = std::ranges::all_of(
      comparison.right, [](const Literal& literal) { return literal.kind == Literal::Kind::kNumber; });
  if (!numbers) return;
  reference.type = Type::kNumber;
  reference.source = entity.numbers;
}

// The operands of one comparison.
class Operands {
 public:
  Operands(const Reference& reference, Timestamp now) : reference_(reference), now_(now) {}

  Result<Operand> read(const Literal& literal, const Comparison& comparison) const {
    switch (reference_.type) {
      case Type::kText:
        return text(literal, comparison);
      case Type::kNumber:
        if (literal.kind != Literal::Kind::kNumber) return no_number(literal);
        return Operand(TRY(number(literal)));
      case Type::kInteger:
        if (literal.kind != Literal::Kind::kNumber) return no_number(literal);
        return Operand(span_of(TRY(number(literal)), 1));
      case Type::kTime:
        return time(literal);
      case Type::kId:
        return id(literal);
    }
    return internal_error("a reference has no type");
  }

 private:
  bool is_attribute() const { return reference_.is_column(); }

  Result<Operand> text(const Literal& literal, const Comparison& comparison) const {
    if (literal.kind == Literal::Kind::kText) return Operand(literal.text);
    if (comparison.op == Op::kIn || comparison.op == Op::kNotIn) {
      return invalid_argument(
          "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different "
          "type in list: {}",
          literal.written);
    }
    if (literal.kind == Literal::Kind::kWord) {
      return invalid_argument(
          "Parameter value is either not quoted or unidentified quote types used for string value {}. Use either "
          "single or double quotes.",
          literal.written);
    }
    if (reference_.has_any_key()) {
      return invalid_argument("Expected a quoted string value for {} (e.g. 'my-value'). Got value {}",
                              reference_.entity, literal.written);
    }
    return invalid_argument("Expected a quoted string value for {}attributes. Got value {}",
                            is_attribute() ? "" : reference_.entity + " ", literal.written);
  }

  std::unexpected<Error> no_number(const Literal& literal) const {
    if (!is_attribute()) {
      return invalid_argument("Expected numeric value type for {}. Found {}", reference_.entity, literal.written);
    }
    return invalid_argument(
        "Expected numeric value type for numeric attribute: {}. Found {}{}", reference_.key, literal.written,
        reference_.type == Type::kTime
            ? " (a time is a number of milliseconds, a date like '2026-03-01' or a phrase like '7 days ago')"
            : "");
  }

  static Result<double> number(const Literal& literal) {
    std::string_view text = literal.written;
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return invalid_argument("the number {} is out of range", text);
    return value;
  }

  // A literal of units that are stored as `unit` each; what is too large for the stored integer is cut to its ends.
  static Span span_of(double value, std::int64_t unit) {
    const double most = 9.0e18 / static_cast<double>(unit);
    const auto whole = static_cast<std::int64_t>(std::clamp(std::floor(value), -most, most));
    const std::int64_t end = (whole + 1) * unit;
    return std::floor(value) == value ? Span{whole * unit, end} : Span{end, end};
  }

  Result<Operand> time(const Literal& literal) const {
    constexpr std::int64_t kMillisecond = 1000;
    if (literal.kind == Literal::Kind::kNumber) return Operand(span_of(TRY(number(literal)), kMillisecond));
    const auto moment = literal.kind == Literal::Kind::kText ? parse_moment(literal.text, now_) : std::nullopt;
    if (!moment) return no_number(literal);
    const std::int64_t past = ((moment->us % kMillisecond) + kMillisecond) % kMillisecond;
    return Operand(Span{moment->us - past, moment->us - past + kMillisecond});
  }

  Result<Operand> id(const Literal& literal) const {
    if (literal.kind != Literal::Kind::kText) {
      return invalid_argument("Expected a quoted string value for attributes. Got value {}", literal.written);
    }
    std::int64_t number = 0;
    const char* end = literal.text.data() + literal.text.size();
    const auto read = std::from_chars(literal.text.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end || number < 0 || number == std::numeric_limits<std::int64_t>::max()) {
      return invalid_argument("Invalid experiment ID '{}'. Experiment ID must be a valid integer.", literal.text);
    }
    return Operand(Span{number, number + 1});
  }

  const Reference& reference_;
  Timestamp now_;
};

Result<void> check_op(const Reference& reference, const Comparison& comparison) {
  const Op op = comparison.op;
  const std::string_view written = comparison.written_op.empty() ? to_text(op) : comparison.written_op;
  const auto refuse = [&](std::string_view allowed) {
    return invalid_argument("Invalid comparator '{}' not one of '{}'", written, allowed);
  };
  if (reference.type == Type::kId) {
    if (op == Op::kEqual || op == Op::kNotEqual || op == Op::kIn || op == Op::kNotIn) return {};
    if (op == Op::kUnknown) return refuse(kIdOps);
    return invalid_argument("Invalid comparator for {}: {}", reference.key, written);
  }
  if (reference.type == Type::kText) {
    if (op == Op::kUnknown || is_ordering(op)) return refuse(kTextOps);
  } else if (op == Op::kUnknown || is_pattern(op)) {
    return refuse(kNumberOps);
  }
  return {};
}

Pattern::Kind pattern_kind(Op op) {
  if (op == Op::kRlike) return Pattern::Kind::kRlike;
  return op == Op::kIlike ? Pattern::Kind::kIlike : Pattern::Kind::kLike;
}

Result<Clause> bind_clause(const Comparison& comparison, const Schema& schema, Timestamp now) {
  const Entity& entity = *TRY(entity_of(schema, comparison.left));
  Clause clause{.reference = TRY(resolve(entity, comparison.left.key, Use::kFilter)), .op = comparison.op};
  prefer_numbers(entity, comparison, clause.reference);
  // A pattern against a number is wrong because of the comparator, whatever stands to its right.
  if (!(is_pattern(clause.op) && clause.reference.type != Type::kText)) {
    const Operands operands(clause.reference, now);
    for (const Literal& literal : comparison.right) {
      clause.operands.push_back(TRY(operands.read(literal, comparison)));
    }
  }
  TRY(check_op(clause.reference, comparison));
  if (is_pattern(clause.op)) {
    clause.pattern = TRY(Pattern::compile(std::get<std::string>(clause.operands.front()), pattern_kind(clause.op)));
  }
  return clause;
}

}  // namespace

Result<Tree<Clause>> bind(const Tree<Comparison>& tree, const Schema& schema, Timestamp now) {
  Tree<Clause> bound{.kind = static_cast<Tree<Clause>::Kind>(tree.kind)};
  if (tree.kind == Tree<Comparison>::Kind::kLeaf) bound.leaf = TRY(bind_clause(tree.leaf, schema, now));
  for (const auto& part : tree.parts) bound.parts.push_back(TRY(bind(part, schema, now)));
  return bound;
}

Result<std::vector<OrderTerm>> bind_order(const std::vector<std::string>& order_by, const Schema& schema) {
  std::vector<OrderTerm> terms;
  for (const std::string& text : order_by) {
    const OrderSyntax syntax = TRY(parse_order(text));
    const Entity& entity = *TRY(entity_of(schema, syntax.by));
    OrderTerm term{TRY(resolve(entity, syntax.by.key, Use::kOrder)), syntax.direction};
    if (!term.reference.is_column() && !term.reference.has_any_key()) {
      return invalid_argument("Invalid order_by entity: {}", term.reference.entity);
    }
    if (std::ranges::find(terms, term.reference, &OrderTerm::reference) != terms.end()) {
      return invalid_argument("`order_by` contains duplicate fields: {}",
                              listed({order_by.begin(), order_by.end()}, '[', ']'));
    }
    terms.push_back(std::move(term));
  }
  return terms;
}

}  // namespace millrace::search
