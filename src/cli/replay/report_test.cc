#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/replay/chart.h"
#include "cli/replay/html.h"
#include "cli/replay/story.h"
#include "cli/replay/story_charts.h"

namespace millrace::cli {
namespace {

constexpr auto kWeek = std::chrono::days(7);
constexpr const char* kNasty = R"(<script>alert("x")</script>&'{{body}})";

Timestamp at(std::string_view text) { return parse_time(text).value(); }

StoryWindow window(int number) {
  auto start = at("2001-02-26") + number * kWeek;
  auto wave = std::sin(number * 0.7);
  StoryWindow w{.start = start,
                .end = start + kWeek,
                .predictions = 110000 + 1000 * number,
                .labelled = 109500 + 1000 * number,
                .share_positive = 0.17 + 0.04 * wave,
                .live = {{"log_loss", 0.405 + 0.02 * wave},
                         {"roc_auc", 0.72 - 0.01 * wave},
                         {"expected_calibration_error", 0.01 + 0.004 * wave * wave}},
                .shadows = {{"baseline",
                             {{"log_loss", 0.405 + 0.02 * wave + 0.0015 * number - 0.003},
                              {"roc_auc", 0.715 - 0.002 * number - 0.01 * wave},
                              {"expected_calibration_error", 0.012 + 0.002 * number}}}},
                .version = std::to_string(1 + number / 4),
                .drifted_share = std::abs(wave) * 0.8,
                .drifted_columns = {"hour", "origin_late_28d"},
                .mean_prediction = 0.18 + 0.03 * wave};
  for (int bin = 0; bin < 9; ++bin)
    w.calibration.push_back({0.05 + 0.1 * bin, 0.045 + 0.095 * bin + 0.01 * wave, 20000 / (bin + 1)});
  return w;
}

void add_decision(Story& story, int number, int version, bool passed) {
  auto& week = story.windows[static_cast<std::size_t>(number)];
  auto when = format_time(week.end + std::chrono::days(1));
  week.happened.push_back(fmt::format("retrained v{}", version));
  week.happened.push_back(fmt::format("{} v{}", passed ? "promoted" : "rejected", version));
  story.gates.push_back(
      {{"event_time", when},
       {"version", version},
       {"champion_version", version - 1},
       {"metric", "log_loss"},
       {"challenger", 0.4012},
       {"champion", 0.4049},
       {"margin", 0.0005},
       {"rows", 109000},
       {"passed", passed},
       {"reason", "v3 log_loss 0.40120 is better than v2's 0.40490 by 0.00370, at least 0.00050 asked for"}});
  if (passed) story.promotions.push_back({{"alias", "champion"}, {"version", version}, {"event_time", when}});
}

Story made_up_story() {
  Story story{.project = "orchard",
              .endpoint = "apples",
              .model = "apples",
              .alias = "champion",
              .monitor = "apples_weekly",
              .label = "sweet",
              .drift_threshold = 0.5,
              .baseline = "baseline",
              .predictions = 1987654,
              .failures = 0,
              .labels = 1987000,
              .batches = 181,
              .rows = 2954321,
              .quarantined = 42,
              .live_log_loss = 0.40512,
              .baseline_log_loss = 0.41701,
              .p50_seconds = 0.00021,
              .p99_seconds = 0.0014,
              .seconds = 142,
              .peak_resident_bytes = 1890000000,
              .decisions_hash = "0123456789abcdef"};
  for (int i = 0; i < 18; ++i) story.windows.push_back(window(i));
  story.promotions.push_back({{"alias", "champion"}, {"version", 1}, {"event_time", "2001-03-01T00:00:00Z"}});
  for (int i : {2, 3, 7, 8, 12, 16}) {
    auto& week = story.windows[static_cast<std::size_t>(i)];
    const char* name = i % 2 == 0 ? "drift" : "decay";
    week.happened.push_back(name);
    story.alerts.push_back({{"alert", name},
                            {"window_start", format_time(week.start)},
                            {"window_end", format_time(week.end)},
                            {"message", "share of drifted columns 0.62 is above 0.5"}});
  }
  int version = 2;
  for (int i : {2, 3, 7, 8, 12, 16}) add_decision(story, i, version, i != 8 && i != 12), ++version;
  return story;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto i = text.find(what); i != text.npos; i = text.find(what, i + what.size())) ++found;
  return found;
}

TEST(Report, IsOneFileThatAsksNoOtherForAnything) {
  auto html = story_report(made_up_story());
  for (auto* link : {"http:", "https:", "src=", "href=", "@import", "url("}) EXPECT_EQ(count(html, link), 0U) << link;
  EXPECT_EQ(count(html, "{{"), 0U);
  EXPECT_EQ(count(html, "nan"), 0U);
  EXPECT_EQ(count(html, "<svg"), count(html, "</svg>"));
}

TEST(Report, SaysTheStorysNames) {
  auto html = story_report(made_up_story());
  for (auto* word :
       {"orchard", "apples_weekly", "sweet", "promoted v3", "rejected v5", "1,987,654", "2.9\u00a0% better"})
    EXPECT_GT(count(html, word), 0U) << word;
}

TEST(Report, EscapesEveryNameAndText) {
  auto story = made_up_story();
  story.project = story.endpoint = story.monitor = story.label = story.decisions_hash = kNasty;
  story.windows[0].version = story.windows[0].happened.emplace_back(kNasty);
  story.windows[1].drifted_columns = {kNasty};
  story.gates[0]["reason"] = story.gates[0]["metric"] = story.gates[0]["version"] = story.gates[0]["champion_version"] =
      kNasty;
  story.alerts[0]["alert"] = story.alerts[1]["message"] = story.promotions[0]["version"] = kNasty;
  auto html = story_report(story);
  EXPECT_EQ(count(html, "<script>alert"), 0U);
  EXPECT_EQ(count(html, "alert(\"x\")"), 0U);
  EXPECT_EQ(count(html, "<script>"), 1U);
}

TEST(Report, IsWholeWithoutWindowsOrBaseline) {
  EXPECT_GT(story_report(Story{.project = "empty", .endpoint = "e"}).size(), 1000U);
  auto story = made_up_story();
  story.baseline = "";
  story.baseline_log_loss = NAN;
  auto html = story_report(story);
  EXPECT_EQ(count(html, "line frozen"), 0U);
  EXPECT_EQ(count(html, "nan"), 0U);
}

TEST(LossChart, MarksAlertsInTheirWeekAndDecisionsWhenTheyFell) {
  auto chart = loss_chart(made_up_story());
  ASSERT_EQ(chart.lanes.size(), 4U);
  EXPECT_EQ(chart.lanes[0].name, "drift");
  EXPECT_DOUBLE_EQ(chart.lanes[0].marks[0].x, static_cast<double>(at("2001-03-15T12:00").us));
  EXPECT_EQ(chart.lanes[3].name, "promoted");
  EXPECT_EQ(chart.lanes[3].marks[0].text, "v2");
  EXPECT_DOUBLE_EQ(chart.lanes[3].marks[0].x, static_cast<double>(at("2001-03-20").us));
}

TEST(LossChart, HasABandForEachVersionThatServed) {
  auto chart = loss_chart(made_up_story());
  ASSERT_EQ(chart.bands.size(), 5U);
  EXPECT_EQ(chart.bands[1].name, "v2");
  EXPECT_DOUBLE_EQ(chart.bands[1].x.low, chart.bands[0].x.high);
  EXPECT_DOUBLE_EQ(chart.bands[4].x.high, chart.x.high);
}

TEST(CalibrationChart, PutsTheWindowsBinsTogetherByTheirRows) {
  auto story = made_up_story();
  story.windows.resize(2);
  story.windows[0].calibration = {{0.12, 0.10, 100}, {0.55, 0.5, 10}};
  story.windows[1].calibration = {{0.18, 0.20, 300}};
  auto chart = calibration_chart(story).value();
  ASSERT_EQ(chart.at.size(), 2U);
  EXPECT_NEAR(chart.at[0], 0.165, 1e-12);
  EXPECT_NEAR(chart.lines[0].values[0], 0.175, 1e-12);
}

TEST(DrawChart, BreaksALineWhereAValueIsMissing) {
  Chart chart{.title = "t",
              .summary = "s",
              .unit = "u",
              .x = {0, 3},
              .x_ticks = [](int) { return std::vector<Tick>{}; },
              .at = {0, 1, 2, 3}};
  chart.lines.push_back({"a", "live", {1, NAN, 2, 3}});
  auto svg = draw_chart(chart, kSmallLayout);
  auto path = svg.substr(svg.find("class=\"line live\""), 80);
  EXPECT_EQ(count(path, "M"), 2U);
  EXPECT_EQ(count(path, "L"), 1U);
}

TEST(SpreadLabels, KeepsLabelsApartAndInside) {
  EXPECT_EQ(spread_labels({50, 52}, 16, {0, 100}), (std::vector<double>{50, 66}));
  EXPECT_EQ(spread_labels({95, 98}, 16, {0, 100}), (std::vector<double>{84, 100}));
  EXPECT_EQ(spread_labels({10, 60}, 16, {0, 100}), (std::vector<double>{10, 60}));
}

TEST(StoryCharts, AreWrittenWhereTheVariableSays) {
  if (const char* path = std::getenv("MILLRACE_REPORT_SAMPLE"))
    ASSERT_TRUE(write_file(path, story_report(made_up_story())));
}

}  // namespace
}  // namespace millrace::cli
