#include "triggers/trigger_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::triggers {
namespace {

using testing::HasSubstr;

struct Parsed {
  std::optional<TriggerSpec> spec;
  std::vector<std::string> faults;
};

Parsed parse(const std::string& text) {
  Diagnostics diagnostics;
  Parsed parsed;
  for (const Node& node : parse_yaml(text, "t.yaml", diagnostics)) parsed.spec = parse_trigger(node, diagnostics);
  for (const auto& diagnostic : diagnostics.list) parsed.faults.push_back(format_diagnostic(diagnostic));
  return parsed;
}

TEST(TriggerSpec, OnASchedule) {
  const auto [spec, faults] = parse(R"(kind: Trigger
name: monthly
description: on the first of each month
pipeline: retrain
on: {schedule: "0 0 1 * *", from: 2001-03-01, until: 2001-07-01, catch_up: all}
cooldown: 6d
params: {weeks: 4, note: "a b", deep: {x: [1, 2.5]}}
)");
  ASSERT_TRUE(spec) << testing::PrintToString(faults);
  EXPECT_EQ(spec->pipeline, "retrain");
  EXPECT_EQ(spec->pipeline_at.line, 4);
  EXPECT_EQ(spec->cause, CauseKind::kSchedule);
  EXPECT_TRUE(spec->cron);
  EXPECT_EQ(spec->catch_up, CatchUp::kAll);
  EXPECT_EQ(spec->from, MUST(parse_time("2001-03-01")));
  EXPECT_EQ(spec->cooldown, std::chrono::days{6});
  ASSERT_EQ(spec->params.size(), 3u);
  EXPECT_EQ(spec->params[0].value, "4");
  EXPECT_EQ(spec->params[1].value, "\"a b\"");
  EXPECT_EQ(spec->params[2].value, R"({"x":[1,2.5]})");
}

TEST(TriggerSpec, OnEachOtherCause) {
  EXPECT_EQ(parse("kind: Trigger\nname: t\npipeline: p\non: {alert: m.drift}\n").spec->cause, CauseKind::kAlert);
  EXPECT_EQ(parse("kind: Trigger\nname: t\npipeline: p\non: {dataset: flights}\n").spec->subject, "flights");
  EXPECT_EQ(parse("kind: Trigger\nname: t\npipeline: p\non: {model: delays}\n").spec->cause, CauseKind::kModel);
  EXPECT_EQ(parse("kind: Trigger\nname: t\npipeline: p\n").spec->cause, CauseKind::kManual);
}

TEST(TriggerSpec, TheDocumentOfASpecParsesToItAgain) {
  for (const char* text :
       {"kind: Trigger\nname: t\npipeline: p\n",
        "kind: Trigger\nname: t\npipeline: p\non: {alert: m.drift}\nenabled: false\nparams: {a: [1, x]}\n",
        "kind: Trigger\nname: t\npipeline: p\non: {schedule: '@daily', from: 2001-03-01, catch_up: all}\n"}) {
    const auto spec = parse(text).spec;
    ASSERT_TRUE(spec);
    const std::string document = dump_json(to_document(*spec));
    const auto again = parse(document);
    ASSERT_TRUE(again.spec) << testing::PrintToString(again.faults);
    EXPECT_EQ(dump_json(to_document(*again.spec)), document);
  }
}

TEST(TriggerSpec, Faults) {
  struct Case {
    const char* name;
    const char* lines;
    const char* message;
  };
  const std::vector<Case> cases{
      {"two causes", "on: {alert: m.a, dataset: d}", "exactly one of schedule, alert, dataset, model"},
      {"no cause", "on: {from: 2001-01-01}", "exactly one of"},
      {"an unknown cause", "on: {alrt: m.a}", "t.yaml:4:6: on has no key \"alrt\"; did you mean \"alert\"?"},
      {"a wrong schedule", "on: {schedule: '0 0 32 * *'}", "t.yaml:4:16: \"32\" is not a day of month"},
      {"an alert without its monitor", "on: {alert: drift}", "like delays_weekly.drift"},
      {"a span that is empty", "on: {dataset: d, from: 2001-03-01, until: 2001-03-01}", "\"until\" must be after"},
      {"catching up without a schedule", "on: {dataset: d, catch_up: all}", "only a schedule"},
      {"a negative cooldown", "cooldown: -1d", "must not be negative"},
      {"an unknown key", "coldown: 1d", "did you mean \"cooldown\"?"},
  };
  for (const Case& c : cases) {
    const auto [spec, faults] = parse(fmt::format("kind: Trigger\nname: t\npipeline: p\n{}\n", c.lines));
    EXPECT_FALSE(spec) << c.name;
    EXPECT_THAT(faults, testing::Contains(HasSubstr(c.message))) << c.name;
  }
}

TEST(TriggerSpec, TheSchemaIsJson) { EXPECT_TRUE(parse_json(trigger_schema()).has_value()); }

}  // namespace
}  // namespace millrace::triggers
