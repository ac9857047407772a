#pragma once

#include "search/bind.h"
#include "search/schema.h"
#include "search/statement.h"
#include "search/tree.h"

namespace millrace::search {

// Whether a clause anywhere in the tree is a pattern, which is not SQL's to match: its LIKE backtracks, differs from
// one database to the other, and RLIKE is not in all.
bool has_pattern(const Tree<Clause>& tree);

// The tree as a condition on a row of the schema's table, whose number is in the column `number`. It is true or false
// and never null, so that NOT is what it looks like. The tree has no pattern.
Statement condition(const Tree<Clause>& tree, std::string_view number);

// The condition of one clause on a row of its source, key included; in a form for which the source's index serves.
Statement row_condition(const Clause& clause);

}  // namespace millrace::search
