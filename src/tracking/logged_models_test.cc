#include "tracking/logged_models.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tracking/home_for_tests.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class LoggedModelsTest : public TrackingTest {
 protected:
  std::string make(const std::string& name) {
    clock.advance(Duration{1000});
    return MUST(models->create({.experiment_id = "0", .name = name})).id;
  }
  std::vector<std::string> search(const ModelSearch& asked) {
    std::vector<std::string> names;
    for (const LoggedModel& model : MUST(models->search(asked)).items) names.push_back(model.name);
    return names;
  }
  void measure(const std::string& model, double auc, const std::string& dataset, std::int64_t step) {
    const std::string run = MUST(store->create_run({.key = "measures"})).id;
    MUST(store->log_batch(run, {.metrics = {{"auc", auc, Timestamp{step}, step, model, dataset, "d"}}}));
  }
};

TEST_F(LoggedModelsTest, AModelIsKeptWhole) {
  const LoggedModel made = MUST(models->create({.experiment_id = "0",
                                                .model_type = "Agent",
                                                .source_run_id = "r",
                                                .params = {{"b", "2"}, {"a", "1"}},
                                                .tags = {{"t", "1"}}}));
  EXPECT_THAT(made.id, StartsWith("m-"));
  EXPECT_THAT(made.name, ::testing::MatchesRegex("[a-z]+-[a-z]+-[0-9]+"));
  EXPECT_EQ(made.artifact_uri, "mlflow-artifacts:/0/models/" + made.id + "/artifacts");
  EXPECT_EQ(made.status, ModelStatus::kPending);
  ASSERT_THAT(made.params, SizeIs(2));
  EXPECT_EQ(made.params[0].key, "a");
  clock.advance(Duration{5});
  EXPECT_EQ(MUST(models->set_status(made.id, ModelStatus::kReady)).last_update_time, clock.now());
  MUST(models->log_params(made.id, {{"a", "1"}, {"c", "3"}}));
  EXPECT_THAT(models->log_params(made.id, {{"a", "2"}}).error().message, HasSubstr("not allowed"));
  MUST(models->set_tags(made.id, {{"t", "2"}, {"t", "3"}}));
  EXPECT_EQ(MUST(models->find(made.id)).tags.at(0).value, "3");
  MUST(models->delete_tag(made.id, "t"));
  EXPECT_EQ(models->delete_tag(made.id, "t").error().code, Code::kNotFound);
}

TEST_F(LoggedModelsTest, ARemovedModelIsHidden) {
  const std::string id = make("a");
  MUST(models->remove(id));
  EXPECT_EQ(models->find(id).error().message, "Logged model with ID '" + id + "' not found.");
  EXPECT_EQ(MUST(models->find(id, Deleted::kShown)).lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_THAT(search({.experiment_ids = {"0"}}), SizeIs(0));
  EXPECT_EQ(models->remove("m-none").error().code, Code::kNotFound);
}

TEST_F(LoggedModelsTest, NamesAndExperimentsAreChecked) {
  for (const char* name : {"", "a/b", "a:b", "a.b", "a%", "a\"", "a'"}) {
    EXPECT_EQ(models->create({.experiment_id = "0", .name = name}).error().code, Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(models->create({.experiment_id = "9"}).error().code, Code::kNotFound);
  MUST(store->delete_experiment("0"));
  EXPECT_EQ(models->create({.experiment_id = "0"}).error().code, Code::kFailedPrecondition);
}

TEST_F(LoggedModelsTest, MetricsOfAModelStandWithItAndWithTheRun) {
  const std::string id = make("a");
  measure(id, std::nan(""), "flights", 1);
  measure(id, 0.5, "", 2);
  const auto metrics = MUST(models->find(id)).metrics;
  ASSERT_THAT(metrics, SizeIs(2));
  EXPECT_TRUE(std::isnan(metrics[0].metric.value));
  EXPECT_EQ(metrics[0].metric.dataset_name, "flights");
  EXPECT_EQ(metrics[1].metric.model_id, id);
  EXPECT_EQ(latest(metrics[1].run_id, "auc").value, 0.5);
  const std::string run = metrics[1].run_id;
  EXPECT_EQ(batch_fault(run, {.metrics = {{"x", 1, {}, 0, "m-none"}}}), Code::kNotFound);
  EXPECT_EQ(latest(run, "x").key, "");
}

TEST_F(LoggedModelsTest, ModelsAreFoundByWhatTheyAreAndMeasured) {
  const std::string a = make("a"), b = make("b"), c = make("c");
  measure(a, 0.9, "x", 1);
  measure(a, 0.1, "x", 2);
  measure(b, 0.5, "x", 3);
  measure(c, 0.7, "it's", 4);
  EXPECT_THAT(search({.experiment_ids = {"0"}}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .filter = "metrics.auc > 0.6"}), ElementsAre("c", "a"));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .filter = "metrics.auc > 0.6", .datasets = {{"x", ""}}}),
              ElementsAre("a"));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .datasets = {{"it's", "d"}}}), ElementsAre("c"));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .datasets = {{"it's", "e"}}}), SizeIs(0));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .order_by = {{.field = "metrics.auc"}}}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(search({.experiment_ids = {"0"}, .order_by = {{"metrics.auc", false, {"x", ""}}}}),
              ElementsAre("b", "a", "c"));
  EXPECT_THAT(search({.experiment_ids = {"1"}}), SizeIs(0));
}

TEST_F(LoggedModelsTest, APageBelongsToItsSearch) {
  for (const char* name : {"a", "b", "c"}) make(name);
  ModelSearch asked{.experiment_ids = {"0"}, .max_results = 2, .order_by = {{.field = "name"}}};
  const auto first = MUST(models->search(asked));
  asked.page_token = first.next;
  const auto second = MUST(models->search(asked));
  ASSERT_THAT(second.items, SizeIs(1));
  EXPECT_EQ(second.items[0].name, "c");
  EXPECT_EQ(second.next, "");
  asked.filter = "name != 'x'";
  EXPECT_THAT(models->search(asked).error().message, HasSubstr("page token"));
}

}  // namespace
}  // namespace millrace::tracking
