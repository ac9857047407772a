#include "registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/event.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "registry/schema.h"

namespace millrace::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    lineage = MUST(lineage::Store::open(*database));
    events = MUST(events::Log::open(*database));
    store = MUST(Store::open({*database, *lineage, *events, clock}));
  }

  // Model "delays" with versions 1 to `count`.
  void make_versions(int count) {
    MUST(store->ensure_model("delays"));
    for (int i = 0; i < count; ++i) MUST(store->create_version({.model = "delays", .source = "artifacts:m"}));
  }
  Result<bool> set_alias(const std::string& alias, std::int64_t version,
                         std::optional<std::int64_t> expected = std::nullopt) {
    return store->set_alias({.model = "delays",
                             .alias = alias,
                             .version = version,
                             .reason = "a test",
                             .pipeline_run = "p1",
                             .expected_previous = expected});
  }
  std::vector<Json> event_data(const std::string& type) {
    std::vector<Json> out;
    for (const auto& event : MUST(events->list(0, 100, {.type = type}))) {
      EXPECT_EQ(event.subject, "delays");
      out.push_back(event.data);
    }
    return out;
  }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000}};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<Store> store;
};

TEST_F(RegistryTest, AModelIsMadeOnce) {
  EXPECT_EQ(MUST(store->create_model({.name = "delays", .description = "late?"})).description, "late?");
  EXPECT_EQ(store->create_model({.name = "delays"}).error().message, "registered model \"delays\" already exists");
  EXPECT_EQ(MUST(store->ensure_model("delays", "other")).description, "late?");
  EXPECT_EQ(store->find_model("x").error().message, "registered model \"x\" does not exist");
  MUST(store->set_description("delays", "new"));
  EXPECT_EQ(MUST(store->find_model("delays")).description, "new");
}

TEST_F(RegistryTest, NamesFollowMlflow) {
  for (const char* name : {"", " ", "a/b", "a:b", "..", "a\nb"}) {
    EXPECT_EQ(store->create_model({.name = name}).error().code, Code::kInvalidArgument) << name;
  }
  make_versions(1);
  for (const char* alias : {"", "latest", "Latest", "v1", "V12", "a b", "a.b"}) {
    EXPECT_EQ(set_alias(alias, 1).error().code, Code::kInvalidArgument) << alias;
  }
  for (const char* alias : {"champion", "v", "v1a", "12", "a-b_c", "é"}) EXPECT_TRUE(set_alias(alias, 1)) << alias;
}

TEST_F(RegistryTest, ModelsArePagedByName) {
  for (const char* name : {"c", "a", "b"}) MUST(store->create_model({.name = name}));
  const auto first = MUST(store->list_models({.limit = 2}));
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].name, "a");
  const auto second = MUST(store->list_models({.limit = 2, .after = first.next}));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].name, "c");
  EXPECT_EQ(second.next, "");
}

TEST_F(RegistryTest, AVersionIsKeptAndPublished) {
  MUST(store->create_model({.name = "delays"}));
  const ModelVersion made = MUST(store->create_version({.model = "delays",
                                                        .source = "artifacts:models/delays/1",
                                                        .run_id = "r1",
                                                        .signature = "{}",
                                                        .description = "first",
                                                        .pipeline_run = "p1",
                                                        .tags = {{"features", "abc"}},
                                                        .derived_from = {"output:p1/train/model"}}));
  EXPECT_EQ(made.version, 1);
  const ModelVersion found = MUST(store->find_version("delays", 1));
  EXPECT_EQ(found.source, "artifacts:models/delays/1");
  EXPECT_EQ(found.run_id, "r1");
  EXPECT_EQ(found.creation_time.us, 1'000'000);
  ASSERT_EQ(found.tags.size(), 1U);
  EXPECT_EQ(found.tags[0].value, "abc");
  EXPECT_THAT(event_data("model_version.registered"), ElementsAre(Json{{"model", "delays"},
                                                                       {"version", 1},
                                                                       {"source", "artifacts:models/delays/1"},
                                                                       {"run_id", "r1"},
                                                                       {"pipeline_run", "p1"},
                                                                       {"description", "first"},
                                                                       {"tags", {{"features", "abc"}}},
                                                                       {"prompt", false}}));
  const auto graph = MUST(lineage->walk("model:delays/1", lineage::Direction::kUpstream));
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(graph.nodes[1].id, "output:p1/train/model");
  EXPECT_EQ(graph.nodes[2].id, "run:r1");
}

