#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "search/tree.h"

namespace millrace::search {

enum class Op {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,
  kIlike,
  kRlike,
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull,
  kUnknown,  // "<>" and "==", which MLflow reads and refuses
};
std::string_view to_text(Op op);

// What a comparison is about, "metrics.loss" or "name"; split at the first dot.
struct Identifier {
  std::string written;
  std::string entity;  // "" where there is no dot
  std::string key;     // without its quotes
};

struct Literal {
  enum class Kind { kNumber, kText, kWord };  // kWord: a bare word, which no type takes

  Kind kind = Kind::kNumber;
  std::string written;
  std::string text;  // without its quotes
};

struct Comparison {
  Identifier left;
  Op op = Op::kEqual;
  std::string written_op;
  std::vector<Literal> right;  // one; of IN and NOT IN any number; of the null tests none
};

enum class Direction { kAscending, kDescending };

struct OrderSyntax {
  Identifier by;
  Direction direction = Direction::kAscending;
};

// A filter may have this much of each; more is kInvalidArgument. The tree's depth bounds every recursion over it.
inline constexpr std::size_t kMaxFilterBytes = 1 << 20;
inline constexpr int kMaxDepth = 50;
inline constexpr int kMaxComparisons = 300;
inline constexpr int kMaxListItems = 20'000;

// Reads a filter; all that it says is in the text, nothing about what is searched. "" is always true.
Result<Tree<Comparison>> parse_filter(std::string_view text);

// Reads one member of an order_by: "metrics.loss DESC".
Result<OrderSyntax> parse_order(std::string_view text);

// The members of an order_by written in one line, "metrics.loss DESC, start_time"; commas within quotes separate
// nothing.
std::vector<std::string> split_order_by(std::string_view text);

}  // namespace millrace::search
