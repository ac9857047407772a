#include "lineage/lineage.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/db.h"
#include "lineage/graph.h"

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

enum class Direction { kUpstream, kDownstream };

constexpr std::string_view neighbours_sql(Direction direction) {
  return direction == Direction::kUpstream ? "select source from lineage_edges where target = ? order by 1"
                                           : "select target from lineage_edges where source = ? order by 1";
}

std::string kind_of(std::string_view id) { return std::string(id.substr(0, std::min(id.find(':'), id.size()))); }

Result<Node> load(db::Database& database, const std::string& id, int hops) {
  const auto rows =
      TRY(database.query<NodeRow>("select kind, name, event_time, data from lineage_nodes where id = ?", id));
  if (rows.empty()) return Node{.id = id, .kind = kind_of(id), .hops = hops};
  const NodeRow& row = rows.front();
  return Node{.id = id,
              .kind = row.kind,
              .name = row.name,
              .event_time = row.event_time.value_or(Timestamp{}),
              .data = TRY(parse_json(row.data)),
              .hops = hops};
}

// Breadth first from one node; a node is entered once, by its shortest way.
class Walk {
 public:
  Walk(db::Database& database, Direction direction) : database_(database), direction_(direction) {}

  Result<Graph> from(std::string_view id, int max_hops) {
    enter(std::string(id));
    for (int hops = 0; !reached_.empty(); ++hops) {
      std::vector<std::string> level = std::exchange(reached_, {});
      std::ranges::sort(level);
      for (const std::string& node : level) {
        graph_.nodes.push_back(TRY(load(database_, node, hops)));
        TRY(follow(node, hops < max_hops));
      }
    }
    std::ranges::sort(graph_.edges, {}, [](const Edge& edge) { return std::pair(edge.from, edge.to); });
    return std::move(graph_);
  }

 private:
  void enter(std::string id) {
    if (seen_.contains(id)) return;
    seen_.insert(id);
    reached_.push_back(std::move(id));
  }

  // An edge is in the graph if both its nodes are.
  Result<void> follow(const std::string& node, bool further) {
    for (const std::string& next : TRY(database_.query<std::string>(neighbours_sql(direction_), node))) {
      const bool known = seen_.contains(next);
      if (!known && (!further || seen_.size() >= kMaxNodes)) {
        graph_.truncated = true;
        continue;
      }
      enter(next);
      graph_.edges.push_back(direction_ == Direction::kUpstream ? Edge{next, node} : Edge{node, next});
    }
    return {};
  }

  db::Database& database_;
  const Direction direction_;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> reached_;  // entered, but not looked at
  Graph graph_;
};

Result<void> check_known(db::Database& database, std::string_view id) {
  const auto found = TRY(database.query<int>(R"sql(
select exists (select 1 from lineage_nodes where id = ?)
  or exists (select 1 from lineage_edges where source = ?)
  or exists (select 1 from lineage_edges where target = ?)
)sql",
                                             id, id, id));
  if (found.front() == 0) return not_found("the lineage graph has no node {}", id);
  return {};
}

Result<Graph> walk(db::Database& database, Direction direction, std::string_view id, int max_hops) {
  TRY(check_known(database, id));
  return Walk(database, direction).from(id, std::clamp(max_hops, 0, kMaxHops));
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

Result<Graph> Store::upstream(std::string_view id, int max_hops) const {
  return walk(database_, Direction::kUpstream, id, max_hops);
}

Result<Graph> Store::downstream(std::string_view id, int max_hops) const {
  return walk(database_, Direction::kDownstream, id, max_hops);
}

}  // namespace millrace::lineage
