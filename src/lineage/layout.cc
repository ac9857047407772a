#include "lineage/layout.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

namespace millrace::lineage {

namespace {

constexpr int kSweeps = 12;
constexpr int kSettlings = 10;

// A box, or where a long edge passes through a layer.
struct Cell {
  int layer = 0;
  bool is_box = true;
  double centre = 0;
  std::vector<std::size_t> left, right;  // cells of the neighbouring layers
};

using Pair = std::pair<std::size_t, std::size_t>;

// Edges by index, each once, without loops.
std::vector<Pair> edges_of(const Graph& graph) {
  std::map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) index.emplace(graph.nodes[i].id, i);
  std::vector<Pair> edges;
  for (const Edge& edge : graph.edges) {
    const auto from = index.find(edge.from);
    const auto to = index.find(edge.to);
    if (from != index.end() && to != index.end() && from != to) edges.emplace_back(from->second, to->second);
  }
  std::ranges::sort(edges);
  const auto repeated = std::ranges::unique(edges);
  edges.erase(repeated.begin(), repeated.end());
  return edges;
}

// The nodes in an order in which all edges but those that close a cycle go forward: depth first, without recursion.
std::vector<std::size_t> order_of(std::size_t nodes, const std::vector<Pair>& edges) {
  std::vector<std::vector<std::size_t>> next(nodes);
  for (const auto& [from, to] : edges) next[from].push_back(to);
  std::vector<bool> seen(nodes, false);
  std::vector<std::size_t> order;
  for (std::size_t root = 0; root < nodes; ++root) {
    if (seen[root]) continue;
    seen[root] = true;
    std::vector<Pair> path{{root, 0}};  // a node, and how many of its edges were followed
    while (!path.empty()) {
      auto& [node, followed] = path.back();
      if (followed == next[node].size()) {
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const std::size_t to = next[node][followed++];
      if (seen[to]) continue;
      seen[to] = true;
      path.emplace_back(to, 0);
    }
  }
  std::ranges::reverse(order);
  return order;
}

// Longest paths; causes without causes are moved up to just before what came of them.
std::vector<int> layers_of(std::size_t nodes, const std::vector<Pair>& forward, const std::vector<std::size_t>& order) {
  std::vector<std::vector<std::size_t>> next(nodes);
  std::vector<int> causes(nodes, 0);
  for (const auto& [from, to] : forward) next[from].push_back(to), ++causes[to];
  std::vector<int> layers(nodes, 0);
  for (const std::size_t node : order) {
    for (const std::size_t to : next[node]) layers[to] = std::max(layers[to], layers[node] + 1);
  }
  for (const std::size_t node : order) {
    if (causes[node] > 0 || next[node].empty()) continue;
    const auto nearest = std::ranges::min(next[node], {}, [&](std::size_t to) { return layers[to]; });
    layers[node] = layers[nearest] - 1;
  }
  return layers;
}

class Drawing {
 public:
  Drawing(const Graph& graph, const LayoutSizes& sizes) : sizes_(sizes), boxes_(graph.nodes.size()) {
    const auto edges = edges_of(graph);
    const auto order = order_of(boxes_, edges);
    std::vector<std::size_t> place(boxes_);
    for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    std::vector<Pair> forward;
    for (const auto& [from, to] : edges) {
      forward.push_back(place[from] < place[to] ? Pair(from, to) : Pair(to, from));
    }
    const auto layers = layers_of(boxes_, forward, order);
    for (const int layer : layers) cells_.push_back({.layer = layer});
    for (std::size_t i = 0; i < edges.size(); ++i) thread(edges[i], forward[i]);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const auto layer = static_cast<std::size_t>(cells_[i].layer);
      if (layer >= layers_.size()) layers_.resize(layer + 1);
      layers_[layer].push_back(i);
    }
  }

  Layout draw() {
    for (int sweep = 0; sweep < kSweeps; ++sweep) sort_layers(sweep % 2 == 0);
    keep_best();
    stack();
    for (int i = 0; i < kSettlings; ++i) settle_layers(i % 2 == 0);
    return result();
  }

 private:
  // An edge as the cells that it passes through.
  void thread(const Pair& edge, const Pair& forward) {
    Route route{.from = edge.first, .to = edge.second};
    std::vector<std::size_t> path{forward.first};
    for (int layer = cells_[forward.first].layer + 1; layer < cells_[forward.second].layer; ++layer) {
      cells_.push_back({.layer = layer, .is_box = false});
      path.push_back(cells_.size() - 1);
    }
    path.push_back(forward.second);
    for (std::size_t i = 1; i < path.size(); ++i) {
      cells_[path[i - 1]].right.push_back(path[i]);
      cells_[path[i]].left.push_back(path[i - 1]);
    }
    paths_.push_back(std::move(path));
    turned_.push_back(edge != forward);
    routes_.push_back(std::move(route));
  }

  std::vector<std::size_t> places() const {
    std::vector<std::size_t> place(cells_.size());
    for (const auto& layer : layers_) {
      for (std::size_t i = 0; i < layer.size(); ++i) place[layer[i]] = i;
    }
    return place;
  }

  // Each layer in the order of the mean place of its cells' neighbours; cells without any stay where they are.
  void sort_layers(bool to_the_right) {
    auto place = places();
    for (std::size_t step = 1; step < layers_.size(); ++step) {
      auto& layer = layers_[to_the_right ? step : layers_.size() - 1 - step];
      std::map<std::size_t, double> mean;
      for (const std::size_t cell : layer) {
        const auto& near = to_the_right ? cells_[cell].left : cells_[cell].right;
        double sum = 0;
        for (const std::size_t other : near) sum += static_cast<double>(place[other]);
        mean[cell] = near.empty() ? static_cast<double>(place[cell]) : sum / static_cast<double>(near.size());
      }
      std::ranges::sort(layer, {}, [&](std::size_t cell) { return std::pair(mean[cell], place[cell]); });
      for (std::size_t i = 0; i < layer.size(); ++i) place[layer[i]] = i;
    }
    const auto now = crossings();
    if (best_.empty() || now < fewest_) best_ = layers_, fewest_ = now;
  }

  std::size_t crossings() const {
    const auto place = places();
    std::size_t count = 0;
    for (const auto& layer : layers_) {
      std::vector<std::size_t> ends;  // of the layer's edges, in the order of their beginnings
      for (const std::size_t cell : layer) {
        auto right = cells_[cell].right;
        std::ranges::sort(right, {}, [&](std::size_t other) { return place[other]; });
        for (const std::size_t other : right) ends.push_back(place[other]);
      }
      count += inversions(ends);
    }
    return count;
  }

  static std::size_t inversions(std::vector<std::size_t>& ends) {
    std::size_t count = 0;
    std::vector<std::size_t> sorted;
    for (const std::size_t end : ends) {
      const auto at = std::ranges::upper_bound(sorted, end);
      count += static_cast<std::size_t>(sorted.end() - at);
      sorted.insert(at, end);
    }
    return count;
  }

  void keep_best() {
    if (!best_.empty()) layers_ = best_;
  }

  // How far apart the centres of two cells above each other must be.
  double distance(std::size_t upper, std::size_t lower) const {
    const auto half = [&](std::size_t cell) { return cells_[cell].is_box ? sizes_.height / 2 : 0.0; };
    const bool boxes = cells_[upper].is_box && cells_[lower].is_box;
    return half(upper) + half(lower) + (boxes ? sizes_.row_gap : sizes_.thread_gap);
  }

  void stack() {
    for (const auto& layer : layers_) {
      for (std::size_t i = 1; i < layer.size(); ++i) {
        cells_[layer[i]].centre = cells_[layer[i - 1]].centre + distance(layer[i - 1], layer[i]);
      }
      if (layer.empty()) continue;
      const double middle = cells_[layer.back()].centre / 2;
      for (const std::size_t cell : layer) cells_[cell].centre -= middle;
    }
  }

  void settle_layers(bool to_the_right) {
    for (std::size_t step = 0; step < layers_.size(); ++step) {
      settle(layers_[to_the_right ? step : layers_.size() - 1 - step]);
    }
  }

  double wanted(const Cell& cell) const {
    double sum = 0;
    for (const std::size_t other : cell.left) sum += cells_[other].centre;
    for (const std::size_t other : cell.right) sum += cells_[other].centre;
    const std::size_t count = cell.left.size() + cell.right.size();
    return count == 0 ? cell.centre : sum / static_cast<double>(count);
  }

  // The least squares to what each wants, in order and at their distances: pools of adjacent violators.
  void settle(const std::vector<std::size_t>& layer) {
    struct Pool {
      double sum = 0;
      std::size_t size = 0;
      double mean() const { return sum / static_cast<double>(size); }
    };
    std::vector<double> offset(layer.size(), 0);
    std::vector<Pool> pools;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      if (i > 0) offset[i] = offset[i - 1] + distance(layer[i - 1], layer[i]);
      pools.push_back({wanted(cells_[layer[i]]) - offset[i], 1});
      while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back().sum += last.sum;
        pools.back().size += last.size;
      }
    }
    std::size_t i = 0;
    for (const Pool& pool : pools) {
      for (std::size_t n = 0; n < pool.size; ++n, ++i) cells_[layer[i]].centre = pool.mean() + offset[i];
    }
  }

  double left_of(std::size_t cell) const { return cells_[cell].layer * (sizes_.width + sizes_.column_gap); }

  Layout result() {
    double top = 0;
    double bottom = 0;
    for (const Cell& cell : cells_) {
      top = std::min(top, cell.centre - sizes_.height / 2);
      bottom = std::max(bottom, cell.centre + sizes_.height / 2);
    }
    Layout layout{.width = static_cast<double>(layers_.size()) * (sizes_.width + sizes_.column_gap) - sizes_.column_gap,
                  .height = bottom - top};
    for (std::size_t i = 0; i < boxes_; ++i) {
      layout.boxes.push_back({left_of(i), cells_[i].centre - sizes_.height / 2 - top});
      layout.layers.push_back(cells_[i].layer);
    }
    for (std::size_t i = 0; i < routes_.size(); ++i) layout.routes.push_back(route(i, top));
    return layout;
  }

  // Leaves a box at its right side, passes straight through the layers between, and ends at the left side.
  Route route(std::size_t number, double top) {
    Route route = std::move(routes_[number]);
    const auto& path = paths_[number];
    for (std::size_t i = 0; i < path.size(); ++i) {
      const double y = cells_[path[i]].centre - top;
      if (i > 0) route.points.push_back({left_of(path[i]), y});
      if (i + 1 < path.size()) route.points.push_back({left_of(path[i]) + sizes_.width, y});
    }
    if (turned_[number]) std::ranges::reverse(route.points);
    return route;
  }

  const LayoutSizes sizes_;
  const std::size_t boxes_;
  std::vector<Cell> cells_;  // the graph's nodes first
  std::vector<std::vector<std::size_t>> layers_;
  std::vector<std::vector<std::size_t>> best_;
  std::size_t fewest_ = 0;
  std::vector<Route> routes_;
  std::vector<std::vector<std::size_t>> paths_;
  std::vector<bool> turned_;
};

}  // namespace

Layout lay_out(const Graph& graph, const LayoutSizes& sizes) {
  if (graph.nodes.empty()) return {};
  return Drawing(graph, sizes).draw();
}

}  // namespace millrace::lineage
