#include "lineage/lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "lineage/graph.h"
#include "lineage/source.h"

namespace millrace::lineage {
namespace {

using ::testing::ElementsAre;

class LineageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    store = MUST(Store::open(*database));
  }
  void edges(const std::vector<Edge>& list) {
    db::Transaction tx = MUST(database->begin());
    for (const Edge& edge : list) MUST(store->add_edge(tx, edge.from, edge.to));
    MUST(tx.commit());
  }
  Result<Graph> up(std::string_view id, int depth = 20) const {
    return store->walk(id, Direction::kUpstream, {.depth = depth});
  }
  Result<Graph> down(std::string_view id, int depth = 20) const {
    return store->walk(id, Direction::kDownstream, {.depth = depth});
  }
  // "a 0, b 1; a>b" for one node a and a node b one hop away.
  static std::string text(const Graph& graph) {
    std::string out;
    for (const Node& node : graph.nodes) out += fmt::format("{} {}, ", node.id, node.hops);
    for (const Edge& edge : graph.edges) out += fmt::format("{}>{} ", edge.from, edge.to);
    return out + (graph.truncated ? "..." : "");
  }

  TemporaryDirectory home;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<Store> store;
};

TEST_F(LineageTest, WalksFromAPredictionBackToTheRows) {
  db::Transaction tx = MUST(database->begin());
  MUST(store->add_artifact(tx,
                           {.id = "dataset:flights/12", .kind = "dataset", .name = "flights", .data = {{"rows", 9}}}));
  MUST(store->add_execution(tx, {.id = "run:r1", .kind = "run", .name = "train", .event_time = Timestamp{1'000'000}}));
  MUST(store->add_artifact(tx, {.id = "model:delays/3", .kind = "model", .name = "delays"}));
  MUST(store->add_edge(tx, "dataset:flights/12", "run:r1"));
  MUST(store->add_edge(tx, "run:r1", "model:delays/3"));
  MUST(store->add_edge(tx, "model:delays/3", "prediction:delays/77"));
  MUST(tx.commit());
  EXPECT_EQ(to_json(MUST(up("prediction:delays/77"))), Json::parse(R"({
    "root": "prediction:delays/77",
    "nodes": [
      {"id": "prediction:delays/77", "kind": "prediction", "name": "", "hops": 0},
      {"id": "model:delays/3", "kind": "model", "name": "delays", "hops": 1},
      {"id": "run:r1", "kind": "run", "name": "train", "hops": 2, "event_time": "1970-01-01T00:00:01Z"},
      {"id": "dataset:flights/12", "kind": "dataset", "name": "flights", "hops": 3, "data": {"rows": 9}}],
    "edges": [
      {"from": "dataset:flights/12", "to": "run:r1"},
      {"from": "model:delays/3", "to": "prediction:delays/77"},
      {"from": "run:r1", "to": "model:delays/3"}],
    "truncated": false})"));
  EXPECT_EQ(MUST(down("run:r1")).nodes.size(), 3U);
}

TEST_F(LineageTest, AddingAgainChangesTheNodeAndKeepsOneEdge) {
  for (const char* name : {"old", "new"}) {
    db::Transaction tx = MUST(database->begin());
    MUST(store->add_artifact(tx, {.id = "a", .kind = "output", .name = name}));
    MUST(store->add_edge(tx, "a", "b"));
    MUST(tx.commit());
  }
  const Graph graph = MUST(down("a"));
  EXPECT_EQ(graph.nodes.front().name, "new");
  EXPECT_EQ(text(graph), "a 0, b 1, a>b ");
}

TEST_F(LineageTest, HopsAreBounded) {
  edges({{"a", "b"}, {"b", "c"}, {"c", "d"}});
  EXPECT_EQ(text(MUST(down("a", 0))), "a 0, ...");
  EXPECT_EQ(text(MUST(down("a", 2))), "a 0, b 1, c 2, a>b b>c ...");
  EXPECT_EQ(text(MUST(down("a", 3))), "a 0, b 1, c 2, d 3, a>b b>c c>d ");
  EXPECT_EQ(text(MUST(up("c"))), "c 0, b 1, a 2, a>b b>c ");
}

