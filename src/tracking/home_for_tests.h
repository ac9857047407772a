#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "db/db.h"
#include "db/testing.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "tracking/logged_models.h"
#include "tracking/tracking.h"

namespace millrace::tracking {

class TrackingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = db::open_for_test(home.path());
    lineage = MUST(lineage::Store::open(*database));
    events = MUST(events::Log::open(*database));
    store = MUST(Store::open({*database, *lineage, *events, clock, ids}));
    models = std::make_unique<LoggedModels>(*database, clock, ids);
  }

  Metric latest(const std::string& run, const std::string& key) {
    for (const Metric& metric : MUST(store->find_run(run)).metrics) {
      if (metric.key == key) return metric;
    }
    return {};
  }
  std::string tag(const tracking::Run& run, const std::string& key) {
    for (const Tag& tag : run.tags) {
      if (tag.key == key) return tag.value;
    }
    return "none";
  }
  Code batch_fault(const std::string& run, const Batch& batch) { return store->log_batch(run, batch).error().code; }

  TemporaryDirectory home;
  ManualClock clock{Timestamp{1'000'000}};
  SeededIds ids;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<Store> store;
  std::unique_ptr<LoggedModels> models;
};

}  // namespace millrace::tracking
