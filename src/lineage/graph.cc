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

Json to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back(to_json(node));
  Json edges = Json::array();
  for (const Edge& edge : graph.edges) edges.push_back({{"from", edge.from}, {"to", edge.to}});
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}, {"truncated", graph.truncated}};
}

}  // namespace millrace::lineage
