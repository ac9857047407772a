#include "cli/replay/chart.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "cli/replay/html.h"

namespace millrace::cli {
namespace {

constexpr double kTop = 30;  // for the unit's name
constexpr double kLaneGap = 12;
constexpr double kLaneHeight = 24;
constexpr double kAxisHeight = 24;
constexpr double kUnitHeight = 18;
constexpr double kLabelGap = 16;
constexpr double kCharacter = 7.2;  // about the width of one

Range y_range(const Chart& chart, const Layout& layout) {
  std::vector<double> values;
  for (const auto* group : {&chart.lines, &chart.bars})
    for (const auto& series : *group) values.insert(values.end(), series.values.begin(), series.values.end());
  for (const auto& rule : chart.rules) values.push_back(rule.value);
  if (chart.diagonal) return chart.x;
  return axis_range(values, chart.floor, layout.y_ticks);
}

// Draws one chart in one layout.
class Drawing {
 public:
  Drawing(const Chart& chart, const Layout& layout)
      : chart_(chart),
        layout_(layout),
        right_(layout.width - layout.right),
        bottom_(kTop + layout.plot_height),
        x_{chart.x, layout.left, right_},
        y_{y_range(chart, layout), bottom_, kTop} {}

  std::string draw() {
    add(R"(<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">)", layout_.width, height(),
        escape_html(chart_.title + ". " + chart_.summary));
    draw_bands();
    draw_y_axis();
    draw_lanes();
    draw_x_axis();
    draw_bars();
    draw_rules();
    for (const auto& line : chart_.lines) draw_line(line);
    draw_line_names();
    draw_pointers();
    draw_lane_pointers();
    add("</svg>");
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  double lanes_height() const {
    return chart_.lanes.empty() ? 0 : kLaneGap + kLaneHeight * static_cast<double>(chart_.lanes.size());
  }
  double foot() const { return bottom_ + lanes_height(); }
  double height() const { return foot() + kAxisHeight + (chart_.x_unit.empty() ? 0 : kUnitHeight); }
  double lane_middle(std::size_t lane) const {
    return bottom_ + kLaneGap + kLaneHeight * (static_cast<double>(lane) + 0.5);
  }
  double clamped_x(double value) const { return std::clamp(x_(value), layout_.left, right_); }

  void draw_bands() {
    for (std::size_t i = 0; i < chart_.bands.size(); ++i) {
      const auto& band = chart_.bands[i];
      auto from = clamped_x(band.x.low), to = clamped_x(band.x.high);
      if (to <= from) continue;
      add(R"(<rect class="band{}" x="{:.1f}" y="{:g}" width="{:.1f}" height="{:.1f}"/>)", i % 2, from, kTop, to - from,
          foot() - kTop);
      if (from > layout_.left) add(R"(<path class="turn" d="M{:.1f} {:g}V{:.1f}"/>)", from, kTop, foot());
      if (to - from > kCharacter * static_cast<double>(band.name.size()) + 4)
        add(R"(<text class="name" x="{:.1f}" y="{:g}">{}</text>)", from + 5, kTop + 14, escape_html(band.name));
    }
  }

  void draw_y_axis() {
    for (const auto& tick : value_ticks(y_.values, chart_.format, layout_.y_ticks)) {
      add(R"(<path class="{}" d="M{:g} {:.1f}H{:.1f}"/>)", tick.value == 0 ? "axis" : "grid", layout_.left,
          y_(tick.value), right_);
      add(R"(<text class="tick" text-anchor="end" x="{:g}" y="{:.1f}">{}</text>)", layout_.left - 8, y_(tick.value) + 4,
          tick.label);
    }
    add(R"(<text class="unit" x="0" y="12">{}</text>)", escape_html(chart_.unit));
  }

