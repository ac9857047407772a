#include "lineage/lineage.h"

#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "lineage/graph.h"

namespace millrace::api {
namespace {

using net::Request;

// ?node=model:delays/3&direction=upstream|downstream&hops=20
Result<Json> walk(lineage::Store& lineage, const Request& request) {
  TRY(only_queries(request, {"node", "direction", "hops"}));
  auto node = request.query("node").value_or("");
  if (node.empty()) return invalid_argument("query parameter \"node\" is missing; e.g. node=model:delays/3");
  auto direction = request.query("direction").value_or("upstream");
  auto hops = TRY(integer_query(request, "hops", 1)).value_or(20);
  if (hops > lineage::kMaxHops)
    return invalid_argument("query parameter \"hops\" must be at most {}, not {}", lineage::kMaxHops, hops);
  if (direction == "upstream") return lineage::to_json(TRY(lineage.upstream(node, static_cast<int>(hops))));
  if (direction == "downstream") return lineage::to_json(TRY(lineage.downstream(node, static_cast<int>(hops))));
  return invalid_argument("direction \"{}\" is not one of upstream, downstream", direction);
}

}  // namespace

void add_lineage_routes(net::Router& router, Services& services) {
  router.add("GET", "/api/v1/lineage", Access::kRead,
             [&](const Request& request) { return answer(walk(services.lineage, request)); });
}

}  // namespace millrace::api
