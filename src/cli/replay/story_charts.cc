#include "cli/replay/story_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace millrace::cli {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array kAlertShapes{Shape::kDiamond, Shape::kTriangle};

double x_of(Timestamp time) { return static_cast<double>(time.us); }

Timestamp middle(const StoryWindow& window) { return window.start + (window.end - window.start) / 2; }

std::string text(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Timestamp time_of(const Json& object, const char* key) { return parse_time(text(object, key)).value_or(Timestamp{}); }

std::string version_text(const Json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  return "v" + (found->is_string() ? found->get<std::string>() : found->dump());
}

// From the first window to the last, and to the last decision that followed from it.
Range time_range(const Story& story) {
  if (story.windows.empty()) return {0, 1};
  auto from = story.windows.front().start, to = story.windows.back().end;
  auto latest = to + (story.windows.back().end - story.windows.back().start);
  for (const auto& gate : story.gates)
    if (auto at = time_of(gate, "event_time"); at >= to && at < latest) to = at + std::chrono::hours(12);
  return {x_of(from), x_of(to)};
}

template <typename Value>
std::vector<double> each(const Story& story, Value value) {
  std::vector<double> out;
  for (const auto& window : story.windows) out.push_back(value(window));
  return out;
}

bool any_finite(const std::vector<double>& values) {
  return std::ranges::any_of(values, [](double value) { return std::isfinite(value); });
}

Chart time_chart(const Story& story) {
  auto range = time_range(story);
  Chart chart{.x = range};
  chart.x_ticks = [range](int most) {
    return time_ticks({static_cast<std::int64_t>(range.low)}, {static_cast<std::int64_t>(range.high)}, most);
  };
  for (const auto& window : story.windows) chart.at.push_back(x_of(middle(window)));
  if (!story.windows.empty()) chart.bar_span = x_of(story.windows[0].end) - x_of(story.windows[0].start);
  return chart;
}

std::string span_text(const Story& story, const StoryWindow& window) {
  return fmt::format("{} of {}", window_noun(story), format_date(window.start));
}

void add_tips(Chart& chart, const Story& story) {
  auto step = chart.format == Unit::kShare ? 0.001 : 0.0001;
  for (std::size_t i = 0; i < story.windows.size(); ++i) {
    auto tip = span_text(story, story.windows[i]);
    for (const auto* group : {&chart.lines, &chart.bars})
      for (const auto& series : *group)
        tip += fmt::format("\n{} {}", series.name, format_value(series.values[i], chart.format, step));
    chart.tips.push_back(std::move(tip));
  }
}

void add_live_and_baseline(Chart& chart, const Story& story, const std::string& metric) {
  if (has_baseline(story))
    chart.lines.push_back(
        {"frozen", "frozen", each(story, [&](const auto& w) { return baseline_metric(story, w, metric); })});
  chart.lines.push_back({"live", "live", each(story, [&](const auto& w) { return live_metric(w, metric); })});
}

// Where each version served, by the changes of the endpoint's alias.
std::vector<Band> bands_by_promotion(const Story& story, Range range) {
  std::vector<Band> bands;
  for (const auto& change : story.promotions)
    if (text(change, "alias") == story.alias && !version_text(change, "version").empty())
      bands.push_back({{x_of(time_of(change, "event_time")), range.high}, version_text(change, "version")});
  std::ranges::sort(bands, {}, [](const Band& band) { return std::pair(band.x.low, band.name); });
  for (std::size_t i = 0; i + 1 < bands.size(); ++i) bands[i].x.high = bands[i + 1].x.low;
  std::erase_if(bands, [&](const Band& band) { return band.x.high <= range.low; });
  return bands;
}

std::vector<Band> bands_by_window(const Story& story) {
  std::vector<Band> bands;
  for (const auto& window : story.windows) {
    auto name = "v" + window.version;
    if (bands.empty() || bands.back().name != name) bands.push_back({{x_of(window.start), x_of(window.end)}, name});
    bands.back().x.high = x_of(window.end);
  }
  return bands;
}

std::vector<Lane> alert_lanes(const Story& story) {
  std::vector<Lane> lanes;
  for (const auto& alert : story.alerts) {
    auto name = text(alert, "alert");
    auto lane = std::ranges::find(lanes, name, &Lane::name);
    if (lane == lanes.end()) {
      auto number = lanes.size() % kAlertShapes.size();
      lane = lanes.insert(lanes.end(), {name, fmt::format("alert{}", number), kAlertShapes[number], {}});
    }
    auto start = time_of(alert, "window_start"), end = time_of(alert, "window_end");
    lane->marks.push_back(
        {x_of(start + (end - start) / 2), "",
         fmt::format("{}: {} of {}\n{}", name, window_noun(story), format_date(start), text(alert, "message"))});
  }
  return lanes;
}

Lane gate_lane(const Story& story, bool passed, Range range) {
  Lane lane{
      passed ? "promoted" : "rejected", passed ? "promoted" : "rejected", passed ? Shape::kDisc : Shape::kCross, {}};
  for (const auto& gate : story.gates) {
    auto at = time_of(gate, "event_time");
    auto version = version_text(gate, "version");
    if (gate.value("passed", false) == passed && range.contains(x_of(at)))
      lane.marks.push_back(
          {x_of(at), version, fmt::format("{} {}: {}\n{}", version, lane.name, format_date(at), text(gate, "reason"))});
  }
  return lane;
}

void add_lanes(Chart& chart, const Story& story) {
  chart.lanes = alert_lanes(story);
  for (bool passed : {false, true})
    if (auto lane = gate_lane(story, passed, chart.x); !lane.marks.empty()) chart.lanes.push_back(std::move(lane));
  for (auto& lane : chart.lanes)
    std::ranges::sort(lane.marks, {}, [](const Mark& mark) { return std::pair(mark.x, mark.text); });
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

// All windows' bins together, in tenths of the prediction.
std::vector<StoryBin> bins_of(const Story& story) {
  std::array<StoryBin, 10> sums{};
  for (const auto& window : story.windows)
    for (const auto& bin : window.calibration) {
      if (!std::isfinite(bin.mean_prediction) || !std::isfinite(bin.share_positive) || bin.rows <= 0) continue;
      auto& sum = sums[static_cast<std::size_t>(std::clamp(bin.mean_prediction * 10, 0.0, 9.0))];
      auto rows = static_cast<double>(bin.rows);
      sum.mean_prediction += bin.mean_prediction * rows, sum.share_positive += bin.share_positive * rows,
          sum.rows += bin.rows;
    }
  std::vector<StoryBin> bins;
  for (auto& bin : sums)
    if (bin.rows > 0) {
      auto rows = static_cast<double>(bin.rows);
      bins.push_back({bin.mean_prediction / rows, bin.share_positive / rows, bin.rows});
    }
  return bins;
}

}  // namespace

std::string window_noun(const Story& story) {
  if (story.windows.empty()) return "window";
  auto length = story.windows[0].end - story.windows[0].start;
  return length == std::chrono::days(7) ? "week" : length == std::chrono::days(1) ? "day" : "window";
}

double live_metric(const StoryWindow& window, const std::string& name) {
  auto found = window.live.find(name);
  return found == window.live.end() ? kNan : found->second;
}

double baseline_metric(const Story& story, const StoryWindow& window, const std::string& name) {
  auto shadow = window.shadows.find(story.baseline);
  if (shadow == window.shadows.end()) return kNan;
  auto found = shadow->second.find(name);
  return found == shadow->second.end() ? kNan : found->second;
}

bool has_baseline(const Story& story) {
  return std::ranges::any_of(story.windows,
                             [&](const auto& window) { return window.shadows.contains(story.baseline); });
}

Chart loss_chart(const Story& story) {
  auto chart = time_chart(story);
  chart.title = fmt::format("Log-loss by {}", window_noun(story));
  chart.summary =
      "Two lines, of the live and of the frozen model, over bands for the version that served and rows for what "
      "happened. The table below has the numbers.";
  chart.unit = "log-loss per prediction; lower is better";
  add_live_and_baseline(chart, story, "log_loss");
  add_tips(chart, story);
  for (std::size_t i = 0; i < story.windows.size(); ++i) {
    const auto& window = story.windows[i];
    if (!window.version.empty()) chart.tips[i] += fmt::format("\nserved by v{}", window.version);
    if (!window.happened.empty()) chart.tips[i] += "\n" + joined(window.happened);
  }
  chart.bands = bands_by_promotion(story, chart.x);
  if (chart.bands.empty()) chart.bands = bands_by_window(story);
  add_lanes(chart, story);
  return chart;
}

std::optional<Chart> gain_chart(const Story& story) {
  auto chart = time_chart(story);
  chart.title = "What retraining gained";
  chart.summary = "Log-loss of the frozen model less that of the live one.";
  chart.unit = "log-loss, frozen − live; above 0 is better";
  chart.floor = Floor::kZero;
  chart.bars.push_back({"gain", "gain", each(story, [&](const auto& w) {
                          return baseline_metric(story, w, "log_loss") - live_metric(w, "log_loss");
                        })});
  if (std::ranges::none_of(chart.bars[0].values, [](double gain) { return std::abs(gain) > 0; })) return std::nullopt;
  add_tips(chart, story);
  return chart;
}

std::optional<Chart> share_chart(const Story& story) {
  auto chart = time_chart(story);
  auto label = story.label.empty() ? std::string("positive") : story.label;
  chart.title = fmt::format("How often “{}” came true", label);
  chart.summary =
      fmt::format("The share of positive labels by {}, and the mean of the live predictions.", window_noun(story));
  chart.unit = "share of labels";
  chart.format = Unit::kShare;
  chart.floor = Floor::kZero;
  chart.bars.push_back({"true", "truth", each(story, [](const auto& w) { return w.share_positive; })});
  if (!any_finite(chart.bars[0].values)) return std::nullopt;
  auto predicted = each(story, [](const auto& w) { return w.mean_prediction; });
  if (any_finite(predicted)) chart.lines.push_back({"predicted", "live", std::move(predicted)});
  add_tips(chart, story);
  return chart;
}

std::optional<Chart> drift_chart(const Story& story) {
  auto chart = time_chart(story);
  chart.title = "Drift of the inputs";
  chart.summary =
      fmt::format("The share of columns that had drifted by {}, and the level of the alert.", window_noun(story));
  chart.unit = "share of columns that drifted";
  chart.format = Unit::kShare;
  chart.floor = Floor::kZero;
  chart.bars.push_back({"drifted", "drift", each(story, [](const auto& w) { return w.drifted_share; })});
  if (!any_finite(chart.bars[0].values)) return std::nullopt;
  if (std::isfinite(story.drift_threshold)) chart.rules.push_back({story.drift_threshold, "alert"});
  add_tips(chart, story);
  for (std::size_t i = 0; i < story.windows.size(); ++i)
    if (!story.windows[i].drifted_columns.empty()) chart.tips[i] += "\n" + joined(story.windows[i].drifted_columns);
  return chart;
}

std::optional<Chart> metric_chart(const Story& story, const std::string& metric, std::string title, std::string unit) {
  auto chart = time_chart(story);
  chart.title = std::move(title);
  chart.summary = fmt::format("The live and the frozen model by {}.", window_noun(story));
  chart.unit = std::move(unit);
  add_live_and_baseline(chart, story, metric);
  if (!std::ranges::any_of(chart.lines, [](const Series& line) { return any_finite(line.values); }))
    return std::nullopt;
  add_tips(chart, story);
  return chart;
}

std::optional<Chart> calibration_chart(const Story& story) {
  auto bins = bins_of(story);
  if (bins.size() < 2) return std::nullopt;
  Chart chart{.title = "Calibration of the live model",
              .summary = "How often predictions came true; on the diagonal they mean what they say.",
              .unit = "share that came true",
              .format = Unit::kShare,
              .x = {0, 1},
              .x_ticks = [](int most) { return value_ticks({0, 1}, Unit::kShare, most); },
              .x_unit = "predicted probability",
              .diagonal = true};
  Series line{"live", "live", {}};
  for (const auto& bin : bins) {
    chart.at.push_back(bin.mean_prediction);
    line.values.push_back(bin.share_positive);
    chart.tips.push_back(fmt::format("predicted {}\ncame true {}\n{} predictions",
                                     format_value(bin.mean_prediction, Unit::kShare, 0.001),
                                     format_value(bin.share_positive, Unit::kShare, 0.001), bin.rows));
  }
  chart.lines.push_back(std::move(line));
  return chart;
}

}  // namespace millrace::cli
