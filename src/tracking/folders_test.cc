#include "tracking/folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tracking/home_for_tests.h"
#include "tracking/housekeeping.h"
#include "tracking/tracking.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FoldersTest : public TrackingTest {
 protected:
  std::string make(std::string name, std::vector<Tag> tags = {}) {
    return MUST(store->create_experiment({.name = std::move(name), .tags = std::move(tags)})).id;
  }
  std::string tags_of(const std::string& id) {
    std::string text;
    for (const Tag& tag : MUST(store->find_experiment(id)).tags) text += fmt::format("{}={} ", tag.key, tag.value);
    return text;
  }
  std::string name_of(const std::string& id) { return MUST(store->find_experiment(id)).name; }
  std::string shown(std::string_view path) {
    std::string text;
    const FolderContents contents = MUST(folders().list(path));
    for (const Folder& folder : contents.folders) text += fmt::format("{}/{} ", folder.path, folder.experiments);
    for (const Experiment& experiment : contents.experiments) text += experiment.name + " ";
    return text;
  }
  Folders folders() { return {*database, clock}; }
};

TEST_F(FoldersTest, AreThePathsOfNames) {
  for (const char* name : {"a/b/one", "a/b/two", "a/three", "ab", "a-c/four", "a0/five"}) make(name);
  EXPECT_EQ(shown(""), "a/3 a-c/1 a0/1 Default ab ");
  EXPECT_EQ(shown("a"), "a/b/2 a/three ");
  EXPECT_EQ(shown("a/b/"), "a/b/one a/b/two ");
  EXPECT_EQ(folders().list("ab").error().message, "folder ab does not exist");
  for (const char* path : {"/a", "a//b"}) {
    EXPECT_THAT(folders().list(path).error().message, HasSubstr("is not a folder's path"));
  }
}

TEST_F(FoldersTest, AreMovedWholeOrNotAtAll) {
  const std::string one = make("a/b/one"), two = make("a/b/c/two"), other = make("ab/three");
  EXPECT_EQ(MUST(folders().move("a/b", "x")), 2);
  EXPECT_EQ(name_of(one), "x/one");
  EXPECT_EQ(name_of(two), "x/c/two");
  EXPECT_EQ(name_of(other), "ab/three");
  make("y/c/two");
  EXPECT_EQ(folders().move("x", "y").error().code, Code::kAlreadyExists);
  EXPECT_EQ(name_of(one), "x/one");
  EXPECT_EQ(folders().move("x", "x/c").error().code, Code::kInvalidArgument);
  EXPECT_EQ(folders().move("nope", "z").error().code, Code::kNotFound);
}

TEST_F(FoldersTest, TagsAreInherited) {
  const std::string early = make("a/b/one"), own = make("a/two", {{"team", "blue"}});
  MUST(folders().set_tag("a", {"team", "red"}));
  MUST(folders().set_tag("a/b", {"host", "gpu"}));
  const std::string late = make("a/b/three");
  EXPECT_EQ(tags_of(early), "host=gpu team=red ");
  EXPECT_EQ(tags_of(own), "team=blue ");
  EXPECT_EQ(tags_of(late), "host=gpu team=red ");
  MUST(folders().set_tag("a/b", {"team", "green"}));
  EXPECT_EQ(tags_of(early), "host=gpu team=green ");
  MUST(store->set_experiment_tag(early, {"team", "mine"}));
  MUST(folders().delete_tag("a/b", "team"));
  EXPECT_EQ(tags_of(early), "host=gpu team=mine ");
  EXPECT_EQ(tags_of(late), "host=gpu team=red ");
  MUST(store->delete_experiment_tag(early, "team"));
  EXPECT_EQ(tags_of(early), "host=gpu team=red ");
  MUST(store->rename_experiment(early, "elsewhere"));
  EXPECT_EQ(tags_of(early), "");
  MUST(folders().move("a", "z"));
  EXPECT_EQ(tags_of(late), "host=gpu team=red ");
  EXPECT_EQ(folders().delete_tag("a", "team").error().code, Code::kNotFound);
  EXPECT_EQ(MUST(store->search_experiments({.filter = "tags.team = 'red'"})).items.size(), 1U);
}

class HousekeepingTest : public FoldersTest {
 protected:
  Housekeeping housekeeping() {
    return Housekeeping({.database = *database,
                         .events = *events,
                         .clock = clock,
                         .ids = ids,
                         .remove = [&](std::string_view uri) -> Result<void> {
                           removed.emplace_back(uri);
                           return {};
                         },
                         .find_needs = [&]() -> Result<std::vector<Need>> { return needed; }});
  }
  std::string run_in(const std::string& experiment) {
    const std::string id = MUST(store->create_run({.experiment_id = experiment, .name = "r"})).id;
    MUST(store->log_batch(id, {.metrics = {{"m", 1, Timestamp{1}, 0}, {"m", 2, Timestamp{2}, 1}},
                               .params = {{"p", "v"}},
                               .tags = {{"t", "w"}}}));
    MUST(store->log_inputs(
        id, {{.dataset = {"digits", "d1", "local", "{}"}, .tags = {{"mlflow.data.context", "train"}}}}, {}));
    return id;
  }
  std::int64_t rows(const std::string& table) {
    return MUST(database->query<std::int64_t>("select count(*) from " + table)).front();
  }
  std::vector<std::string> removed;
  std::vector<Need> needed;
};

