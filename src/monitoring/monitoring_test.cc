#include "monitoring/monitoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/ids.h"
#include "blob/blob.h"
#include "datasets/log_dataset.h"
#include "db/db.h"
#include "db/testing.h"
#include "duck/duck.h"
#include "events/event.h"
#include "events/events.h"
#include "lineage/lineage.h"

namespace millrace::monitoring {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

constexpr const char* kMonitor = R"(kind: Monitor
name: weekly
endpoint: e
window: 7d
label_wait: 1d
drift: {share: 0.5}
performance: {metrics: [log_loss, roc_auc]}
alerts:
  - {name: drift, when: dataset_drift}
  - {name: decay, when: log_loss, above_reference: 0.1}
)";

MonitorSpec spec(const std::string& text = kMonitor) {
  Diagnostics diagnostics;
  const auto nodes = parse_yaml(text, "m.yaml", diagnostics);
  auto parsed = parse_monitor(nodes.at(0), diagnostics);
  EXPECT_TRUE(parsed) << (diagnostics.empty() ? "" : diagnostics.list[0].message);
  return *parsed;
}

// A home in a temporary folder, an endpoint "e" whose predictions a test writes, and a training set with the feature x
// spread evenly over 0 to 1.
class MonitorsTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    close();
    db_ = db::open_for_test(folder_.path());
    blobs_ = MUST(blob::open_local(folder_.path() / "artifacts"));
    lineage_ = MUST(lineage::Store::open(*db_));
    events_ = MUST(events::Log::open(*db_));
    duck_ = MUST(duck::Database::open({.threads = 1}));
    datasets_ =
        MUST(datasets::Datasets::open({*db_, *blobs_, *duck_, *lineage_, *events_, clock_, ids_, folder_.path()}));
    predictions_ = MUST(datasets::LogDataset::open(*datasets_, {.name = "e.predictions",
                                                                .columns = {{"id", duck::Type::kVarchar},
                                                                            {"event_time", duck::Type::kTimestamp},
                                                                            {"version", duck::Type::kBigint},
                                                                            {"x", duck::Type::kDouble},
                                                                            {"prediction", duck::Type::kDouble},
                                                                            {"shadow_baseline", duck::Type::kDouble}},
                                                                .event_time = "event_time",
                                                                .key = "id"}));
    write_training_set();
    monitors_ = MUST(
        Monitors::open({.db = *db_,
                        .events = *events_,
                        .datasets = *datasets_,
                        .duck = *duck_,
                        .commit_predictions = [this](const std::string&) -> Result<void> {
                          TRY(predictions_->commit());
                          return {};
                        },
                        .find_reference = [this](const std::string&,
                                                 const std::string& version) { return find_reference(version); }}));
  }

  void close() {
    monitors_.reset();
    predictions_.reset();
    datasets_.reset();
    duck_.reset();
    events_.reset();
    lineage_.reset();
    blobs_.reset();
    db_.reset();
  }

  void write_training_set() {
    duck::Connection connection = MUST(duck_->connect());
    MUST(connection.execute(
        fmt::format("copy (select range / 2000.0 as x, 0 as label from range(2000)) to {} (format parquet)",
                    duck::quote_literal(training_set().string()))));
  }
  std::filesystem::path training_set() const { return folder_.path() / "training.parquet"; }

  Result<Reference> find_reference(const std::string& version) {
    asked_.push_back(version);
    if (refusal_) return std::unexpected(*refusal_);
    return Reference{.training_set = training_set(), .metrics = {{"log_loss", 0.3}}};
  }

  // One prediction an hour from `from` on, each with its label `late` afterwards. x lies evenly between low and high;
  // the live model says 0.8 and 0.2 in turn, and is right with all of them or with none.
  void predict(const char* from, int count, double low, double high, bool right, std::int64_t version = 1) {
    for (int i = 0; i < count; ++i) {
      const Timestamp time = at(from) + hours{i};
      const std::string id = format_time(time);
      const double said = i % 2 == 0 ? 0.8 : 0.2;
      const std::array<datasets::Value, 6> row{
          datasets::Value::of(std::string_view(id)),           datasets::Value::of(time), datasets::Value::of(version),
          datasets::Value::of(low + (high - low) * i / count), datasets::Value::of(said), datasets::Value::of(0.5)};
      MUST(predictions_->append(row));
      label(id, time + hours{3}, (said > 0.5) == right ? 1 : 0);
    }
  }

  void label(const std::string& id, Timestamp time, double value) {
    const std::array<Label, 1> labels{Label{id, time, value}};
    MUST(monitors_->labels().add("e", labels));
  }

  std::vector<std::string> published() const {
    std::vector<std::string> list;
    for (const auto& event : MUST(events_->list(0, 1000))) {
      if (event.type.starts_with("monitor.") || event.type.starts_with("alert."))
        list.push_back(event.type + " " + event.subject);
    }
    return list;
  }

  TemporaryDirectory folder_;
  ManualClock clock_{Timestamp{1'000'000}};
  SeededIds ids_;
  std::unique_ptr<db::Database> db_;
  std::unique_ptr<blob::Store> blobs_;
  std::unique_ptr<lineage::Store> lineage_;
  std::unique_ptr<events::Log> events_;
  std::unique_ptr<duck::Database> duck_;
  std::unique_ptr<datasets::Datasets> datasets_;
  std::unique_ptr<datasets::LogDataset> predictions_;
  std::unique_ptr<Monitors> monitors_;
  std::optional<Error> refusal_;
  std::vector<std::string> asked_;
};

