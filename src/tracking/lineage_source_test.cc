#include "tracking/lineage_source.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "lineage/graph.h"
#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using lineage::Direction;
using ::testing::ElementsAre;

class LineageSourceTest : public TrackingTest {
 protected:
  void SetUp() override {
    TrackingTest::SetUp();
    source = std::make_unique<LineageSource>(*database);
    lineage->add_source(*source);
  }
  std::vector<std::string> walk(const std::string& id, Direction direction) const {
    std::vector<std::string> ids;
    for (const auto& node : MUST(lineage->walk(id, direction)).nodes) ids.push_back(node.id);
    return ids;
  }
  static DatasetInput input(std::string name, std::string source) {
    return {.dataset = {.name = std::move(name), .digest = "d1", .source_type = "http", .source = std::move(source)}};
  }

  std::unique_ptr<LineageSource> source;
};

TEST_F(LineageSourceTest, WhatMlflowsClientsLogIsInTheGraph) {
  const std::string trained = MUST(store->create_run({.name = "train"})).id;
  const std::string scored = MUST(store->create_run({.name = "score"})).id;
  MUST(store->log_inputs(trained, {input("flights", R"({"uri": "s3://lake/flights.csv"})")}, {}));
  const std::string model = MUST(models->create({.experiment_id = "0", .source_run_id = trained})).id;
  MUST(store->log_inputs(scored, {}, {model}));

  EXPECT_THAT(walk("run:" + scored, Direction::kUpstream),
              ElementsAre("run:" + scored, "logged_model:" + model, "run:" + trained, "dataset:flights@d1",
                          "dataset:s3://lake#flights.csv"));
  EXPECT_THAT(walk("dataset:s3://lake#flights.csv", Direction::kDownstream),
              ElementsAre("dataset:s3://lake#flights.csv", "dataset:flights@d1", "run:" + trained,
                          "logged_model:" + model, "run:" + scored));
}

TEST_F(LineageSourceTest, ARunSaysWhoMadeItOfWhichCommitAndWhetherItIsDeleted) {
  const std::string id =
      MUST(store->create_run({.name = "train", .user_id = "ann", .tags = {{"mlflow.source.git.commit", "c0ffee"}}})).id;
  MUST(store->delete_run(id));
  const auto node = MUST(lineage->walk("run:" + id, Direction::kBoth)).nodes.front();
  EXPECT_EQ(node.name, "train");
  EXPECT_EQ(node.data["experiment"], "Default");
  EXPECT_EQ(node.data["user"], "ann");
  EXPECT_EQ(node.data["commit"], "c0ffee");
  EXPECT_EQ(node.data["deleted"], true);
}

TEST_F(LineageSourceTest, OneDatasetOfTwoExperimentsIsOneNode) {
  std::vector<std::string> runs;
  for (const char* experiment : {"a", "b"}) {
    runs.push_back("run:" + MUST(store->create_run({.experiment = experiment})).id);
    MUST(store->log_inputs(runs.back().substr(4), {input("x@y", "{}")}, {}));
  }
  std::ranges::sort(runs);
  EXPECT_THAT(walk("dataset:x@y@d1", Direction::kDownstream), ElementsAre("dataset:x@y@d1", runs[0], runs[1]));
}

TEST(ExternalDatasetNode, IsTheUriTakenApart) {
  struct Case {
    std::string source, node;
  };
  for (const auto& [given, node] :
       {Case{R"({"uri": "s3://b/a/c"})", "dataset:s3://b#a/c"},
        Case{R"({"url": "https://x.org/d.csv"})", "dataset:https://x.org#d.csv"}, Case{R"({"uri": "/tmp/x.csv"})", ""},
        Case{R"({"uri": "s3://b"})", ""}, Case{R"({"uri": 7})", ""}, Case{"://", ""}, Case{"", ""}}) {
    EXPECT_EQ(external_dataset_node(given), node) << given;
  }
}

}  // namespace
}  // namespace millrace::tracking
