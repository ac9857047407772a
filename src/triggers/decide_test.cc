#include "triggers/decide.h"

#include <gtest/gtest.h>

namespace millrace::triggers {
namespace {

using std::chrono::days;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

TriggerSpec on_alert() {
  return {.name = "t", .pipeline = "p", .cause = CauseKind::kAlert, .subject = "m.drift", .cooldown = days{6}};
}

TriggerSpec on_schedule(const char* schedule, CatchUp catch_up = CatchUp::kNewest) {
  return {.name = "t",
          .pipeline = "p",
          .cause = CauseKind::kSchedule,
          .subject = schedule,
          .cron = MUST(Cron::parse(schedule)),
          .catch_up = catch_up};
}

TEST(Concerns, TheSameKindAndSubject) {
  EXPECT_TRUE(concerns(on_alert(), {CauseKind::kAlert, "m.drift", {}, "event:1"}));
  EXPECT_FALSE(concerns(on_alert(), {CauseKind::kAlert, "m.decay", {}, "event:1"}));
  EXPECT_FALSE(concerns(on_alert(), {CauseKind::kDataset, "m.drift", {}, "event:1"}));
}

TEST(Decide, FiresOrSaysWhyNot) {
  struct Case {
    const char* name;
    TriggerSpec spec;
    std::optional<Timestamp> last_fired;
    Cause cause;
    bool fire;
    const char* reason;
  };
  const Cause alert{CauseKind::kAlert, "m.drift", at("2001-03-13"), "event:1"};
  const Cause hand{CauseKind::kManual, "", at("2001-03-13"), "manual:1"};
  TriggerSpec disabled = on_alert();
  disabled.enabled = false;
  TriggerSpec later = on_alert();
  later.from = at("2001-03-14");
  TriggerSpec from_now = on_alert();
  from_now.from = at("2001-03-13");
  TriggerSpec over = on_alert();
  over.until = at("2001-03-13");
  TriggerSpec eager = on_alert();
  eager.cooldown = Duration{0};
  const std::vector<Case> cases{
      {"the first time", on_alert(), {}, alert, true, "alert m.drift"},
      {"cooling down", on_alert(), at("2001-03-08"), alert, false, "cooling down until 2001-03-14T00:00:00Z"},
      {"just cooled down", on_alert(), at("2001-03-07"), alert, true, "alert m.drift"},
      {"fired later than this cause came", on_alert(), at("2001-03-20"), alert, false,
       "cooling down until 2001-03-26T00:00:00Z"},
      {"without a cooldown twice at one moment", eager, at("2001-03-13"), alert, true, "alert m.drift"},
      {"disabled", disabled, {}, alert, false, "disabled"},
      {"before its span", later, {}, alert, false, "before 2001-03-14T00:00:00Z"},
      {"at the span's first moment", from_now, {}, alert, true, "alert m.drift"},
      {"at the span's end", over, {}, alert, false, "not before 2001-03-13T00:00:00Z"},
      {"by hand, cooling down", on_alert(), at("2001-03-12"), hand, true, "by hand"},
      {"by hand, disabled", disabled, {}, hand, true, "by hand"},
      {"by hand, after its span", over, {}, hand, true, "by hand"},
  };
  for (const Case& c : cases) {
    const Decision decision = decide(c.spec, {.pipeline_started = c.last_fired}, c.cause);
    EXPECT_EQ(decision.fire, c.fire) << c.name;
    EXPECT_EQ(decision.reason, c.reason) << c.name;
  }
}

std::vector<std::string> keys(const TriggerSpec& spec, std::optional<Timestamp> until, const char* now) {
  std::vector<std::string> list;
  for (const Cause& cause : scheduled_causes(spec, {.schedule_until = until}, at(now))) list.push_back(cause.key);
  return list;
}

TEST(ScheduledCauses, WhatHasComeSinceTheLastLook) {
  using List = std::vector<std::string>;
  const auto monthly = on_schedule("0 0 1 * *");
  EXPECT_EQ(keys(monthly, at("2001-03-15"), "2001-03-31T23:59"), List{});
  EXPECT_EQ(keys(monthly, at("2001-03-15"), "2001-04-01"), List{"schedule:2001-04-01T00:00:00Z"});
  EXPECT_EQ(keys(monthly, at("2001-04-01"), "2001-04-01"), List{});
  EXPECT_EQ(keys(monthly, std::nullopt, "2001-04-01"), List{}) << "it starts to watch now";
  EXPECT_EQ(keys(monthly, at("2001-01-15"), "2001-04-02"), List{"schedule:2001-04-01T00:00:00Z"}) << "the newest only";
  EXPECT_EQ(keys(on_schedule("0 0 1 * *", CatchUp::kAll), at("2001-01-15"), "2001-03-02"),
            (List{"schedule:2001-02-01T00:00:00Z", "schedule:2001-03-01T00:00:00Z"}));
}

TEST(ScheduledCauses, StayInTheSpan) {
  auto spec = on_schedule("0 0 1 * *", CatchUp::kAll);
  spec.from = at("2001-03-01");
  spec.until = at("2001-05-01");
  const std::vector<std::string> expected{"schedule:2001-03-01T00:00:00Z", "schedule:2001-04-01T00:00:00Z"};
  EXPECT_EQ(keys(spec, at("2001-01-15"), "2001-07-01"), expected);
  spec.catch_up = CatchUp::kNewest;
  EXPECT_EQ(keys(spec, at("2001-01-15"), "2001-07-01"), std::vector<std::string>{expected.back()});
}

TEST(ScheduledCauses, AreBounded) {
  EXPECT_EQ(keys(on_schedule("* * * * *", CatchUp::kAll), at("2001-01-01"), "2002-01-01").size(), 1000u);
}

}  // namespace
}  // namespace millrace::triggers