TEST_F(RegistryTest, FaultsOfAVersionAreNamed) {
  EXPECT_EQ(store->create_version({.model = "x", .source = "s"}).error().message,
            "registered model \"x\" does not exist");
  MUST(store->create_model({.name = "delays"}));
  EXPECT_EQ(store->create_version({.model = "delays"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->find_version("delays", 1).error().message, "model \"delays\" has no version 1");
  EXPECT_EQ(store->find_version("x", 1).error().message, "registered model \"x\" does not exist");
  EXPECT_EQ(store->list_versions("x", {}).error().code, Code::kNotFound);
}

TEST_F(RegistryTest, TheSameKeyMakesOneVersion) {
  MUST(store->create_model({.name = "delays"}));
  const NewVersion request{.model = "delays", .source = "s", .key = "p1/register"};
  EXPECT_EQ(MUST(store->create_version(request)).version, 1);
  EXPECT_EQ(MUST(store->create_version(request)).version, 1);
  EXPECT_EQ(event_data("model_version.registered").size(), 1U);
}

TEST_F(RegistryTest, AVersionsNumberIsNeverUsedAgain) {
  make_versions(3);
  MUST(store->delete_version("delays", 3));
  EXPECT_EQ(MUST(store->create_version({.model = "delays", .source = "s"})).version, 4);
  const auto first = MUST(store->list_versions("delays", {.limit = 2}));
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].version, 4);
  EXPECT_EQ(first.items[1].version, 2);
  EXPECT_EQ(MUST(store->list_versions("delays", {.limit = 2, .after = first.next})).items.at(0).version, 1);
}

TEST_F(RegistryTest, AnAliasMovesWithItsEventAndHistory) {
  make_versions(2);
  EXPECT_TRUE(MUST(set_alias("champion", 1)));
  clock.advance(Duration{5});
  EXPECT_TRUE(MUST(set_alias("champion", 2)));
  EXPECT_FALSE(MUST(set_alias("champion", 2)));
  EXPECT_EQ(MUST(store->find_alias("delays", "champion")).version, 2);
  EXPECT_THAT(MUST(store->find_version("delays", 2)).aliases, ElementsAre("champion"));
  EXPECT_THAT(MUST(store->find_version("delays", 1)).aliases, IsEmpty());
  EXPECT_THAT(event_data("model_version.alias_set"), ElementsAre(Json{{"model", "delays"},
                                                                      {"alias", "champion"},
                                                                      {"version", 1},
                                                                      {"previous", nullptr},
                                                                      {"reason", "a test"},
                                                                      {"pipeline_run", "p1"},
                                                                      {"prompt", false}},
                                                                 Json{{"model", "delays"},
                                                                      {"alias", "champion"},
                                                                      {"version", 2},
                                                                      {"previous", 1},
                                                                      {"reason", "a test"},
                                                                      {"pipeline_run", "p1"},
                                                                      {"prompt", false}}));
  const auto history = MUST(store->alias_history("delays", "champion", {})).items;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].version, 2);
  EXPECT_EQ(history[0].previous, 1);
  EXPECT_EQ(history[0].reason, "a test");
  EXPECT_EQ(history[0].pipeline_run, "p1");
  EXPECT_EQ(history[0].event_time.us, 1'000'005);
  EXPECT_EQ(history[1].previous, std::nullopt);
}

TEST_F(RegistryTest, AnAliasMovesOnlyFromWhereItIsExpected) {
  make_versions(3);
  EXPECT_TRUE(MUST(set_alias("champion", 1, 0)));
  const Error error = set_alias("champion", 3, 2).error();
  EXPECT_EQ(error.code, Code::kAborted);
  EXPECT_EQ(error.message,
            "alias \"champion\" of model \"delays\" stands on version 1, not on version 2; look again and decide anew");
  EXPECT_EQ(set_alias("champion", 3, 0).error().code, Code::kAborted);
  EXPECT_TRUE(MUST(set_alias("champion", 3, 1)));
  EXPECT_FALSE(MUST(set_alias("champion", 3, 1)));  // asked again after a lost answer
  EXPECT_EQ(event_data("model_version.alias_set").size(), 2U);
}

TEST_F(RegistryTest, AnAliasNeedsItsVersion) {
  make_versions(1);
  EXPECT_EQ(set_alias("champion", 2).error().message, "model \"delays\" has no version 2");
  EXPECT_EQ(store->find_alias("delays", "champion").error().message, "model \"delays\" has no alias \"champion\"");
  EXPECT_EQ(store->find_alias("x", "champion").error().code, Code::kNotFound);
  EXPECT_EQ(store->delete_alias("delays", "champion").error().code, Code::kNotFound);
}

