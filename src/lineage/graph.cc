#include "lineage/graph.h"

namespace millrace::lineage {

namespace {

Json to_json(const Node& node) {
  Json json = {{"id", node.id}, {"kind", node.kind}, {"name", node.name}, {"hops", node.hops}};
  if (node.event_time != Timestamp{}) json["event_time"] = format_time(node.event_time);
  if (!node.data.empty()) json["data"] = node.data;
  return json;
}

}  // namespace

std::string_view to_text(Direction direction) {
  switch (direction) {
    case Direction::kUpstream:
      return "upstream";
    case Direction::kDownstream:
      return "downstream";
    case Direction::kBoth:
      return "both";
  }
  return {};
}

bool from_text(std::string_view text, Direction& direction) {
  for (const auto known : {Direction::kUpstream, Direction::kDownstream, Direction::kBoth}) {
    if (text != to_text(known)) continue;
    direction = known;
    return true;
  }
  return false;
}

Json to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back(to_json(node));
  Json edges = Json::array();
  for (const Edge& edge : graph.edges) edges.push_back({{"from", edge.from}, {"to", edge.to}});
  return {
      {"root", graph.root}, {"nodes", std::move(nodes)}, {"edges", std::move(edges)}, {"truncated", graph.truncated}};
}

}  // namespace millrace::lineage
