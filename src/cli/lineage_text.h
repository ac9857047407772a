#pragma once

#include <string>

#include "base/json.h"
#include "lineage/graph.h"

namespace millrace::cli {

using lineage::Direction;

// The API's lineage graph as an indented tree from `root`: what it came of, or what came of it
// (one of the two). A node that comes up
// again is named again without its branch.
std::string lineage_text(const Json& graph, const std::string& root, Direction direction);

}  // namespace millrace::cli