TEST_F(RegistryTest, WhatIsDeletedTakesItsAliasesAndSaysSo) {
  make_versions(2);
  MUST(set_alias("a", 1));
  MUST(set_alias("b", 2));
  MUST(set_alias("c", 2));
  MUST(store->delete_alias("delays", "a", "not wanted"));
  MUST(store->delete_version("delays", 2));
  EXPECT_THAT(MUST(store->find_model("delays")).aliases, IsEmpty());
  EXPECT_EQ(event_data("model_version.alias_deleted").size(), 3U);
  MUST(set_alias("d", 1));
  MUST(store->delete_model("delays"));
  EXPECT_EQ(store->find_model("delays").error().code, Code::kNotFound);
  const auto first = MUST(store->alias_history("delays", "", {.limit = 5}));
  ASSERT_EQ(first.items.size(), 5U);
  EXPECT_EQ(first.items[0].alias, "d");
  EXPECT_EQ(first.items[0].version, std::nullopt);
  EXPECT_EQ(MUST(store->alias_history("delays", "", {.limit = 5, .after = first.next})).items.size(), 3U);
}

TEST_F(RegistryTest, TagsAreSetAndDeleted) {
  make_versions(1);
  MUST(store->set_tag("delays", {"team", "ops"}));
  MUST(store->set_version_tag("delays", 1, {"gate", "passed"}));
  MUST(store->set_version_tag("delays", 1, {"gate", "failed"}));
  EXPECT_EQ(MUST(store->find_model("delays")).tags.at(0).value, "ops");
  EXPECT_EQ(MUST(store->find_version("delays", 1)).tags.at(0).value, "failed");
  MUST(store->delete_tag("delays", "team"));
  MUST(store->delete_version_tag("delays", 1, "gate"));
  EXPECT_EQ(store->delete_tag("delays", "team").error().code, Code::kNotFound);
  EXPECT_EQ(store->delete_version_tag("delays", 1, "gate").error().code, Code::kNotFound);
  EXPECT_EQ(store->set_tag("x", {"k", "v"}).error().code, Code::kNotFound);
  EXPECT_EQ(store->set_tag("delays", {"", "v"}).error().code, Code::kInvalidArgument);
}

