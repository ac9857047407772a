#pragma once

#include <cstddef>
#include <vector>

#include "lineage/graph.h"

namespace millrace::lineage {

// Sizes in pixels.
struct LayoutSizes {
  double width = 196;      // of a box
  double height = 54;      //
  double column_gap = 72;  // between layers
  double row_gap = 18;     // between boxes of a layer
  double thread_gap = 14;  // between edges that pass through a layer, and boxes
};

struct Point {
  double x = 0;
  double y = 0;
};

struct Route {
  std::size_t from = 0;       // indexes into the graph's nodes
  std::size_t to = 0;         //
  std::vector<Point> points;  // from the one box's side to the other's, by way of the layers between
};

struct Layout {
  std::vector<Point> boxes;  // the upper left corners, one a node of the graph
  std::vector<int> layers;   // from 0, the cause
  std::vector<Route> routes;
  double width = 0;
  double height = 0;
};

// A layered drawing, causes left of what came of them, after Sugiyama, Tagawa and Toda (1981): edges that close a cycle
// are turned, layers are longest paths, long edges pass through the layers between, crossings are lessened by sweeps of
// barycentres, and boxes come as near to the mean of their neighbours as their order lets them (isotonic regression).
// The same graph gives the same layout. Edges to nodes that are not in the graph are left out.
Layout lay_out(const Graph& graph, const LayoutSizes& sizes = {});

}  // namespace millrace::lineage
