#include <gmock/gmock.h>

#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

DatasetInput input(std::string name, std::string context) {
  return {.dataset = {.name = std::move(name), .digest = "d", .source_type = "local", .source = "{}"},
          .tags = {{"mlflow.data.context", std::move(context)}}};
}

using InputsTest = TrackingTest;

TEST_F(InputsTest, ARunKnowsWhatItReadAndMade) {
  const std::string id = MUST(store->create_run({})).id;
  MUST(store->log_inputs(id, {input("flights", "training"), input("weather", "eval")}, {"m-1"}));
  MUST(store->log_inputs(id, {input("flights", "again")}, {"m-1"}));
  MUST(store->log_outputs(id, {{"m-2", 3}, {"m-3", 1}}));
  const tracking::Run run = MUST(store->find_run(id));
  ASSERT_THAT(run.inputs, SizeIs(2));
  EXPECT_EQ(run.inputs[0].dataset.name, "flights");
  EXPECT_EQ(run.inputs[0].dataset.schema, std::nullopt);
  EXPECT_EQ(run.inputs[0].tags.at(0).value, "training");
  EXPECT_THAT(run.model_inputs, ElementsAre("m-1"));
  ASSERT_THAT(run.model_outputs, SizeIs(2));
  EXPECT_EQ(run.model_outputs[0].model_id, "m-3");
  EXPECT_EQ(run.model_outputs[1].step, 3);
}

TEST_F(InputsTest, DatasetsOfExperimentsAreListedOnceForEachUse) {
  const std::string first = MUST(store->create_run({.experiment = "a"})).id;
  const std::string second = MUST(store->create_run({.experiment = "a"})).id;
  MUST(store->log_inputs(first, {input("flights", "training")}, {}));
  MUST(store->log_inputs(second, {input("flights", "training")}, {}));
  EXPECT_THAT(MUST(store->list_datasets({"1"})), SizeIs(1));
  MUST(store->log_inputs(MUST(store->create_run({.experiment = "a"})).id, {input("flights", "eval")}, {}));
  const auto found = MUST(store->list_datasets({"0", "1"}));
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].context, "eval");
  EXPECT_EQ(found[0].experiment_id, "1");
  EXPECT_THAT(MUST(store->list_datasets({"0"})), IsEmpty());
}

TEST_F(InputsTest, WhatIsTooLongIsRefused) {
  const std::string id = MUST(store->create_run({})).id;
  EXPECT_EQ(store->log_inputs(id, {input(std::string(501, 'x'), "c")}, {}).error().message,
            "'name' exceeds the maximum length of 500 characters");
  EXPECT_EQ(store->log_inputs(id, {input("n", std::string(501, 'x'))}, {}).error().message,
            "'value' exceeds the maximum length of 500 characters");
}

TEST_F(InputsTest, AnArtifactLocationOfItsOwnIsWhereRunsAndModelsGo) {
  MUST(store->create_experiment({.name = "s3", .artifact_location = "s3://bucket/here/?region=x"}));
  const tracking::Run run = MUST(store->create_run({.experiment = "s3"}));
  EXPECT_EQ(run.artifact_uri, "s3://bucket/here/" + run.id + "/artifacts?region=x");
  const LoggedModel model = MUST(models->create({.experiment_id = "1"}));
  EXPECT_EQ(model.artifact_uri, "s3://bucket/here/models/" + model.id + "/artifacts?region=x");
  EXPECT_FALSE(store->create_experiment({.name = "r", .artifact_location = "runs:/x"}));
}

}  // namespace
}  // namespace millrace::tracking
