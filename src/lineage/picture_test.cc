#include "lineage/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "lineage/fold.h"
#include "lineage/label.h"
#include "lineage/layout.h"

namespace millrace::lineage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Node node(std::string id, std::string name = {}) {
  const auto colon = id.find(':');
  return {.id = id, .kind = id.substr(0, colon), .name = std::move(name)};
}

Graph graph_of(const std::vector<Edge>& edges) {
  std::set<std::string> ids;
  for (const Edge& edge : edges) ids.insert(edge.from), ids.insert(edge.to);
  Graph graph{.edges = edges};
  for (const auto& id : ids) graph.nodes.push_back(node(id));
  return graph;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Layout, CausesAreLeftOfWhatCameOfThem) {
  const Graph graph = graph_of({{"a", "b"}, {"b", "d"}, {"a", "c"}, {"c", "d"}, {"x", "d"}});
  const Layout layout = lay_out(graph);
  EXPECT_EQ(layout.layers, (std::vector<int>{0, 1, 1, 2, 1}));  // a b c d, and x just before d
  EXPECT_NEAR(layout.boxes[0].y, layout.boxes[3].y, 60);
  EXPECT_EQ(layout.routes.size(), 5U);
}

TEST(Layout, NoTwoBoxesTouch) {
  std::vector<Edge> edges;
  for (int i = 1; i < 60; ++i) edges.push_back({fmt::format("n{}", (i * 7) % (i < 5 ? 1 : i)), fmt::format("n{}", i)});
  const Layout layout = lay_out(graph_of(edges));
  const LayoutSizes sizes;
  for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (layout.layers[i] != layout.layers[j]) continue;
      EXPECT_GE(std::abs(layout.boxes[i].y - layout.boxes[j].y), sizes.height + sizes.row_gap - 0.01);
    }
    EXPECT_GE(layout.boxes[i].y, 0);
    EXPECT_LE(layout.boxes[i].y + sizes.height, layout.height + 0.01);
  }
}

TEST(Layout, CrossingsThatNeedNotBeAreNot) {
  // Two ladders whose nodes come in the wrong order.
  const Layout layout = lay_out(graph_of({{"a1", "b2"}, {"a2", "b1"}, {"b2", "c1"}, {"b1", "c2"}}));
  EXPECT_EQ(layout.boxes[0].y < layout.boxes[1].y, layout.boxes[3].y < layout.boxes[2].y);
  EXPECT_EQ(layout.boxes[3].y < layout.boxes[2].y, layout.boxes[4].y < layout.boxes[5].y);
}

TEST(Layout, ACycleIsDrawn) {
  const Layout layout = lay_out(graph_of({{"a", "b"}, {"b", "c"}, {"c", "a"}, {"a", "a"}}));
  EXPECT_EQ(layout.layers, (std::vector<int>{0, 1, 2}));
  ASSERT_EQ(layout.routes.size(), 3U);
  EXPECT_GT(layout.routes[2].points.front().x, layout.routes[2].points.back().x);  // c to a, backwards
}

TEST(Layout, NothingIsNothing) { EXPECT_TRUE(lay_out({}).boxes.empty()); }

TEST(Fold, VersionsWithNothingBetweenAreOne) {
  Graph graph = graph_of({{"dataset:f/1", "dataset:f/2"},
                          {"dataset:f/2", "dataset:f/3"},
                          {"dataset:f/3", "dataset:f/4"},
                          {"dataset:f/4", "dataset:f/5"},
                          {"dataset:f/4", "step:r/train"}});
  const Graph folded = fold_versions(graph);
  ASSERT_EQ(folded.nodes.size(), 3U);
  EXPECT_EQ(folded.nodes[0].id, "dataset:f/4");
  EXPECT_EQ(folded.nodes[0].data["versions"], (Json{{"first", 1}, {"last", 4}}));
  EXPECT_EQ(folded.edges, (std::vector<Edge>{{"dataset:f/4", "dataset:f/5"}, {"dataset:f/4", "step:r/train"}}));
  graph.root = "dataset:f/2";
  EXPECT_EQ(fold_versions(graph).nodes.size(), 6U);  // what was asked for stays
}

