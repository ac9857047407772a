#pragma once

#include "lineage/graph.h"

namespace millrace::lineage {

// The same graph with each run of three or more versions of one dataset, of which each has nothing but the next one
// beside it, as one node: it has the id of the newest of them and says in its data that it stands for
// {"versions": {"first": 3, "last": 12}}. For people. The root stays as it is.
Graph fold_versions(const Graph& graph);

}  // namespace millrace::lineage
