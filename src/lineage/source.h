#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lineage/graph.h"

namespace millrace::lineage {

// A room's own records as a part of the graph: read when somebody asks, so that nothing is kept twice and what was
// imported, renamed or deleted is right without further work. Thread-safe; outlives the store.
class Source {
 public:
  virtual ~Source() = default;

  // The nodes one edge away, upstream or downstream, at most `limit`, in an order that does not change by itself. None
  // for an id that is not this room's.
  virtual Result<std::vector<std::string>> neighbours(const std::string& id, Direction direction, int limit) const = 0;

  // Fills in what the room knows of the node, over what is there; answers whether it has such a one.
  virtual Result<bool> describe(Node& node) const = 0;
};

}  // namespace millrace::lineage
