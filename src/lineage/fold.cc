#include "lineage/fold.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace millrace::lineage {

namespace {

constexpr std::size_t kLeast = 3;

using Neighbours = std::map<std::string_view, std::vector<std::string_view>>;

// "dataset:flights/" of "dataset:flights/12"; empty for what is no dataset version.
std::string_view stem_of(std::string_view id) {
  const auto slash = id.rfind('/');
  if (!id.starts_with("dataset:") || slash == std::string_view::npos) return {};
  return id.substr(0, slash + 1);
}

Json number_of(std::string_view id) { return parse_json(id.substr(stem_of(id).size())).value_or(nullptr); }

std::string_view only(const Neighbours& neighbours, std::string_view id) {
  const auto found = neighbours.find(id);
  return found == neighbours.end() || found->second.size() != 1 ? std::string_view() : found->second.front();
}

class Folder {
 public:
  explicit Folder(const Graph& graph) : graph_(graph) {
    for (const Edge& edge : graph.edges) {
      next_[edge.from].push_back(edge.to);
      before_[edge.to].push_back(edge.from);
    }
  }

  Graph fold() {
    for (const Node& node : graph_.nodes) {
      if (!leads_on(node.id).empty() && begins(node.id)) fold_from(node.id);
    }
    return result();
  }

 private:
  // The next version where both have nothing else between them.
  std::string_view leads_on(std::string_view id) const {
    const auto next = only(next_, id);
    if (next.empty() || id == graph_.root || next == graph_.root) return {};
    const bool same = !stem_of(id).empty() && stem_of(id) == stem_of(next);
    return same && only(before_, next) == id ? next : std::string_view();
  }
  bool begins(std::string_view id) const {
    const auto before = only(before_, id);
    return before.empty() || leads_on(before) != id;
  }

  void fold_from(std::string_view first) {
    std::vector<std::string_view> chain{first};
    while (!leads_on(chain.back()).empty()) chain.push_back(leads_on(chain.back()));
    if (chain.size() < kLeast) return;
    for (const auto id : chain) stands_for_[id] = chain.back();
    first_[chain.back()] = first;
  }

  std::string_view shown(std::string_view id) const {
    const auto found = stands_for_.find(id);
    return found == stands_for_.end() ? id : found->second;
  }

  Graph result() const {
    Graph folded{.root = graph_.root, .truncated = graph_.truncated};
    for (const Node& node : graph_.nodes) {
      if (shown(node.id) != node.id) continue;
      folded.nodes.push_back(node);
      if (const auto first = first_.find(node.id); first != first_.end()) {
        folded.nodes.back().data["versions"] = {{"first", number_of(first->second)}, {"last", number_of(node.id)}};
      }
    }
    std::set<Edge> edges;
    for (const Edge& edge : graph_.edges) {
      Edge between{std::string(shown(edge.from)), std::string(shown(edge.to))};
      if (between.from != between.to) edges.insert(std::move(between));
    }
    folded.edges.assign(edges.begin(), edges.end());
    return folded;
  }

  const Graph& graph_;
  Neighbours next_, before_;
  std::map<std::string_view, std::string_view> stands_for_;
  std::map<std::string_view, std::string_view> first_;
};

}  // namespace

Graph fold_versions(const Graph& graph) { return Folder(graph).fold(); }

}  // namespace millrace::lineage
