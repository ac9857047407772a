#include "monitoring/alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace millrace::monitoring {
namespace {

using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

MonitorSpec spec_with(AlertSpec alert) {
  alert.name = "a";
  return {.name = "m", .endpoint = "e", .drift = DriftSpec{}, .alerts = {alert}};
}

WindowResult window_with(double log_loss) {
  return {.monitor = "m",
          .endpoint = "e",
          .window = {{0}, {100}},
          .computed_at = {150},
          .predictions = 1000,
          .labelled = 900,
          .share_positive = 0.2,
          .version = "3",
          .performance = {{.column = "prediction",
                           .rows = 900,
                           .mean_prediction = 0.25,
                           .metrics = {{"log_loss", log_loss}, {"roc_auc", 0.7}}}},
          .columns = {{.name = "x", .drifted = true, .psi = 0.3}, {.name = "y", .psi = 0.1}},
          .drift = {1, 0.5, true},
          .reference_metrics = {{"log_loss", 0.45}, {"roc_auc", 0.72}}};
}

TEST(Alerts, ThresholdsOnValues) {
  struct Case {
    const char* name;
    AlertSpec alert;
    double log_loss;
    bool raised;
  };
  const auto alert = [](std::string when, Condition condition, double threshold) {
    return AlertSpec{.when = std::move(when), .condition = condition, .threshold = threshold};
  };
  const std::vector<Case> cases{
      {"above", alert("log_loss", Condition::kAbove, 0.5), 0.51, true},
      {"at the threshold", alert("log_loss", Condition::kAbove, 0.5), 0.5, false},
      {"NaN raises nothing", alert("log_loss", Condition::kAbove, 0.5), kNaN, false},
      {"above the reference by more than the margin", alert("log_loss", Condition::kAboveReference, 0.02), 0.48, true},
      {"above the reference by less", alert("log_loss", Condition::kAboveReference, 0.02), 0.46, false},
      {"below the reference", alert("roc_auc", Condition::kBelowReference, 0.01), 0.4, true},
      {"below", alert("roc_auc", Condition::kBelow, 0.6), 0.4, false},
      {"label rate", alert("label_rate", Condition::kBelow, 0.95), 0.4, true},
      {"mean prediction", alert("mean_prediction", Condition::kAbove, 0.2), 0.4, true},
      {"share positive", alert("share_positive", Condition::kBelow, 0.1), 0.4, false},
      {"predictions", alert("predictions", Condition::kBelow, 1001), 0.4, true},
      {"a metric that was not computed", alert("f1", Condition::kBelow, 1), 0.4, false},
      {"dataset drift", alert("dataset_drift", Condition::kDrift, 0), 0.4, true},
      {"psi", alert("psi", Condition::kDrift, 0), 0.4, true},
  };
  for (const Case& c : cases) {
    const auto decisions = evaluate_alerts(spec_with(c.alert), window_with(c.log_loss));
    EXPECT_EQ(!decisions.raised.empty(), c.raised) << c.name;
    EXPECT_TRUE(decisions.notes.empty()) << c.name;
  }
}

TEST(Alerts, AnAlertSaysWhatWasBroken) {
  const auto decisions = evaluate_alerts(
      spec_with({.when = "log_loss", .condition = Condition::kAbove, .threshold = 0.5}), window_with(0.512));
  ASSERT_EQ(decisions.raised.size(), 1u);
  const Alert& alert = decisions.raised.front();
  EXPECT_EQ(alert.message, "log_loss 0.5120 is above 0.5000");
  EXPECT_EQ(alert.event_time, Timestamp{150});
  EXPECT_EQ(alert.value, 0.512);
  EXPECT_EQ(alert.threshold, 0.5);
}

TEST(Alerts, AMissingReferenceIsNotedNotGuessed) {
  WindowResult window = window_with(0.6);
  window.reference_metrics.clear();
  const auto decisions = evaluate_alerts(
      spec_with({.when = "log_loss", .condition = Condition::kAboveReference, .threshold = 0.02}), window);
  EXPECT_TRUE(decisions.raised.empty());
  ASSERT_EQ(decisions.notes.size(), 1u);
  EXPECT_THAT(decisions.notes.front(), HasSubstr("version 3 has no log_loss of its own"));
}

TEST(Alerts, SmallAndEmptyWindowsRaiseNone) {
  MonitorSpec spec = spec_with({.when = "log_loss", .condition = Condition::kAbove, .threshold = 0.5});
  spec.min_predictions = 1001;
  EXPECT_TRUE(evaluate_alerts(spec, window_with(0.9)).raised.empty());
  spec.min_predictions = 1;
  EXPECT_TRUE(evaluate_alerts(spec, WindowResult{.monitor = "m"}).raised.empty());
}

TEST(WindowResult, ItsJsonReadsBack) {
  WindowResult window = window_with(kNaN);
  window.versions = {{"2", 400, {5}}, {"3", 600, {50}}};
  window.performance[0].calibration = {{0.1, 0.15, 500}};
  window.notes = {"a note"};
  const Json json = to_json(window);
  const auto again = window_result_from_json(json);
  ASSERT_TRUE(again);
  EXPECT_EQ(dump_json(to_json(*again)), dump_json(json));
  EXPECT_TRUE(std::isnan(again->performance[0].metrics.at("log_loss")));
}

TEST(WindowResult, DamagedJsonIsDataLoss) {
  const auto result = window_result_from_json(Json{{"monitor", 3}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace millrace::monitoring
