#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/time.h"

namespace millrace::cli {

struct Range {
  double low = 0;
  double high = 1;

  double length() const { return high - low; }
  bool contains(double value) const { return value >= low && value <= high; }
};

// Maps a range of values to a range of pixels, linearly. An empty range maps to the middle.
struct Scale {
  Range values;
  double first_pixel = 0;
  double last_pixel = 0;

  double operator()(double value) const;
};

struct Tick {
  double value = 0;
  std::string label;
};

enum class Unit { kNumber, kShare };  // a share is written in percent

// With as many decimals as tell multiples of `step` apart: "0.405", "12.5 %".
std::string format_value(double value, Unit unit, double step);

// The distance between ticks, 1, 2 or 5 times a power of ten, for which a range has at most `most` ticks.
double tick_step(Range range, int most);

// The range of the finite values, opened a little at both ends and rounded outwards to whole ticks; from zero where
// asked.
enum class Floor { kFree, kZero };
Range axis_range(std::span<const double> values, Floor floor, int most_ticks);

std::vector<Tick> value_ticks(Range range, Unit unit, int most);

// Ticks at days, Mondays, months, quarters or years: the finest of which there are at most `most`. Values are
// microseconds since 1970.
std::vector<Tick> time_ticks(Timestamp from, Timestamp to, int most);

// "5 Mar", "5 Mar 2001"
std::string format_day(Timestamp time);
std::string format_date(Timestamp time);

}  // namespace millrace::cli
