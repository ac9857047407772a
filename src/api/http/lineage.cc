#include "lineage/lineage.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/http/model_folder.h"
#include "api/http/resources.h"
#include "lineage/graph.h"
#include "lineage/picture.h"
#include "registry/lineage_source.h"
#include "registry/registry.h"

namespace millrace::api {
namespace {

using lineage::Direction;
using lineage::Graph;
using net::Request;

// "dataset:flights" and "model:delays" mean the newest version, "model:delays@champion" the one that is that now.
Result<std::string> resolve(Services& services, const std::string& node) {
  const auto colon = node.find(':');
  const auto kind = node.substr(0, colon);
  if (colon == std::string::npos || (kind != "dataset" && kind != "model")) return node;
  const auto name = node.substr(colon + 1);
  const auto at = name.find('@');
  if (kind == "model" && at != std::string::npos) {
    const auto version = TRY(services.registry.find_alias(name.substr(0, at), name.substr(at + 1)));
    return registry::node_of_version(version.model, version.version);
  }
  if (name.find_first_of("@/#") != std::string::npos) return node;
  auto newest = TRY(services.lineage.newest(kind, name));
  return newest.empty() ? node : newest;
}

// With what a version was made with and wants: of the one that was asked for.
void add_environment(Services& services, Graph& graph) {
  const auto name = registry::version_of_node(graph.root);
  const auto version =
      name ? services.registry.find_version(name->model, name->version) : Result<registry::ModelVersion>(not_found(""));
  const auto node = std::ranges::find(graph.nodes, graph.root, &lineage::Node::id);
  if (!version || node == graph.nodes.end()) return;
  const auto environment = environment_of(services, *version);
  if (environment.python.empty() && environment.packages.empty()) return;
  node->data["environment"] = {{"python", environment.python}, {"packages", environment.packages}};
}

// ?node=model:delays/3&direction=upstream|downstream|both&depth=20&limit=1000
Result<Graph> walk(Services& services, const Request& request) {
  TRY(only_queries(request, {"node", "direction", "depth", "limit"}));
  const auto node = request.query("node").value_or("");
  if (node.empty()) return invalid_argument("query parameter \"node\" is missing; e.g. node=model:delays/3");
  const auto text = request.query("direction").value_or("upstream");
  Direction direction{};
  if (!lineage::from_text(text, direction))
    return invalid_argument("direction \"{}\" is not one of upstream, downstream, both", text);
  const auto depth = TRY(integer_query(request, "depth", 0)).value_or(20);
  if (depth > lineage::kMaxHops)
    return invalid_argument("query parameter \"depth\" must be at most {}, not {}", lineage::kMaxHops, depth);
  const auto limit = TRY(integer_query(request, "limit", 1)).value_or(1000);
  if (limit > lineage::kMaxNodes)
    return invalid_argument("query parameter \"limit\" must be at most {}, not {}", lineage::kMaxNodes, limit);
  auto graph = TRY(services.lineage.walk(TRY(resolve(services, node)), direction,
                                         {.depth = static_cast<int>(depth), .nodes = static_cast<int>(limit)}));
  add_environment(services, graph);
  return graph;
}

// Whatever stands in it, no browser runs or loads anything for it.
net::Response draw(const Result<Graph>& graph) {
  if (!graph) return answer(graph.error());
  return {.content_type = "image/svg+xml",
          .body = lineage::picture(*graph),
          .headers = {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"},
                      {"X-Content-Type-Options", "nosniff"}}};
}

}  // namespace

void add_lineage_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/lineage", Access::kRead, [&](const Request& request) {
    return answer(walk(services, request), [](const Graph& graph) { return lineage::to_json(graph); });
  });
  router.add("GET", "/api/v1/lineage/picture", Access::kRead,
             [&](const Request& request) { return draw(walk(services, request)); });
}

}  // namespace millrace::api