TEST_F(LineageTest, ACycleIsWalkedOnceAndADiamondByItsShortestWay) {
  edges({{"a", "b"}, {"b", "c"}, {"c", "a"}, {"a", "c"}});
  EXPECT_EQ(text(MUST(down("a"))), "a 0, b 1, c 1, a>b a>c b>c c>a ");
  EXPECT_EQ(text(MUST(up("a"))), "a 0, c 1, b 2, a>b a>c b>c c>a ");
}

TEST_F(LineageTest, ABroadGraphIsCutAndSaysSo) {
  std::vector<Edge> list;
  for (int i = 0; i < kMaxNodes + 5; ++i) list.push_back({"a", fmt::format("b{}", i)});
  edges(list);
  for (const int limit : {7, kMaxNodes}) {
    const Graph graph = MUST(store->walk("a", Direction::kDownstream, {.nodes = limit}));
    EXPECT_EQ(graph.nodes.size(), static_cast<std::size_t>(limit));
    EXPECT_EQ(graph.edges.size(), static_cast<std::size_t>(limit - 1));
    EXPECT_TRUE(graph.truncated);
  }
}

TEST_F(LineageTest, BothWaysAreOneGraph) {
  edges({{"a", "b"}, {"b", "c"}, {"c", "d"}, {"x", "c"}});
  EXPECT_EQ(text(MUST(store->walk("b", Direction::kBoth))), "b 0, a 1, c 1, d 2, a>b b>c c>d ");
  EXPECT_EQ(text(MUST(store->walk("b", Direction::kBoth, {.depth = 1}))), "b 0, a 1, c 1, a>b b>c ...");
  EXPECT_EQ(text(MUST(store->walk("b", Direction::kBoth, {.nodes = 2}))), "b 0, a 1, a>b ...");
}

// Knows "live:1", which came of "a".
class LiveThings : public Source {
 public:
  Result<std::vector<std::string>> neighbours(const std::string& id, Direction direction, int) const override {
    if (id == "live:1" && direction == Direction::kUpstream) return std::vector<std::string>{"a"};
    if (id == "a" && direction == Direction::kDownstream) return std::vector<std::string>{"live:1"};
    return std::vector<std::string>{};
  }
  Result<bool> describe(Node& node) const override {
    if (node.id != "live:1") return false;
    node.name = "alive";
    return true;
  }
};

TEST_F(LineageTest, ASourcesRecordsArePartOfTheGraph) {
  const LiveThings live;
  store->add_source(live);
  edges({{"z", "a"}, {"a", "b"}});
  EXPECT_EQ(text(MUST(up("live:1"))), "live:1 0, a 1, z 2, a>live:1 z>a ");
  EXPECT_EQ(text(MUST(down("a"))), "a 0, b 1, live:1 1, a>b a>live:1 ");
  EXPECT_EQ(MUST(up("live:1", 0)).nodes.front().name, "alive");
}

TEST_F(LineageTest, TheNewestOfANameHasTheGreatestNumber) {
  db::Transaction tx = MUST(database->begin());
  for (const int version : {2, 9, 10}) {
    MUST(store->add_artifact(tx, {.id = fmt::format("dataset:d/{}", version), .kind = "dataset", .name = "d"}));
  }
  MUST(tx.commit());
  EXPECT_EQ(MUST(store->newest("dataset", "d")), "dataset:d/10");
  EXPECT_EQ(MUST(store->newest("dataset", "e")), "");
}

TEST_F(LineageTest, AnUnknownNodeIsNamed) {
  EXPECT_EQ(up("run:x").error().message, "the lineage graph has no node run:x");
}

}  // namespace
}  // namespace millrace::lineage