TEST_F(MonitorsTest, AQuietWindowIsRecordedWithItsNumbers) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 100, 0, 1, true);
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-12T23:59"))), 0);
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-13"))), 1);
  const WindowResult window = MUST(monitors_->find_window("weekly", at("2001-03-05")));
  EXPECT_EQ(window.window.end, at("2001-03-12"));
  EXPECT_EQ(window.computed_at, at("2001-03-13"));
  EXPECT_EQ(window.predictions, 100);
  EXPECT_EQ(window.labelled, 100);
  EXPECT_EQ(window.share_positive, 0.5);
  EXPECT_EQ(window.version, "1");
  EXPECT_FALSE(window.partial);
  EXPECT_NEAR(window.live()->metrics.at("log_loss"), -std::log(0.8), 1e-12);
  EXPECT_EQ(window.live()->metrics.at("roc_auc"), 1);
  EXPECT_NEAR(window.performance[1].metrics.at("log_loss"), std::log(2.0), 1e-12);
  ASSERT_EQ(window.columns.size(), 1u);
  EXPECT_EQ(window.columns[0].name, "x");
  EXPECT_EQ(window.columns[0].method, "wasserstein");
  EXPECT_FALSE(window.drift.drifted);
  EXPECT_THAT(published(), ElementsAre("monitor.window_closed weekly"));
}

TEST_F(MonitorsTest, DriftAndDecayRaiseAlertsOnce) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 100, 2, 3, false);
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-13"))), 1);
  EXPECT_THAT(published(),
              ElementsAre("alert.raised weekly.drift", "alert.raised weekly.decay", "monitor.window_closed weekly"));
  const auto alerts = MUST(monitors_->list_alerts({}, 0, 10));
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].alert, "decay");
  EXPECT_EQ(alerts[0].event_time, at("2001-03-13"));
  EXPECT_NEAR(alerts[0].threshold, 0.4, 1e-12);
  EXPECT_EQ(MUST(monitors_->list_alerts({.alert = "drift"}, 0, 10)).size(), 1u);

  const auto again = MUST(monitors_->compute("weekly", {at("2001-03-05"), at("2001-03-12")}));
  EXPECT_EQ(again.predictions, 100);
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-13"))), 0);
  EXPECT_EQ(published().size(), 3u);
}

TEST_F(MonitorsTest, TheFirstWindowMayBePartialAndGapsAreEmptyWindows) {
  MUST(monitors_->apply({spec()}));
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-01"))), 0) << "nothing was predicted yet";
  predict("2001-03-01T05:00", 50, 0, 1, false);
  predict("2001-03-12", 50, 0, 1, true, 2);
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-20"))), 3);
  const auto windows = MUST(monitors_->list_windows("weekly", std::nullopt, 10));
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_TRUE(windows[2].partial);
  EXPECT_EQ(windows[2].window.start, at("2001-02-26"));
  EXPECT_EQ(windows[1].predictions, 0);
  EXPECT_EQ(windows[1].version, "");
  EXPECT_EQ(windows[0].version, "2");
  EXPECT_THAT(asked_, ElementsAre("1", "2"));
  EXPECT_THAT(published(), ElementsAre("alert.raised weekly.decay", "monitor.window_closed weekly",
                                       "monitor.window_closed weekly", "monitor.window_closed weekly"));
}

