#include "monitoring/monitor_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::monitoring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Parsed {
  std::optional<MonitorSpec> spec;
  std::vector<std::string> faults;
};

Parsed parse(const std::string& text) {
  Diagnostics diagnostics;
  Parsed parsed;
  for (const Node& node : parse_yaml(text, "m.yaml", diagnostics)) parsed.spec = parse_monitor(node, diagnostics);
  for (const auto& diagnostic : diagnostics.list) parsed.faults.push_back(format_diagnostic(diagnostic));
  return parsed;
}

constexpr const char* kWhole = R"(kind: Monitor
name: delays_weekly
description: is the model still right?
endpoint: delays
window: 7d
label_wait: 1d
min_predictions: 100
drift: {method: evidently, columns: [hour, distance], share: 0.4, psi: 0.25}
performance: {metrics: [log_loss, roc_auc]}
alerts:
  - {name: drift, when: dataset_drift}
  - {name: shift, when: psi}
  - {name: decay, when: log_loss, above: 0.5}
  - {name: decay2, when: log_loss, above_reference: 0.02}
  - {name: blunt, when: f1, below: 0.1}
  - {name: unlabelled, when: label_rate, below: 0.9}
)";

TEST(MonitorSpec, ReadsAllKeys) {
  const auto [spec, faults] = parse(kWhole);
  ASSERT_TRUE(spec) << testing::PrintToString(faults);
  EXPECT_EQ(spec->name, "delays_weekly");
  EXPECT_EQ(spec->endpoint, "delays");
  EXPECT_EQ(spec->endpoint_at.line, 4);
  EXPECT_EQ(spec->window, std::chrono::days{7});
  EXPECT_EQ(spec->label_wait, std::chrono::days{1});
  EXPECT_EQ(spec->min_predictions, 100);
  EXPECT_THAT(spec->drift->columns, ElementsAre("hour", "distance"));
  EXPECT_EQ(spec->drift->share, 0.4);
  EXPECT_EQ(spec->drift->psi, 0.25);
  EXPECT_THAT(spec->metrics, ElementsAre("log_loss", "roc_auc", "f1"));
  ASSERT_EQ(spec->alerts.size(), 6u);
  EXPECT_EQ(spec->alerts[0].condition, Condition::kDrift);
  EXPECT_EQ(spec->alerts[2].condition, Condition::kAbove);
  EXPECT_EQ(spec->alerts[3].condition, Condition::kAboveReference);
  EXPECT_EQ(spec->alerts[3].threshold, 0.02);
  EXPECT_EQ(spec->alerts[4].condition, Condition::kBelow);
}

TEST(MonitorSpec, HasDefaults) {
  const auto [spec, faults] = parse("kind: Monitor\nname: m\nendpoint: e\n");
  ASSERT_TRUE(spec) << testing::PrintToString(faults);
  EXPECT_EQ(spec->window, std::chrono::days{7});
  EXPECT_EQ(spec->label_wait, Duration{0});
  ASSERT_TRUE(spec->drift);
  EXPECT_EQ(spec->drift->share, 0.5);
  EXPECT_THAT(spec->metrics, ElementsAre("log_loss", "roc_auc", "brier_score", "expected_calibration_error"));
}

TEST(MonitorSpec, TheDocumentOfASpecParsesToItAgain) {
  for (const char* text : {kWhole, "kind: Monitor\nname: m\nendpoint: e\ndrift: {method: none}\n",
                           "kind: Monitor\nname: m\nendpoint: e\ndrift: {method: ks, threshold: 0.01}\n"}) {
    const auto spec = parse(text).spec;
    ASSERT_TRUE(spec);
    const std::string document = dump_json(to_document(*spec));
    const auto again = parse(document);
    ASSERT_TRUE(again.spec) << testing::PrintToString(again.faults);
    EXPECT_EQ(dump_json(to_document(*again.spec)), document);
  }
}

TEST(MonitorSpec, FaultsNameThePlaceAndTheNearestName) {
  struct Case {
    const char* name;
    const char* lines;
    const char* message;
  };
  const std::vector<Case> cases{
      {"an unknown key", "endpiont: e", "m.yaml:4:1: Monitor has no key \"endpiont\"; did you mean \"endpoint\"?"},
      {"an unknown method", "drift: {method: evidentli}", "did you mean \"evidently\"?"},
      {"an unknown metric", "performance: {metrics: [log_los]}",
       "m.yaml:4:25: there is no metric \"log_los\"; did you mean \"log_loss\"?"},
      {"an unknown condition", "alerts: [{name: a, when: dataset_drif}]", "did you mean \"dataset_drift\"?"},
      {"no threshold", "alerts: [{name: a, when: log_loss}]", "needs exactly one of above, below"},
      {"two thresholds", "alerts: [{name: a, when: log_loss, above: 1, below: 0}]",
       "needs exactly one of above, below"},
      {"a threshold for drift", "alerts: [{name: a, when: dataset_drift, above: 0.3}]",
       "takes its threshold from drift.share"},
      {"a reference of a count", "alerts: [{name: a, when: label_rate, below_reference: 1}]",
       "label_rate has no reference"},
      {"drift watched and switched off", "drift: {method: none}\nalerts: [{name: a, when: psi}]",
       "drift.method is none"},
      {"two alerts of one name", "alerts: [{name: a, when: psi}, {name: a, when: psi}]", "two alerts named \"a\""},
      {"a window of no length", "window: 0s", "at least 1m"},
      {"a share above one", "drift: {share: 1.5}", "between 0 and 1"},
      {"not a number", "alerts: [{name: a, when: f1, below: nan}]", "must be a number"},
      {"a name with a dot", "alerts: [{name: a.b, when: psi}]", "letters, digits"},
  };
  for (const Case& c : cases) {
    const auto [spec, faults] = parse(fmt::format("kind: Monitor\nname: m\nendpoint: e\n{}\n", c.lines));
    EXPECT_FALSE(spec) << c.name;
    ASSERT_FALSE(faults.empty()) << c.name;
    EXPECT_THAT(faults.front(), HasSubstr(c.message)) << c.name;
  }
}

TEST(MonitorSpec, OtherKindsAreNotItsBusiness) {
  const auto [spec, faults] = parse("kind: Dataset\nname: d\n");
  EXPECT_FALSE(spec);
  EXPECT_TRUE(faults.empty());
}

TEST(MonitorSpec, TheSchemaIsJsonAndKnowsTheSameNames) {
  const Json schema = MUST(parse_json(monitor_schema()));
  auto methods = schema["properties"]["drift"]["properties"]["method"]["enum"].get<std::vector<std::string>>();
  ASSERT_EQ(methods.back(), "none");
  methods.pop_back();
  EXPECT_EQ(methods, drift_method_names());
  EXPECT_EQ(schema["$defs"]["metric"]["enum"].get<std::vector<std::string>>().size(), 11u);
}

}  // namespace
}  // namespace millrace::monitoring
