#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "openlineage/inbox.h"
#include "openlineage/message.h"
#include "openlineage/outbox.h"
#include "openlineage/poster.h"

namespace millrace::openlineage {
namespace {

using lineage::Direction;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OpenLineageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    lineage = MUST(lineage::Store::open(*database));
    log = MUST(events::Log::open(*database));
    inbox = MUST(Inbox::open({*database, *lineage, clock, "millrace"}));
    outbox.emplace(Outbox::Parts{*log, *lineage, "millrace", "urn:millrace:test"});
    const auto tx_of = [&] { return MUST(database->begin()); };
    db::Transaction tx = tx_of();
    for (const int version : {9, 10}) {
      MUST(lineage->add_artifact(
          tx, {.id = fmt::format("dataset:flights/{}", version), .kind = "dataset", .name = "flights"}));
    }
    MUST(tx.commit());
  }

  static Json event(const std::string& type, const std::string& time, const Json& inputs, const Json& outputs) {
    return {{"eventType", type},
            {"eventTime", time},
            {"producer", "https://x.org"},
            {"schemaURL", "https://openlineage.io/spec/2-0-2/OpenLineage.json"},
            {"run", {{"runId", "6f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77"}}},
            {"job", {{"namespace", "airflow"}, {"name", "load"}}},
            {"inputs", inputs},
            {"outputs", outputs}};
  }
  static Json dataset(const std::string& name_space, const std::string& name, const std::string& version = {}) {
    Json json{{"namespace", name_space}, {"name", name}};
    if (!version.empty()) json["facets"]["version"] = {{"datasetVersion", version}};
    return json;
  }
  std::vector<std::string> walk(const std::string& id, Direction direction) const {
    std::vector<std::string> ids;
    for (const auto& node : MUST(lineage->walk(id, direction)).nodes) ids.push_back(node.id);
    return ids;
  }
  void publish(const std::string& type, const std::string& subject, const Json& data) {
    db::Transaction tx = MUST(database->begin());
    MUST(log->publish(tx, type, subject, Timestamp{1'000'000}, data));
    MUST(tx.commit());
  }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000}};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> log;
  std::unique_ptr<Inbox> inbox;
  std::optional<Outbox> outbox;
};

TEST_F(OpenLineageTest, JobsOfOthersAreJoinedWithOwnDataByName) {
  MUST(inbox->take(
      event("COMPLETE", "2026-01-01T00:00:00Z", Json::array({dataset("s3://lake", "raw.csv")}),
            Json::array({dataset("millrace", "dataset:flights"), dataset("millrace", "dataset:flights", "9")}))));
  EXPECT_THAT(walk("dataset:flights/10", Direction::kUpstream),
              ElementsAre("dataset:flights/10", "job:airflow#load", "dataset:s3://lake#raw.csv"));
  EXPECT_THAT(walk("dataset:s3://lake#raw.csv", Direction::kDownstream),
              ElementsAre("dataset:s3://lake#raw.csv", "job:airflow#load", "dataset:flights/10", "dataset:flights/9"));
}

TEST_F(OpenLineageTest, AJobSaysHowItsLastRunWentWhateverComesLate) {
  MUST(inbox->take(event("COMPLETE", "2026-01-02T00:00:00Z", Json::array(), Json::array())));
  MUST(inbox->take(
      event("START", "2026-01-01T00:00:00Z", Json::array({dataset("s3://lake", "late.csv")}), Json::array())));
  const auto graph = MUST(lineage->walk("job:airflow#load", Direction::kUpstream));
  EXPECT_EQ(graph.nodes.at(0).data["state"], "COMPLETE");
  EXPECT_EQ(graph.nodes.size(), 2U);
}

TEST_F(OpenLineageTest, TheSameEventIsKeptOnceAndSaysWhoSentIt) {
  const ActingFor acting("airflow");
  const Json sent = event("START", "2026-01-01T00:00:00Z", Json::array(), Json::array());
  MUST(inbox->take(sent));
  MUST(inbox->take(sent));
  const auto kept = MUST(inbox->list(0, 10));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].event, sent);
  EXPECT_EQ(kept[0].who, "airflow");
  EXPECT_THAT(MUST(inbox->list(kept[0].id, 10)), IsEmpty());
}

TEST_F(OpenLineageTest, ABadEventChangesNothing) {
  EXPECT_EQ(inbox->take(Json::object()).error().code, Code::kInvalidArgument);
  EXPECT_THAT(MUST(inbox->list(0, 10)), IsEmpty());
}