TEST_F(MonitorsTest, LabelsCountOnceAndTheNewestWins) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 4, 0, 1, true);
  MUST(monitors_->labels().commit("e"));
  label("2001-03-05T00:00:00Z", at("2001-03-05T03:00"), 1);
  label("2001-03-05T00:00:00Z", at("2001-03-06"), 0);
  label("2001-03-05T01:00:00Z", at("2001-03-13T00:01"), 1);
  label("nobody", at("2001-03-06"), 1);
  MUST(monitors_->advance(at("2001-03-14")));
  const WindowResult window = MUST(monitors_->find_window("weekly", at("2001-03-05")));
  EXPECT_EQ(window.labelled, 4);
  EXPECT_EQ(window.share_positive, 0.25)
      << "one of two positives was taken back; what came after the wait does not count";
  const auto labels = MUST(datasets_->version("e.labels"));
  EXPECT_EQ(labels.rows, 7) << "the same label again is not kept";
}

TEST_F(MonitorsTest, WindowsAlertsAndSpecsSurviveARestart) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 100, 2, 3, false);
  MUST(monitors_->advance(at("2001-03-13")));
  predict("2001-03-12", 20, 0, 1, true);
  open();
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-20"))), 1);
  EXPECT_EQ(MUST(monitors_->find_window("weekly", at("2001-03-12"))).labelled, 20);
  const auto info = MUST(monitors_->find_monitor("weekly"));
  EXPECT_EQ(info.windows, 2);
  EXPECT_EQ(info.alerts, 2);
  EXPECT_EQ(info.newest->window.start, at("2001-03-12"));
}

TEST_F(MonitorsTest, AWindowThatCannotBeComputedIsNotRecorded) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 10, 0, 1, true);
  refusal_ = Error{Code::kUnavailable, "the store is away"};
  EXPECT_EQ(monitors_->advance(at("2001-03-13")).error().code, Code::kUnavailable);
  EXPECT_TRUE(published().empty());
  refusal_ = Error{Code::kNotFound, "version 1 has no training set"};
  EXPECT_EQ(MUST(monitors_->advance(at("2001-03-13"))), 1);
  const WindowResult window = MUST(monitors_->find_window("weekly", at("2001-03-05")));
  EXPECT_THAT(window.notes, ElementsAre(HasSubstr("drift was not computed: version 1 has no training set"),
                                        HasSubstr("alert decay was not judged")));
}

TEST_F(MonitorsTest, SeveralMonitorsGoByTheEndOfTheirWindows) {
  auto daily = spec("kind: Monitor\nname: daily\nendpoint: e\nwindow: 1d\n");
  MUST(monitors_->apply({spec(), daily}));
  predict("2001-03-11", 30, 0, 1, true);
  std::vector<std::string> due;
  for (const auto& window : MUST(monitors_->due(at("2001-03-13")))) {
    due.push_back(window.monitor + " " + format_time(window.window.end));
  }
  EXPECT_THAT(due,
              ElementsAre("daily 2001-03-12T00:00:00Z", "weekly 2001-03-12T00:00:00Z", "daily 2001-03-13T00:00:00Z"));
}

TEST_F(MonitorsTest, FaultsOfACaller) {
  MUST(monitors_->apply({spec()}));
  EXPECT_EQ(monitors_->find_monitor("weakly").error().message,
            "monitor weakly does not exist; did you mean \"weekly\"?");
  EXPECT_EQ(monitors_->find_window("weekly", at("2001-03-05")).error().code, Code::kNotFound);
  const std::array<Label, 1> nameless{Label{"", at("2001-03-05"), 1}};
  EXPECT_EQ(monitors_->labels().add("e", nameless).error().code, Code::kInvalidArgument);
  const std::array<Label, 1> nan{Label{"a", at("2001-03-05"), std::nan("")}};
  EXPECT_EQ(monitors_->labels().add("e", nan).error().message, "the label of prediction a must be a number");
}

TEST_F(MonitorsTest, TheSameHistoryGivesTheSameWindowToTheBit) {
  MUST(monitors_->apply({spec()}));
  predict("2001-03-05", 120, 0.1, 0.9, true);
  const std::string first =
      dump_json(to_json(MUST(monitors_->compute("weekly", {at("2001-03-05"), at("2001-03-12")}))));
  MUST(db_->execute("delete from monitor_windows"));
  MUST(db_->execute("delete from monitor_alerts"));
  const std::string again =
      dump_json(to_json(MUST(monitors_->compute("weekly", {at("2001-03-05"), at("2001-03-12")}))));
  EXPECT_EQ(first, again);
}

}  // namespace
}  // namespace millrace::monitoring