TEST_F(HousekeepingTest, ARunIsMovedWithWhatItRead) {
  const std::string from = make("from"), to = make("to"), run = run_in(from);
  MUST(housekeeping().move_run(run, to));
  const tracking::Run moved = MUST(store->find_run(run));
  EXPECT_EQ(moved.experiment_id, to);
  ASSERT_EQ(moved.inputs.size(), 1U);
  EXPECT_EQ(moved.inputs[0].dataset.name, "digits");
  EXPECT_EQ(moved.inputs[0].tags.size(), 1U);
  EXPECT_THAT(moved.artifact_uri, HasSubstr("/" + from + "/"));
  EXPECT_EQ(housekeeping().move_run("nope", to).error().code, Code::kNotFound);
  EXPECT_EQ(housekeeping().move_run(run, "99").error().code, Code::kNotFound);
  MUST(store->delete_experiment(from));
  EXPECT_EQ(housekeeping().move_run(run, from).error().code, Code::kFailedPrecondition);
}

TEST_F(HousekeepingTest, ACopyHasAllThatTheRunHas) {
  const std::string from = make("from"), to = make("to"), run = run_in(from);
  const std::string copy = MUST(housekeeping().copy_run(run, to));
  const tracking::Run copied = MUST(store->find_run(copy));
  EXPECT_EQ(copied.experiment_id, to);
  EXPECT_EQ(copied.name, "r");
  ASSERT_EQ(copied.metrics.size(), 1U);
  EXPECT_EQ(copied.metrics[0].value, 2);
  EXPECT_EQ(copied.params.size(), 1U);
  EXPECT_EQ(copied.inputs.size(), 1U);
  EXPECT_EQ(copied.artifact_uri, MUST(store->find_run(run)).artifact_uri);
  EXPECT_EQ(MUST(store->metric_history(copy, "m", {})).items.size(), 2U);
  EXPECT_EQ(MUST(store->search_runs({{.filter = fmt::format("tags.`millrace.copied_from` = '{}'", run)}})).items.size(),
            1U);
}

TEST_F(HousekeepingTest, WhatWasDeletedLongAgoIsGoneForGood) {
  const std::string experiment = make("e"), kept = make("kept");
  const std::string old = run_in(experiment), young = run_in(kept), alive = run_in(kept);
  const std::string copy = MUST(housekeeping().copy_run(young, kept));
  const std::string uri = MUST(store->find_run(old)).artifact_uri;
  const std::string shared = MUST(store->find_run(young)).artifact_uri;
  MUST(store->delete_experiment(experiment));
  clock.advance(std::chrono::hours(48));
  MUST(store->delete_run(young));
  const Erased first = MUST(housekeeping().erase(std::chrono::hours(24)));
  EXPECT_EQ(first.runs, 1);
  EXPECT_EQ(first.experiments, 1);
  EXPECT_THAT(removed, ElementsAre(uri));
  EXPECT_EQ(store->find_run(old).error().code, Code::kNotFound);
  EXPECT_EQ(store->find_experiment(experiment).error().code, Code::kNotFound);
  clock.advance(std::chrono::hours(48));
  EXPECT_EQ(MUST(housekeeping().erase(std::chrono::hours(24))).runs, 1);
  EXPECT_THAT(removed, ElementsAre(uri)) << "the copy still has the artifacts";
  MUST(store->delete_run(copy));
  clock.advance(std::chrono::hours(48));
  EXPECT_EQ(MUST(housekeeping().erase(std::chrono::hours(24))).runs, 1);
  EXPECT_THAT(removed, ElementsAre(uri, shared));
  EXPECT_EQ(rows("runs"), 1);
  EXPECT_EQ(rows("params"), 1);
  EXPECT_EQ(rows("metrics"), 2);
  EXPECT_EQ(MUST(store->find_run(alive)).inputs.size(), 1U);
}

TEST_F(HousekeepingTest, WhatSomebodyNeedsIsNotErased) {
  const std::string experiment = make("e");
  const std::string by_id = run_in(experiment), by_artifact = run_in(experiment), by_model = run_in(experiment),
                    free = run_in(experiment);
  const LoggedModel model = MUST(models->create({.experiment_id = experiment, .name = "m", .source_run_id = by_model}));
  const LoggedModel other = MUST(models->create({.experiment_id = experiment, .name = "m", .source_run_id = free}));
  needed = {{.who = "models:/a/1", .run_id = by_id, .uri = {}},
            {.who = "models:/a/2", .run_id = {}, .uri = MUST(store->find_run(by_artifact)).artifact_uri + "/model"},
            {.who = "models:/a/3", .run_id = {}, .uri = model.artifact_uri}};
  MUST(store->delete_experiment(experiment));
  clock.advance(std::chrono::hours(48));
  const std::string uri = MUST(store->find_run(free)).artifact_uri;
  const Erased erased = MUST(housekeeping().erase(std::chrono::hours(24)));
  EXPECT_EQ(erased.runs, 1);
  EXPECT_EQ(erased.needed, 3);
  EXPECT_THAT(removed, ElementsAre(uri, other.artifact_uri));
  EXPECT_EQ(models->find(other.id).error().code, Code::kNotFound);
  needed.clear();
  EXPECT_EQ(MUST(housekeeping().erase(std::chrono::hours(24))).runs, 3);
  EXPECT_EQ(rows("logged_models"), 0);
  EXPECT_EQ(rows("metrics"), 0);
}

}  // namespace
}  // namespace millrace::tracking