TEST(Picture, HasABoxForEachNodeAndAPathForEachEdge) {
  Graph graph = graph_of({{"dataset:flights/12", "run:r1"}, {"run:r1", "model:delays/3"}});
  graph.nodes[1].data = {{"version", 3}, {"aliases", {{"champion", "2001-03-01T00:00:00Z"}}}};
  graph.root = "model:delays/3";
  const std::string svg = picture(graph);
  EXPECT_EQ(count(svg, "<rect class=\"box"), 3U);
  EXPECT_EQ(count(svg, "<path class=\"edge\""), 2U);
  EXPECT_EQ(count(svg, "root root-model"), 1U);
  EXPECT_THAT(svg, HasSubstr("version 3 · champion"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_EQ(svg, picture(graph));
}

TEST(Picture, HostileNamesAreOnlyText) {
  for (const std::string& name :
       {std::string("</text><script>alert(1)</script>"), std::string("\" onload=\"alert(1)"),
        std::string("]]><!DOCTYPE x>&x;"), std::string("a\0b\x01\x1b[2J", 9), std::string("\xff\xfe\xc3("),
        std::string("\xe2\x80\xae"
                    "evil"),
        std::string(100'000, '<')}) {
    Graph graph;
    graph.nodes.push_back({.id = "run:" + name, .kind = name, .name = name, .data = {{name, name}}});
    graph.root = graph.nodes.front().id;
    const std::string svg = picture(graph);
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
    EXPECT_THAT(svg, Not(HasSubstr("onload=\"")));
    EXPECT_THAT(svg, Not(HasSubstr("<!DOCTYPE")));
    EXPECT_THAT(svg, Not(HasSubstr("\xe2\x80\xae")));
    EXPECT_EQ(svg.find('\0'), std::string::npos);
    EXPECT_LT(svg.size(), 20'000U);
    EXPECT_TRUE(parse_json(dump_json(svg)));  // is UTF-8
    EXPECT_EQ(dump_json(Json(svg)).find("\\ufffd"), std::string::npos);
  }
}

TEST(Picture, OfManyNodesTheNearestAreDrawn) {
  Graph graph;
  for (int i = 0; i < 1000; ++i) {
    graph.nodes.push_back(node(fmt::format("run:{}", i)));
    graph.nodes.back().hops = i == 0 ? 0 : 1;
    if (i > 0) graph.edges.push_back({"run:0", fmt::format("run:{}", i)});
  }
  const std::string svg = picture(graph);
  EXPECT_EQ(count(svg, "<rect class=\"box"), kMostPictured);
  EXPECT_THAT(svg, HasSubstr("there is more than is drawn"));
}

TEST(Fit, CutsByColumnsAndNeverWithinACharacter) {
  EXPECT_EQ(fit("flights", 7), "flights");
  EXPECT_EQ(fit("flights", 6), "fligh…");
  EXPECT_EQ(fit("größe", 4), "grö…");
  EXPECT_EQ(fit("航班延误", 5), "航班…");
  EXPECT_EQ(fit("", 3), "");
}

TEST(Label, SaysWhatAPersonAsks) {
  struct Case {
    Node node;
    std::string name, detail;
  };
  for (const Case& c : std::vector<Case>{
           {{.id = "dataset:flights/12", .kind = "dataset", .name = "flights"}, "flights", "version 12"},
           {{.id = "dataset:x@d1", .kind = "dataset", .name = "x", .data = {{"digest", "d1"}}}, "x", "digest d1"},
           {{.id = "step:r/train", .kind = "step", .name = "retrain/train", .data = {{"uses", "train"}}},
            "retrain/train",
            "train"},
           {{.id = "endpoint:delays",
             .kind = "endpoint",
             .name = "delays",
             .data = {{"model", "delays"}, {"alias", "champion"}, {"version", 3}}},
            "delays",
            "delays@champion · version 3"},
           {{.id = "run:x", .kind = "run", .name = "", .data = {{"deleted", true}}}, "x", "deleted"}}) {
    const Label label = label_of(c.node);
    EXPECT_EQ(label.name, c.name);
    EXPECT_EQ(label.detail, c.detail);
    EXPECT_EQ(label.tooltip.front(), c.node.id);
  }
}

}  // namespace
}  // namespace millrace::lineage