TEST_F(OpenLineageTest, OurOwnEventsSentBackAddNothing) {
  Json own =
      event("COMPLETE", "2026-01-01T00:00:00Z", Json::array(), Json::array({dataset("millrace", "dataset:flights")}));
  own["job"]["namespace"] = "millrace";
  MUST(inbox->take(own));
  EXPECT_THAT(walk("dataset:flights/10", Direction::kUpstream), ElementsAre("dataset:flights/10"));
}

TEST_F(OpenLineageTest, AStepIsToldWithItsParentAndItsData) {
  db::Transaction tx = MUST(database->begin());
  MUST(lineage->add_execution(tx, {.id = "step:r1/train", .kind = "step", .name = "retrain/train"}));
  MUST(lineage->add_artifact(tx, {.id = "output:r1/train/model", .kind = "output", .name = "train.model"}));
  MUST(lineage->add_edge(tx, "dataset:flights/10", "step:r1/train"));
  MUST(lineage->add_edge(tx, "step:r1/train", "output:r1/train/model"));
  MUST(tx.commit());
  publish("pipeline_run.started", "retrain", {{"run", "r1"}});
  publish("pipeline_run.step", "retrain", {{"run", "r1"}, {"step", "train"}, {"status", "running"}});
  publish("pipeline_run.step", "retrain", {{"run", "r1"}, {"step", "train"}, {"status", "succeeded"}});
  publish("pipeline_run.finished", "retrain", {{"run", "r1"}, {"status", "failed"}});
  const auto page = MUST(outbox->list(0, 100));
  ASSERT_EQ(page.messages.size(), 4U);
  EXPECT_EQ(page.messages[0].message["eventType"], "START");
  const Json& done = page.messages[2].message;
  EXPECT_EQ(done["eventType"], "COMPLETE");
  EXPECT_EQ(done["job"]["name"], "retrain.train");
  EXPECT_EQ(done["run"]["facets"]["parent"]["run"]["runId"], page.messages[0].message["run"]["runId"]);
  EXPECT_EQ(done["inputs"][0]["name"], "dataset:flights");
  EXPECT_EQ(done["inputs"][0]["facets"]["version"]["datasetVersion"], "10");
  EXPECT_EQ(done["outputs"][0]["name"], "output:train.model");
  EXPECT_EQ(page.messages[3].message["eventType"], "FAIL");
  for (const Told& told : page.messages) EXPECT_TRUE(read_message(told.message)) << dump_json(told.message);
  EXPECT_THAT(MUST(outbox->list(page.next, 100)).messages, IsEmpty());
}

TEST_F(OpenLineageTest, ABatchARefusalAndAVersionAreTold) {
  publish("dataset.version_created", "flights", {{"version", 10}});
  publish("dataset.batch_rejected", "flights", {{"message", "no column x"}});
  publish("model_version.registered", "delays", {{"version", 3}, {"run_id", ""}, {"description", "d"}});
  publish("clock.advanced", "clock", Json::object());
  const auto page = MUST(outbox->list(0, 100));
  std::vector<std::string> told;
  for (const auto& [event, message] : page.messages)
    told.push_back(message["job"]["name"].get<std::string>() + " " + message["eventType"].get<std::string>());
  EXPECT_THAT(told, ElementsAre("ingest.flights START", "ingest.flights COMPLETE", "ingest.flights START",
                                "ingest.flights FAIL", "register.delays START", "register.delays COMPLETE"));
  EXPECT_EQ(page.messages[1].message["outputs"][0]["name"], "dataset:flights");
  EXPECT_EQ(page.messages[3].message["run"]["facets"]["errorMessage"]["message"], "no column x");
  EXPECT_EQ(page.next, 4);
}

TEST_F(OpenLineageTest, AnAddressMustBeOne) {
  EXPECT_EQ(Poster::start(*database, *outbox, {.url = "ftp://x"}).error().code, Code::kInvalidArgument);
}

TEST(WaitAfter, GrowsUpToAMinute) {
  EXPECT_EQ(wait_after(1), std::chrono::seconds(1));
  EXPECT_EQ(wait_after(3), std::chrono::seconds(4));
  EXPECT_EQ(wait_after(1000), std::chrono::minutes(1));
}

}  // namespace
}  // namespace millrace::openlineage