  void draw_x_axis() {
    for (const auto& tick : chart_.x_ticks(layout_.x_ticks)) {
      if (!chart_.x.contains(tick.value)) continue;
      auto x = x_(tick.value);
      add(R"(<path class="axis" d="M{:.1f} {:.1f}v5"/>)", x, foot());
      add(R"(<text class="tick" text-anchor="middle" x="{:.1f}" y="{:.1f}">{}</text>)", x, foot() + 18, tick.label);
    }
    add(R"(<path class="axis" d="M{:g} {:.1f}H{:.1f}"/>)", layout_.left, foot(), right_);
    if (!chart_.x_unit.empty())
      add(R"(<text class="unit" text-anchor="end" x="{:.1f}" y="{:.1f}">{}</text>)", right_, foot() + kAxisHeight + 12,
          escape_html(chart_.x_unit));
  }

  void draw_bars() {
    auto count = static_cast<double>(chart_.bars.size());
    auto whole = x_.values.length() > 0 ? chart_.bar_span / x_.values.length() * (right_ - layout_.left) : 0;
    auto width = std::max(1.0, (whole - std::min(3.0, whole * 0.25)) / std::max(1.0, count));
    for (std::size_t s = 0; s < chart_.bars.size(); ++s)
      for (std::size_t i = 0; i < chart_.at.size(); ++i)
        draw_bar(chart_.bars[s], i, x_(chart_.at[i]) + (static_cast<double>(s) - count / 2) * width, width);
  }

  void draw_bar(const Series& series, std::size_t i, double x, double width) {
    auto value = series.values[i];
    if (!std::isfinite(value)) return;
    auto zero = y_(std::clamp(0.0, y_.values.low, y_.values.high)), end = y_(value);
    add(R"(<rect class="bar {}{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", series.style,
        value < 0 ? " below" : "", x, std::min(zero, end), width, std::abs(end - zero));
  }

  void draw_rules() {
    if (chart_.diagonal)
      add(R"(<path class="rule" d="M{:g} {:.1f}L{:.1f} {:g}"/>)", layout_.left, bottom_, right_, kTop);
    for (const auto& rule : chart_.rules) {
      add(R"(<path class="rule" d="M{:g} {:.1f}H{:.1f}"/>)", layout_.left, y_(rule.value), right_);
      add(R"(<text class="tick" x="{:.1f}" y="{:.1f}">{}</text>)", right_ + 6, y_(rule.value) + 4,
          escape_html(rule.name));
    }
  }

  void draw_line(const Series& line) {
    std::string path;
    bool pen_down = false;
    for (std::size_t i = 0; i < chart_.at.size(); ++i) {
      if (std::isfinite(line.values[i]))
        path += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x_(chart_.at[i]), y_(line.values[i]));
      pen_down = std::isfinite(line.values[i]);
    }
    if (path.empty()) return;
    add(R"(<path class="line {}" d="{}"/>)", line.style, path);
    for (std::size_t i = 0; i < chart_.at.size(); ++i)
      if (std::isfinite(line.values[i]))
        add(R"(<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.6"/>)", line.style, x_(chart_.at[i]),
            y_(line.values[i]));
  }

  // Each line's name beside its last point.
  void draw_line_names() {
    std::vector<double> heights;
    for (const auto& line : chart_.lines) {
      auto last = std::find_if(line.values.rbegin(), line.values.rend(), [](double v) { return std::isfinite(v); });
      heights.push_back(last == line.values.rend() ? bottom_ : y_(*last));
    }
    auto places = spread_labels(heights, kLabelGap, {kTop, bottom_});
    auto x = (chart_.at.empty() ? right_ : std::min(right_, x_(chart_.at.back()))) + 7;
    for (std::size_t i = 0; i < chart_.lines.size(); ++i)
      add(R"(<text class="name {}" x="{:.1f}" y="{:.1f}">{}</text>)", chart_.lines[i].style, x, places[i] + 4,
          escape_html(chart_.lines[i].name));
  }