TEST_F(RegistryTest, ThreadsRegisterVersionsOneAfterTheOther) {
  MUST(store->create_model({.name = "delays"}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) MUST(store->create_version({.model = "delays", .source = "s"}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(MUST(store->list_versions("delays", {})).items.at(0).version, 20);
  EXPECT_EQ(event_data("model_version.registered").size(), 20U);
}

TEST_F(RegistryTest, ARenamedModelKeepsAllAndSaysSo) {
  make_versions(2);
  MUST(set_alias("champion", 2));
  MUST(store->set_version_tag("delays", 2, {"gate", "passed"}));
  MUST(store->create_model({.name = "taken"}));
  EXPECT_EQ(store->rename_model("delays", "taken").error().code, Code::kAlreadyExists);
  EXPECT_EQ(store->rename_model("none", "new").error().code, Code::kNotFound);
  EXPECT_EQ(store->rename_model("delays", "a/b").error().code, Code::kInvalidArgument);
  EXPECT_EQ(MUST(store->rename_model("delays", "late")).name, "late");
  EXPECT_EQ(store->find_model("delays").error().code, Code::kNotFound);
  const ModelVersion champion = MUST(store->find_alias("late", "champion"));
  EXPECT_EQ(champion.version, 2);
  EXPECT_EQ(champion.tags.at(0).value, "passed");
  EXPECT_EQ(MUST(store->create_version({.model = "late", .source = "s"})).version, 3);
  EXPECT_EQ(MUST(events->list(0, 10, {.type = "model_version.alias_set", .subject = "late"})).size(), 1U);
  EXPECT_EQ(event_data("model_version.alias_deleted").size(), 1U);
  EXPECT_EQ(MUST(lineage->walk("model:late/2", lineage::Direction::kUpstream)).nodes.at(1).id, "model:delays/2");
}

TEST_F(RegistryTest, AStageHasOneVersionWhereOthersAreArchived) {
  make_versions(3);
  EXPECT_EQ(MUST(store->set_stage("delays", 1, Stage::kProduction, Others::kStay)).stage, Stage::kProduction);
  MUST(store->set_stage("delays", 2, Stage::kProduction, Others::kArchive));
  EXPECT_EQ(MUST(store->find_version("delays", 1)).stage, Stage::kArchived);
  const auto latest = MUST(store->latest_versions("delays", {}));
  ASSERT_EQ(latest.size(), 3U);
  EXPECT_EQ(latest[0].version, 3);  // None
  EXPECT_EQ(latest[1].version, 2);  // Production
  EXPECT_EQ(latest[2].version, 1);  // Archived
  EXPECT_EQ(MUST(store->latest_versions("delays", {Stage::kProduction})).at(0).version, 2);
  EXPECT_THAT(MUST(store->latest_versions("delays", {Stage::kStaging})), IsEmpty());
  EXPECT_EQ(store->set_stage("delays", 1, Stage::kNone, Others::kArchive).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->set_stage("delays", 9, Stage::kNone, Others::kStay).error().code, Code::kNotFound);
  EXPECT_EQ(event_data("model_version.stage_changed").size(), 3U);
  Stage stage{};
  EXPECT_TRUE(from_text("pRoDuCtIoN", stage));
  EXPECT_EQ(to_text(stage), "Production");
  EXPECT_FALSE(from_text("Deleted", stage));
}

TEST_F(RegistryTest, ModelsAndVersionsAreSearched) {
  make_versions(3);
  MUST(store->set_version_tag("delays", 2, {"team", "ops"}));
  MUST(store->create_model({.name = "arrivals", .tags = {{"team", "ops"}}}));
  MUST(store->create_model({.name = "greeting", .tags = {{"mlflow.prompt.is_prompt", "true"}}}));
  MUST(store->create_version({.model = "greeting", .source = "s"}));
  MUST(store->delete_version("delays", 3));
  const auto models = [&](const std::string& filter) {
    std::vector<std::string> names;
    for (const auto& model : MUST(store->search_models({.filter = filter})).items) names.push_back(model.name);
    return names;
  };
  EXPECT_THAT(models(""), ElementsAre("arrivals", "delays"));
  EXPECT_THAT(models("name LIKE 'del%'"), ElementsAre("delays"));
  EXPECT_THAT(models("tags.team = 'ops'"), ElementsAre("arrivals"));
  EXPECT_THAT(models("tags.`mlflow.prompt.is_prompt` = 'true'"), ElementsAre("greeting"));
  EXPECT_THAT(models("tags.`mlflow.prompt.is_prompt` != 'true'"), ElementsAre("arrivals", "delays"));
  const auto versions = [&](const std::string& filter) {
    std::vector<std::string> found;
    for (const auto& version : MUST(store->search_versions({.filter = filter})).items) {
      found.push_back(fmt::format("{}/{}", version.model, version.version));
    }
    return found;
  };
  EXPECT_THAT(versions(""), ElementsAre("delays/2", "delays/1"));
  EXPECT_THAT(versions("name = 'delays' and version_number < 2"), ElementsAre("delays/1"));
  EXPECT_THAT(versions("tags.team = 'ops'"), ElementsAre("delays/2"));
  EXPECT_EQ(store->search_models({.filter = "nothing"}).error().code, Code::kInvalidArgument);
  const auto page = MUST(store->search_models({.limit = 1}));
  EXPECT_EQ(MUST(store->search_models({.limit = 1, .page_token = page.next})).items.at(0).name, "delays");
}

TEST_F(RegistryTest, ATableOfTheFirstMigrationIsTakenOver) {
  auto old = MUST(db::Database::open(home.path() / "old.db"));
  MUST(db::migrate(*old, "registry", std::span(kMigrations).first(1)));
  MUST(old->execute("insert into registered_models values ('delays', 'd', 1, 2, 4)"));
  MUST(old->execute("insert into registered_model_tags values ('delays', 'team', 'ops')"));
  MUST(old->execute("insert into model_versions values ('delays', 1, 's', 'r', '', '', '', 'k', 3, 4)"));
  MUST(old->execute("insert into model_versions values ('delays', 3, 't', '', '', '', '', null, 5, 6)"));
  MUST(old->execute("insert into model_version_tags values ('delays', 3, 'gate', 'passed')"));
  MUST(old->execute("insert into registered_model_aliases values ('delays', 'champion', 3)"));
  auto lines = MUST(lineage::Store::open(*old));
  auto log = MUST(events::Log::open(*old));
  auto opened = MUST(Store::open({*old, *lines, *log, clock}));
  const Model model = MUST(opened->find_model("delays"));
  EXPECT_EQ(model.tags.at(0).value, "ops");
  EXPECT_EQ(model.aliases.at(0).version, 3);
  EXPECT_EQ(MUST(opened->find_alias("delays", "champion")).tags.at(0).value, "passed");
  EXPECT_EQ(MUST(opened->find_version("delays", 1)).run_id, "r");
  EXPECT_EQ(MUST(opened->create_version({.model = "delays", .source = "u", .key = "k"})).version, 1);
  EXPECT_EQ(MUST(opened->create_version({.model = "delays", .source = "u"})).version, 4);
}

}  // namespace
}  // namespace millrace::registry
