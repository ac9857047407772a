#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::lineage {

struct Artifact;  // these four: lineage/graph.h
struct Execution;
struct Edge;
struct Graph;

inline constexpr int kMaxHops = 100;
inline constexpr int kMaxNodes = 10'000;

// What came of what: artifacts, executions and the edges between them. Modules add to it in their own transactions, in
// any order; adding again changes the node. Thread-safe.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(db::Database& database);

  Result<void> add_artifact(db::Transaction& tx, const Artifact& artifact);
  Result<void> add_execution(db::Transaction& tx, const Execution& execution);
  // `to` came of `from`. The nodes need not be there yet.
  Result<void> add_edge(db::Transaction& tx, std::string_view from, std::string_view to);

  // All that `id` came of, and all that came of it, within `max_hops` edges (at most kMaxHops) and kMaxNodes nodes,
  // with `id` itself at 0 hops. Cycles are walked once. kNotFound for an id that is neither a node nor on an edge.
  Result<Graph> upstream(std::string_view id, int max_hops = 20) const;
  Result<Graph> downstream(std::string_view id, int max_hops = 20) const;

 private:
  explicit Store(db::Database& database) : database_(database) {}

  db::Database& database_;
};

}  // namespace millrace::lineage