  void draw_lanes() {
    for (std::size_t i = 0; i < chart_.lanes.size(); ++i) {
      const auto& lane = chart_.lanes[i];
      add(R"(<path class="grid" d="M{:g} {:.1f}H{:.1f}"/>)", layout_.left, lane_middle(i), right_);
      add(R"(<text class="name {}" text-anchor="end" x="{:g}" y="{:.1f}">{}</text>)", lane.style, layout_.left - 8,
          lane_middle(i) + 4, escape_html(lane.name));
      for (std::size_t m = 0; m < lane.marks.size(); ++m) draw_mark(lane, m, lane_middle(i));
    }
  }

  void draw_mark(const Lane& lane, std::size_t index, double y) {
    const auto& mark = lane.marks[index];
    auto x = clamped_x(mark.x);
    add(R"_(<path class="mark {}" transform="translate({:.1f} {:.1f})" d="{}"/>)_", lane.style, x, y,
        outline(lane.shape));
    auto next = index + 1 < lane.marks.size() ? clamped_x(lane.marks[index + 1].x) - 8 : layout_.width;
    if (mark.text.empty() || x + 9 + kCharacter * static_cast<double>(mark.text.size()) > next) return;
    add(R"(<text class="name {}" x="{:.1f}" y="{:.1f}">{}</text>)", lane.style, x + 9, y + 4, escape_html(mark.text));
  }

  static const char* outline(Shape shape) {
    switch (shape) {
      case Shape::kDisc:
        return "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0Z";
      case Shape::kCross:
        return "M-5 -5L5 5M-5 5L5 -5";
      case Shape::kDiamond:
        return "M0 -6.5L6.5 0L0 6.5L-6.5 0Z";
      case Shape::kTriangle:
        return "M-6.5 -5.5H6.5L0 6Z";
    }
    return "";
  }

  // For each x an invisible column that shows its values when it is pointed at.
  void draw_pointers() {
    for (std::size_t i = 0; i < chart_.tips.size() && i < chart_.at.size(); ++i) {
      auto x = x_(chart_.at[i]);
      auto from = i == 0 ? layout_.left : (x_(chart_.at[i - 1]) + x) / 2;
      auto to = i + 1 == chart_.at.size() ? right_ : (x + x_(chart_.at[i + 1])) / 2;
      add(R"(<g class="hit" data-tip="{}"><rect x="{:.1f}" y="{:g}" width="{:.1f}" height="{:.1f}"/>)",
          escape_html(chart_.tips[i]), from, kTop, std::max(0.0, to - from), foot() - kTop);
      add(R"(<path class="cursor" d="M{:.1f} {:g}V{:.1f}"/>)", x, kTop, foot());
      for (const auto& line : chart_.lines)
        if (std::isfinite(line.values[i]))
          add(R"(<circle class="focus {}" cx="{:.1f}" cy="{:.1f}" r="5"/>)", line.style, x, y_(line.values[i]));
      add("</g>");
    }
  }

  void draw_lane_pointers() {
    for (std::size_t i = 0; i < chart_.lanes.size(); ++i)
      for (const auto& mark : chart_.lanes[i].marks)
        add(R"(<circle class="point" data-tip="{}" cx="{:.1f}" cy="{:.1f}" r="11"/>)", escape_html(mark.tip),
            clamped_x(mark.x), lane_middle(i));
  }

  const Chart& chart_;
  const Layout& layout_;
  double right_;
  double bottom_;
  Scale x_;
  Scale y_;
  std::string out_;
};

}  // namespace

std::string draw_chart(const Chart& chart, const Layout& layout) { return Drawing(chart, layout).draw(); }

std::vector<double> spread_labels(std::vector<double> wanted, double gap, Range room) {
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(wanted[i], i); });
  auto least = room.low;
  for (auto i : order) wanted[i] = std::max(wanted[i], least), least = wanted[i] + gap;
  auto most = room.high;
  for (auto it = order.rbegin(); it != order.rend(); ++it)
    wanted[*it] = std::min(wanted[*it], most), most = wanted[*it] - gap;
  return wanted;
}

}  // namespace millrace::cli
