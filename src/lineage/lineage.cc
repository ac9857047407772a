#include "lineage/lineage.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "db/db.h"
#include "lineage/graph.h"
#include "lineage/source.h"

namespace millrace::lineage {

namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
create table lineage_nodes (
  id text primary key,
  kind text not null,
  name text not null,
  event_time integer,
  data text not null
) strict, without rowid;

create table lineage_edges (
  source text not null,
  target text not null,
  primary key (source, target)
) strict, without rowid;
create index lineage_edges_by_target on lineage_edges (target, source);
)sql"},
                                         {2, R"sql(
create index lineage_nodes_by_name on lineage_nodes (kind, name);
)sql"}};

constexpr std::string_view kUpsert = R"sql(
insert into lineage_nodes (id, kind, name, event_time, data)
values (?, ?, ?, ?, ?)
on conflict (id) do update
set kind = excluded.kind, name = excluded.name, event_time = excluded.event_time, data = excluded.data
)sql";

struct NodeRow {
  std::string kind;
  std::string name;
  std::optional<Timestamp> event_time;
  std::string data;
};
BOOST_DESCRIBE_STRUCT(NodeRow, (), (kind, name, event_time, data))

constexpr std::string_view neighbours_sql(Direction direction) {
  return direction == Direction::kUpstream ? "select source from lineage_edges where target = ? order by 1 limit ?"
                                           : "select target from lineage_edges where source = ? order by 1 limit ?";
}

std::string kind_of(std::string_view id) { return std::string(id.substr(0, std::min(id.find(':'), id.size()))); }

using Sources = std::span<const Source* const>;

// What is kept here, and over it what the sources know; `known` where that is anything.
struct Loaded {
  Node node;
  bool known = false;
};

Result<Loaded> load(db::Database& database, Sources sources, const std::string& id) {
  Loaded loaded{.node = {.id = id, .kind = kind_of(id)}};
  auto rows = TRY(database.query<NodeRow>("select kind, name, event_time, data from lineage_nodes where id = ?", id));
  if (!rows.empty()) {
    NodeRow& row = rows.front();
    loaded = {.node = {.id = id,
                       .kind = std::move(row.kind),
                       .name = std::move(row.name),
                       .event_time = row.event_time.value_or(Timestamp{}),
                       .data = TRY(parse_json(row.data))},
              .known = true};
  }
  for (const Source* source : sources) loaded.known |= TRY(source->describe(loaded.node));
  return loaded;
}

// Sorted, each once.
Result<std::vector<std::string>> neighbours(db::Database& database, Sources sources, const std::string& id,
                                            Direction direction, int limit) {
  auto found = TRY(database.query<std::string>(neighbours_sql(direction), id, limit));
  for (const Source* source : sources) {
    std::ranges::move(TRY(source->neighbours(id, direction, limit)), std::back_inserter(found));
  }
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

// Breadth first from one node, one way; a node is entered once, by its shortest way. The graph may hold what another
// walk from the same node found.
class Walk {
 public:
  Walk(db::Database& database, Sources sources, Direction direction, const WalkLimits& limits, Graph& graph)
      : database_(database), sources_(sources), direction_(direction), limits_(limits), graph_(graph) {
    for (const Node& node : graph.nodes) loaded_.insert(node.id);
    entered_ = loaded_.size();
  }

  Result<void> from(std::string_view id) {
    enter(std::string(id));
    for (int hops = 0; !reached_.empty(); ++hops) {
      for (const std::string& node : std::exchange(reached_, {})) {
        TRY(take(node, hops));
        TRY(follow(node, hops < limits_.depth));
      }
      std::ranges::sort(reached_);
    }
    return {};
  }

 private:
  void enter(std::string id) {
    if (!seen_.insert(id).second) return;
    if (!loaded_.contains(id)) ++entered_;
    reached_.push_back(std::move(id));
  }

  Result<void> take(const std::string& id, int hops) {
    if (!loaded_.insert(id).second) return {};
    graph_.nodes.push_back(TRY(load(database_, sources_, id)).node);
    graph_.nodes.back().hops = hops;
    return {};
  }

  // An edge is in the graph if both its nodes are.
  Result<void> follow(const std::string& node, bool further) {
    for (std::string& next : TRY(neighbours(database_, sources_, node, direction_, limits_.nodes + 1))) {
      if (!seen_.contains(next) && (!further || entered_ >= static_cast<std::size_t>(limits_.nodes))) {
        graph_.truncated = true;
        continue;
      }
      enter(next);
      graph_.edges.push_back(direction_ == Direction::kUpstream ? Edge{std::move(next), node}
                                                                : Edge{node, std::move(next)});
    }
    return {};
  }

  db::Database& database_;
  const Sources sources_;
  const Direction direction_;
  const WalkLimits limits_;
  Graph& graph_;
  std::set<std::string, std::less<>> loaded_;  // in the graph
  std::set<std::string, std::less<>> seen_;    // entered on this way
  std::vector<std::string> reached_;           // entered, but not looked at
  std::size_t entered_ = 0;                    // nodes that are in the graph or will be
};

Result<void> check_known(db::Database& database, Sources sources, const std::string& id) {
  if (TRY(load(database, sources, id)).known) return {};
  for (const auto direction : {Direction::kUpstream, Direction::kDownstream}) {
    if (!TRY(neighbours(database, sources, id, direction, 1)).empty()) return {};
  }
  return not_found("the lineage graph has no node {}", id);
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(db::Database& database) {
  TRY(db::migrate(database, "lineage", kMigrations));
  return std::unique_ptr<Store>(new Store(database));
}

Result<void> Store::add_artifact(db::Transaction& tx, const Artifact& artifact) {
  TRY(tx.execute(kUpsert, artifact.id, artifact.kind, artifact.name, std::nullopt, dump_json(artifact.data)));
  return {};
}

Result<void> Store::add_execution(db::Transaction& tx, const Execution& execution) {
  TRY(tx.execute(kUpsert, execution.id, execution.kind, execution.name, execution.event_time,
                 dump_json(execution.data)));
  return {};
}

Result<void> Store::add_edge(db::Transaction& tx, std::string_view from, std::string_view to) {
  TRY(tx.execute("insert into lineage_edges (source, target) values (?, ?) on conflict do nothing", from, to));
  return {};
}

Result<Graph> Store::walk(std::string_view id, Direction direction, const WalkLimits& limits) const {
  TRY(check_known(database_, sources_, std::string(id)));
  const WalkLimits bounded{.depth = std::clamp(limits.depth, 0, kMaxHops),
                           .nodes = std::clamp(limits.nodes, 1, kMaxNodes)};
  Graph graph{.root = std::string(id)};
  for (const auto way : {Direction::kUpstream, Direction::kDownstream}) {
    if (direction != way && direction != Direction::kBoth) continue;
    TRY(Walk(database_, sources_, way, bounded, graph).from(id));
  }
  std::ranges::sort(graph.nodes, {}, [](const Node& node) { return std::pair(node.hops, std::string_view(node.id)); });
  std::ranges::sort(graph.edges);
  const auto repeated = std::ranges::unique(graph.edges);
  graph.edges.erase(repeated.begin(), repeated.end());
  return graph;
}

// Of numbers without leading zeros the longer is the greater.
Result<std::string> Store::newest(std::string_view kind, std::string_view name) const {
  const auto ids = TRY(database_.query<std::string>(
      "select id from lineage_nodes where kind = ? and name = ? order by length(id) desc, id desc limit 1", kind,
      name));
  return ids.empty() ? std::string() : ids.front();
}

}  // namespace millrace::lineage
