#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "tracking/home_for_tests.h"
#include "tracking/schema.h"

namespace millrace::tracking {
namespace {

using ::testing::ElementsAre;

// A file of before migration 2, with a run and a metric of two points.
void write_old_file(const std::filesystem::path& folder) {
  const auto database = db::open_for_test(folder);
  MUST(db::migrate(*database, "tracking", std::span(kMigrations).first(1)));
  db::Transaction tx = MUST(database->begin());
  MUST(tx.script(R"sql(
insert into experiments (id, name, creation_time, last_update_time) values (0, 'Default', 1, 1);
insert into runs (id, experiment_id, name, status, start_time, artifact_uri)
values ('r', 0, 'old', 'RUNNING', 1, 'artifacts:runs/0/r/artifacts');
insert into metrics (run, key, timestamp, step, value, is_nan)
select number, 'm', 5, 2, 0.5, 0 from runs;
insert into metrics (run, key, timestamp, step, value, is_nan)
select number, 'm', 6, 1, 0.0, 1 from runs;
insert into latest_metrics (run, key, timestamp, step, value, is_nan)
select number, 'm', 5, 2, 0.5, 0 from runs;
)sql"));
  MUST(tx.commit());
}

TEST(TrackingMigrations, WhatWasLoggedBeforeIsKeptAndGoesOn) {
  const TemporaryDirectory home;
  write_old_file(home.path());
  const auto database = db::open_for_test(home.path());
  const auto lineage = MUST(lineage::Store::open(*database));
  const auto events = MUST(events::Log::open(*database));
  const ManualClock clock;
  SeededIds ids;
  const auto store = MUST(Store::open({*database, *lineage, *events, clock, ids}));
  EXPECT_EQ(MUST(store->find_run("r")).metrics.at(0).value, 0.5);
  EXPECT_EQ(MUST(store->find_run("r")).artifact_uri, "artifacts:runs/0/r/artifacts");
  EXPECT_EQ(MUST(store->find_experiment("0")).artifact_location, "mlflow-artifacts:/0");
  MUST(store->log_batch("r", {.metrics = {{"m", 1, Timestamp{9}, 3}}}));
  std::vector<std::int64_t> by_time, by_step;
  for (const Point& point : MUST(store->metric_history("r", "m", {})).items) by_time.push_back(point.step);
  for (const Point& point : MUST(store->sample_metric("r", "m", {.limit = 9}))) by_step.push_back(point.step);
  EXPECT_THAT(by_time, ElementsAre(2, 1, 3));
  EXPECT_THAT(by_step, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace millrace::tracking
