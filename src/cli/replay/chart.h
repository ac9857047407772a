#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/replay/scale.h"

namespace millrace::cli {

// One value for each x of the chart; a line breaks where it is NaN. `style` is a class of the report's style sheet.
struct Series {
  std::string name;
  std::string style;
  std::vector<double> values;
};

// A span of x with a name at its top.
struct Band {
  Range x;
  std::string name;
};

// A level of y that something is compared with.
struct Rule {
  double value = 0;
  std::string name;
};

enum class Shape { kDisc, kCross, kDiamond, kTriangle };

struct Mark {
  double x = 0;
  std::string text;  // beside it, where there is room
  std::string tip;   // shown when pointed at
};

// A row below the plot with what happened, on the plot's x.
struct Lane {
  std::string name;
  std::string style;
  Shape shape = Shape::kDisc;
  std::vector<Mark> marks;
};

// What is drawn, without where. Texts are plain; drawing escapes them.
struct Chart {
  std::string title;  // with `summary` what a screen reader says
  std::string summary;
  std::string unit;  // what the y axis counts; stands above it
  Unit format = Unit::kNumber;
  Floor floor = Floor::kFree;
  Range x;
  std::function<std::vector<Tick>(int most)> x_ticks;
  std::string x_unit;  // below the x axis; may be empty
  std::vector<double> at;
  std::vector<Series> lines;
  std::vector<Series> bars;  // side by side
  double bar_span = 0;       // of x, that the bars of one x share
  std::vector<Rule> rules;
  bool diagonal = false;  // draws y = x
  std::vector<Band> bands;
  std::vector<Lane> lanes;
  std::vector<std::string> tips;  // for each x, shown when it is pointed at
};

// In pixels at its natural size; the drawing scales with its frame.
struct Layout {
  double width = 0;
  double plot_height = 0;
  double left = 0;
  double right = 0;
  int x_ticks = 0;
  int y_ticks = 0;
};

constexpr Layout kWideLayout{.width = 1080, .plot_height = 300, .left = 84, .right = 76, .x_ticks = 12, .y_ticks = 7};
constexpr Layout kNarrowLayout{.width = 380, .plot_height = 230, .left = 68, .right = 50, .x_ticks = 6, .y_ticks = 6};
constexpr Layout kSmallLayout{.width = 360, .plot_height = 160, .left = 48, .right = 64, .x_ticks = 6, .y_ticks = 5};

// An <svg> element, to stand in HTML.
std::string draw_chart(const Chart& chart, const Layout& layout);

// Places for labels at the heights wanted, in the same order, moved so that they are at least `gap` apart and inside
// `room`, as long as they fit.
std::vector<double> spread_labels(std::vector<double> wanted, double gap, Range room);

}  // namespace millrace::cli
