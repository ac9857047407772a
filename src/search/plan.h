#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace millrace::search {

// How many rows a search would meet, counted up to a bound.
struct Estimates {
  double total = 0;             // of the table
  double in_scope = 0;          // of these in the scope
  std::vector<double> sets;     // owners of rows that fit a clause from which the search could start; `total` if many
  bool order_walkable = false;  // the first term of the order has an index of its own
  bool order_stored = false;    // the order is one that the table has an index for
  bool scope_narrows = true;    // the scope is one value, or so few rows that they are all read and sorted
  double wanted = 0;            // rows asked for, with those to skip
};

struct Plan {
  enum class Start {
    kTable,  // the table's rows in scope, sorted unless the order is stored
    kSet,    // the owners of one clause's rows, sorted
    kOrder,  // the rows of the first term of the order, in its order, until enough fit
  };
  Start start = Start::kTable;
  std::size_t set = 0;  // of kSet: which
  bool loose = false;   // of kTable: the scope is not what the table is read by, its stored order is

  bool operator==(const Plan&) const = default;
};

// The cheapest way, taking clauses as independent of each other. Costs were measured (docs/decisions/0014).
Plan choose(const Estimates& estimates);

}  // namespace millrace::search
