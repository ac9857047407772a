#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "search/pattern.h"
#include "search/schema.h"
#include "search/syntax.h"

namespace millrace::search {

// A value of what is searched: a column of its row, or rows beside it with a key.
struct Reference {
  std::string entity;  // as messages name it
  std::string key;
  Type type = Type::kText;
  Nulls nulls = Nulls::kNever;
  std::string_view column;                  // "" where there is a source
  Source source;                            //
  std::optional<std::string> when_missing;  // the value that a missing key counts as

  bool operator==(const Reference& other) const {
    return entity == other.entity && key == other.key && type == other.type;
  }
  bool is_column() const { return !column.empty(); }
  bool has_any_key() const { return !source.key.empty(); }
};

// The whole numbers from `low` up to and without `high` that a literal stands for: one for an integer, the
// microseconds of its millisecond for a time, none for a fraction.
struct Span {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

using Operand = std::variant<std::string, double, Span>;

// A comparison, bound to what is searched: the operands have the reference's type.
struct Clause {
  Reference reference;
  Op op = Op::kEqual;
  std::vector<Operand> operands;
  std::optional<Pattern> pattern;  // of LIKE, ILIKE and RLIKE

  bool is_pattern() const { return pattern.has_value(); }
};

struct OrderTerm {
  Reference reference;
  Direction direction = Direction::kAscending;
};

// Errors are kInvalidArgument, in MLflow's words where MLflow refuses the same.
Result<Tree<Clause>> bind(const Tree<Comparison>& tree, const Schema& schema, Timestamp now);
Result<std::vector<OrderTerm>> bind_order(const std::vector<std::string>& order_by, const Schema& schema);

}  // namespace millrace::search
