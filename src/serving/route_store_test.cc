#include "serving/route_store.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/event.h"
#include "events/events.h"

namespace millrace::serving {
namespace {

class RouteStoreTest : public ::testing::Test {
 protected:
  // As after a restart.
  void open() {
    store_.reset();
    events_.reset();
    db_.reset();
    db_ = db::open_for_test(folder_.path());
    events_ = MUST(events::Log::open(*db_));
    store_ = MUST(RouteStore::open({*db_, *events_, clock_}));
  }

  std::vector<events::Event> changes() { return MUST(events_->list(0, 100, {.type = "endpoint.routes_changed"})); }

  static RoutesSpec split(double champion, double challenger) {
    return {.arms = {{.name = "champion", .alias = "champion", .weight = champion},
                     {.name = "challenger", .alias = "challenger", .weight = challenger}}};
  }

  TemporaryDirectory folder_;
  ManualClock clock_{Timestamp{1'000'000}};
  std::unique_ptr<db::Database> db_;
  std::unique_ptr<events::Log> events_;
  std::unique_ptr<RouteStore> store_;
};

TEST_F(RouteStoreTest, WhatWasSetByHandOutlivesARestartAndSaysWhoAndWhy) {
  open();
  MUST(store_->declare("e", split(90, 10)));
  EXPECT_TRUE(changes().empty()) << "nothing was before";
  {
    const ActingFor ann("ann");
    MUST(store_->set("e", split(50, 50), "it does well"));
  }
  open();
  MUST(store_->declare("e", split(90, 10)));
  const auto found = MUST(store_->find_override("e"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->routes, split(50, 50));
  EXPECT_EQ(found->who, "ann");
  EXPECT_EQ(found->reason, "it does well");
  ASSERT_EQ(changes().size(), 1U);
  const events::Event event = changes().front();
  EXPECT_EQ(event.subject, "e");
  EXPECT_EQ(event.who, "ann");
  EXPECT_EQ(event.data["source"], "hand");
  EXPECT_EQ(event.data["reason"], "it does well");
  EXPECT_EQ(event.data["previous"]["arms"][1]["weight"], 10.0);
  EXPECT_EQ(event.data["routes"]["arms"][1]["weight"], 50.0);
}

TEST_F(RouteStoreTest, TheDocumentsOwnChangeWins) {
  open();
  MUST(store_->declare("e", split(90, 10)));
  MUST(store_->set("e", split(50, 50), "why not"));
  EXPECT_TRUE(MUST(store_->find_override("e", split(90, 10))));
  EXPECT_FALSE(MUST(store_->find_override("e", split(80, 20))));
  MUST(store_->declare("e", split(80, 20)));
  EXPECT_FALSE(MUST(store_->find_override("e")));
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[1].data["source"], "document");
  EXPECT_EQ(changes()[1].data["previous"]["arms"][0]["weight"], 50.0);
}

TEST_F(RouteStoreTest, AResetGoesBackToTheDocument) {
  open();
  MUST(store_->declare("e", split(90, 10)));
  MUST(store_->reset("e", "nothing to reset"));
  MUST(store_->set("e", split(50, 50), "try"));
  MUST(store_->set("e", split(50, 50), "again"));
  MUST(store_->reset("e", "it did badly"));
  EXPECT_FALSE(MUST(store_->find_override("e")));
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_EQ(changes()[1].data["source"], "reset");
  EXPECT_EQ(changes()[1].data["reason"], "it did badly");
}

TEST_F(RouteStoreTest, ABanditsEvidenceIsKept) {
  open();
  RoutesSpec routes = split(1, 1);
  routes.bandit = BanditSpec{};
  MUST(store_->declare("e", routes));
  EXPECT_FALSE(MUST(store_->find_routes("e", routes)).evidence);
  const BanditEvidence evidence{.versions = {{1, {10, 2.5}}, {2, {8, 4}}}, .as_of = Timestamp{42}};
  MUST(store_->update_bandit({"e", "label", evidence, {{"champion", 1, 0.1}, {"challenger", 2, 0.9}}}));
  open();
  const auto found = MUST(store_->find_routes("e", routes)).evidence;
  ASSERT_TRUE(found);
  EXPECT_EQ(found->versions, evidence.versions);
  EXPECT_EQ(found->as_of, Timestamp{42});
  EXPECT_FALSE(MUST(store_->find_routes("e", split(1, 1))).evidence) << "without a bandit";
  const auto updates = MUST(events_->list(0, 10, {.type = "endpoint.bandit_updated"}));
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(dump_json(updates[0].data),
            R"({"reward":"label","arms":[{"name":"champion","version":1,"trials":10.0,"reward":2.5,"share":0.1},)"
            R"({"name":"challenger","version":2,"trials":8.0,"reward":4.0,"share":0.9}]})");
  MUST(store_->remove("e"));
  EXPECT_FALSE(MUST(store_->find_evidence("e")));
}

TEST_F(RouteStoreTest, EveryChangeNeedsAReasonAndAnEndpoint) {
  open();
  MUST(store_->declare("e", split(90, 10)));
  EXPECT_EQ(store_->set("e", split(1, 1), "").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_->reset("e", "").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_->set("f", split(1, 1), "why").error().code, Code::kNotFound);
  MUST(store_->set("e", split(1, 1), "why"));
  MUST(store_->remove("e"));
  MUST(store_->declare("e", split(90, 10)));
  EXPECT_FALSE(MUST(store_->find_override("e")));
}

}  // namespace
}  // namespace millrace::serving
