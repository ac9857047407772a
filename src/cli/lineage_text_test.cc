#include "cli/lineage_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::cli {
namespace {

Json diamond() {
  return {{"nodes",
           {{{"id", "model:delays/3"}, {"name", "delays"}, {"hops", 0}},
            {{"id", "step:r/train"}, {"name", "train"}, {"event_time", "2001-04-02T00:00:00Z"}, {"hops", 1}},
            {{"id", "run:77"}, {"name", "brave-owl"}, {"hops", 1}},
            {{"id", "dataset:flights/12"}, {"name", "flights"}, {"hops", 2}}}},
          {"edges",
           {{{"from", "run:77"}, {"to", "model:delays/3"}},
            {{"from", "step:r/train"}, {"to", "model:delays/3"}},
            {{"from", "step:r/train"}, {"to", "run:77"}},
            {{"from", "dataset:flights/12"}, {"to", "step:r/train"}}}},
          {"truncated", false}};
}

TEST(LineageText, IsATreeWithEachBranchOnce) {
  EXPECT_EQ(lineage_text(diamond(), "model:delays/3", Direction::kUpstream),
            "model:delays/3\n"
            "  run:77  brave-owl\n"
            "    step:r/train  2001-04-02 00:00\n"
            "      dataset:flights/12\n"
            "  step:r/train  2001-04-02 00:00  (above)\n");
}

TEST(LineageText, GoesDownstream) {
  EXPECT_EQ(lineage_text(diamond(), "run:77", Direction::kDownstream), "run:77  brave-owl\n  model:delays/3\n");
}

TEST(LineageText, AChainOfVersionsIsOneLine) {
  auto edges = Json::array();
  for (int version = 1; version < 9; ++version)
    edges.push_back(
        {{"from", fmt::format("dataset:flights/{}", version)}, {"to", fmt::format("dataset:flights/{}", version + 1)}});
  edges.push_back({{"from", "file:a.parquet"}, {"to", "dataset:flights/1"}});
  Json graph{{"nodes", Json::array()}, {"edges", edges}};
  EXPECT_EQ(lineage_text(graph, "dataset:flights/9", Direction::kUpstream),
            "dataset:flights/9\n"
            "  dataset:flights/8 to dataset:flights/1: 8 versions\n"
            "    file:a.parquet\n");
}

TEST(LineageText, ACycleEnds) {
  Json graph{{"nodes", Json::array()},
             {"edges", {{{"from", "a"}, {"to", "b"}}, {{"from", "b"}, {"to", "a"}}}},
             {"truncated", true}};
  EXPECT_EQ(lineage_text(graph, "a", Direction::kUpstream),
            "a\n  b\n    a  (above)\n(there is more beyond what the server answers at once)\n");
}

}  // namespace
}  // namespace millrace::cli
