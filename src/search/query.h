#pragma once

#include <vector>

#include "search/bind.h"
#include "search/find.h"
#include "search/plan.h"
#include "search/statement.h"

namespace millrace::search {

// A request, read and bound.
struct Query {
  const Request& request;
  std::vector<Tree<Clause>> conditions;  // all must hold; SQL decides
  Tree<Clause> residual;                 // must hold, too; the patterns, which are ours to match
  std::vector<OrderTerm> terms;

  const Schema& schema() const { return request.schema; }
};
Result<Query> read(const Request& request);

// The condition that a row is in the scope; a `sign` before the column keeps SQLite from reading by its index.
Statement in_scope(const Scope& scope, std::string_view sign);

// The clauses of a query from whose rows a search may start.
std::vector<const Clause*> startable(const Query& query);

// Whether the first term of the order is a number with an index of its own.
bool walks(const Query& query);

// The numbers that fit the query but for its residual, in order. A search that walks its order has three parts, one
// after the other: the rows with a number, those with NaN, those without any. Others have one.
// The last two parameters, limit and offset, are not bound.
inline constexpr int kOrderParts = 3;
Statement numbers_statement(const Query& query, const Plan& plan, int part);

// The same without an order, counted.
Statement count_statement(const Query& query, const Plan& plan);

}  // namespace millrace::search
