#include "cli/replay/scale.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace millrace::cli {
namespace {

namespace chrono = std::chrono;

constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

chrono::sys_days day_of(Timestamp time) {
  return chrono::floor<chrono::days>(chrono::sys_time<Duration>(Duration(time.us)));
}

Timestamp moment(chrono::sys_days day) { return {chrono::sys_time<Duration>(day).time_since_epoch().count()}; }

const char* month_name(chrono::year_month_day day) { return kMonths[static_cast<unsigned>(day.month()) - 1]; }

// The first day at or after `day` that is a multiple of so many days from a Monday.
chrono::sys_days on_grid_of_days(chrono::sys_days day, int days) {
  constexpr int kMonday = 4;  // 1970-01-05
  auto offset = (day.time_since_epoch().count() - kMonday) % days;
  return day + chrono::days((days - offset) % days);
}

chrono::sys_days on_grid_of_months(chrono::sys_days day, unsigned months) {
  chrono::year_month_day date(day);
  auto first = chrono::year_month(date.year(), date.month());
  if (date.day() != chrono::day(1)) first += chrono::months(1);
  while ((static_cast<unsigned>(first.month()) - 1) % months != 0) first += chrono::months(1);
  return first / chrono::day(1);
}

struct TimeStep {
  int days = 0;
  int months = 0;

  chrono::sys_days first(chrono::sys_days day) const {
    return months > 0 ? on_grid_of_months(day, static_cast<unsigned>(months)) : on_grid_of_days(day, days);
  }
  chrono::sys_days next(chrono::sys_days day) const {
    if (months == 0) return day + chrono::days(days);
    chrono::year_month_day date(day);
    return (chrono::year_month(date.year(), date.month()) + chrono::months(months)) / chrono::day(1);
  }
  std::string label(chrono::sys_days day) const {
    chrono::year_month_day date(day);
    if (months >= 12) return fmt::format("{}", static_cast<int>(date.year()));
    if (months > 0) return month_name(date);
    return fmt::format("{} {}", static_cast<unsigned>(date.day()), month_name(date));
  }
};

constexpr std::array kTimeSteps{TimeStep{.days = 1},   TimeStep{.days = 7},   TimeStep{.days = 14},
                                TimeStep{.months = 1}, TimeStep{.months = 3}, TimeStep{.months = 6},
                                TimeStep{.months = 12}};

std::vector<Tick> ticks_by(const TimeStep& step, Timestamp from, Timestamp to) {
  std::vector<Tick> ticks;
  auto midnight = day_of(from);
  auto day = step.first(moment(midnight) < from ? midnight + chrono::days(1) : midnight);
  for (; moment(day) <= to && ticks.size() < 1000; day = step.next(day))
    ticks.push_back({static_cast<double>(moment(day).us), step.label(day)});
  return ticks;
}

}  // namespace

double Scale::operator()(double value) const {
  auto part = values.length() > 0 ? (value - values.low) / values.length() : 0.5;
  return first_pixel + part * (last_pixel - first_pixel);
}

std::string format_value(double value, Unit unit, double step) {
  if (!std::isfinite(value)) return "–";
  auto scaled = unit == Unit::kShare ? 100 : 1;
  auto decimals = step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step * scaled) - 1e-9)), 0, 8) : 3;
  auto shown = value * scaled;
  if (std::abs(shown) < 0.5 * std::pow(10, -decimals)) shown = 0;  // never "-0"
  return fmt::format("{:.{}f}{}", shown, decimals, unit == Unit::kShare ? " %" : "");
}

double tick_step(Range range, int most) {
  if (!(range.length() > 0) || most < 2) return 1;
  auto power = std::pow(10, std::floor(std::log10(range.length() / most)));
  for (double factor : {1.0, 2.0, 5.0, 10.0, 20.0})
    if (range.length() / (factor * power) <= most - 1 + 1e-9) return factor * power;
  return 50 * power;
}

Range axis_range(std::span<const double> values, Floor floor, int most_ticks) {
  Range range{INFINITY, -INFINITY};
  for (double value : values)
    if (std::isfinite(value)) range = {std::min(range.low, value), std::max(range.high, value)};
  if (range.low > range.high) range = {0, 1};
  if (floor == Floor::kZero) range = {std::min(0.0, range.low), std::max(0.0, range.high)};
  if (!(range.length() > 0)) range = {range.low, range.low + std::max(std::abs(range.low), 1e-3)};
  auto room = 0.04 * range.length();
  bool from_zero = floor == Floor::kZero && range.low == 0, to_zero = floor == Floor::kZero && range.high == 0;
  range = {range.low - (from_zero ? 0 : room), range.high + (to_zero ? 0 : room)};
  auto step = tick_step(range, most_ticks);
  return {std::floor(range.low / step + 1e-9) * step, std::ceil(range.high / step - 1e-9) * step};
}

std::vector<Tick> value_ticks(Range range, Unit unit, int most) {
  std::vector<Tick> ticks;
  auto step = tick_step(range, most);
  auto first = std::ceil(range.low / step - 1e-9), last = std::floor(range.high / step + 1e-9);
  for (auto at = first; at <= last && ticks.size() < 100; ++at)
    ticks.push_back({at * step, format_value(at * step, unit, step)});
  return ticks;
}

std::vector<Tick> time_ticks(Timestamp from, Timestamp to, int most) {
  for (const auto& step : kTimeSteps)
    if (auto ticks = ticks_by(step, from, to); ticks.size() <= static_cast<std::size_t>(most)) return ticks;
  return {};
}

std::string format_day(Timestamp time) {
  chrono::year_month_day date(day_of(time));
  return fmt::format("{} {}", static_cast<unsigned>(date.day()), month_name(date));
}

std::string format_date(Timestamp time) {
  chrono::year_month_day date(day_of(time));
  return fmt::format("{} {}", format_day(time), static_cast<int>(date.year()));
}

}  // namespace millrace::cli
