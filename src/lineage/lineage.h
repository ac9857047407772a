#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::lineage {

struct Artifact;  // these: lineage/graph.h
struct Execution;
struct Edge;
struct Graph;
enum class Direction;
class Source;  // lineage/source.h

inline constexpr int kMaxHops = 100;
inline constexpr int kMaxNodes = 10'000;

struct WalkLimits {
  int depth = 20;    // edges from the node that is asked for; at most kMaxHops
  int nodes = 1000;  // at most kMaxNodes
};

// What came of what: artifacts, executions and the edges between them. Modules add to it in their own transactions, in
// any order; adding again changes the node. What a room's own tables say already is read from them, by its Source.
// Thread-safe.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(db::Database& database);

  Result<void> add_artifact(db::Transaction& tx, const Artifact& artifact);
  Result<void> add_execution(db::Transaction& tx, const Execution& execution);
  // `to` came of `from`. The nodes need not be there yet.
  Result<void> add_edge(db::Transaction& tx, std::string_view from, std::string_view to);

  // Before anybody walks.
  void add_source(const Source& source) { sources_.push_back(&source); }

  // All that `id` came of, all that came of it, or both, with `id` itself at 0 hops. Cycles are walked once. kNotFound
  // for an id that nobody knows.
  Result<Graph> walk(std::string_view id, Direction direction, const WalkLimits& limits = {}) const;

  // The newest node of a kind and name whose id ends in a number, such as a dataset's newest version; "" for none.
  Result<std::string> newest(std::string_view kind, std::string_view name) const;

 private:
  explicit Store(db::Database& database) : database_(database) {}

  db::Database& database_;
  std::vector<const Source*> sources_;
};

}  // namespace millrace::lineage
