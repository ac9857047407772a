#include "lineage/lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "lineage/graph.h"

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
  EXPECT_EQ(to_json(MUST(store->upstream("prediction:delays/77"))), Json::parse(R"({
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
  EXPECT_EQ(MUST(store->downstream("run:r1")).nodes.size(), 3U);
}

TEST_F(LineageTest, AddingAgainChangesTheNodeAndKeepsOneEdge) {
  for (const char* name : {"old", "new"}) {
    db::Transaction tx = MUST(database->begin());
    MUST(store->add_artifact(tx, {.id = "a", .kind = "output", .name = name}));
    MUST(store->add_edge(tx, "a", "b"));
    MUST(tx.commit());
  }
  const Graph graph = MUST(store->downstream("a"));
  EXPECT_EQ(graph.nodes.front().name, "new");
  EXPECT_EQ(text(graph), "a 0, b 1, a>b ");
}

TEST_F(LineageTest, HopsAreBounded) {
  edges({{"a", "b"}, {"b", "c"}, {"c", "d"}});
  EXPECT_EQ(text(MUST(store->downstream("a", 0))), "a 0, ...");
  EXPECT_EQ(text(MUST(store->downstream("a", 2))), "a 0, b 1, c 2, a>b b>c ...");
  EXPECT_EQ(text(MUST(store->downstream("a", 3))), "a 0, b 1, c 2, d 3, a>b b>c c>d ");
  EXPECT_EQ(text(MUST(store->upstream("c"))), "c 0, b 1, a 2, a>b b>c ");
}

TEST_F(LineageTest, ACycleIsWalkedOnceAndADiamondByItsShortestWay) {
  edges({{"a", "b"}, {"b", "c"}, {"c", "a"}, {"a", "c"}});
  EXPECT_EQ(text(MUST(store->downstream("a"))), "a 0, b 1, c 1, a>b a>c b>c c>a ");
  EXPECT_EQ(text(MUST(store->upstream("a"))), "a 0, c 1, b 2, a>b a>c b>c c>a ");
}

TEST_F(LineageTest, ABroadGraphIsCutAndSaysSo) {
  std::vector<Edge> list;
  for (int i = 0; i < kMaxNodes + 5; ++i) list.push_back({"a", fmt::format("b{}", i)});
  edges(list);
  const Graph graph = MUST(store->downstream("a"));
  EXPECT_EQ(graph.nodes.size(), static_cast<std::size_t>(kMaxNodes));
  EXPECT_TRUE(graph.truncated);
}

TEST_F(LineageTest, AnUnknownNodeIsNamed) {
  EXPECT_EQ(store->upstream("run:x").error().message, "the lineage graph has no node run:x");
}

}  // namespace
}  // namespace millrace::lineage
