#include "serving/lineage_source.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "registry/lineage_source.h"
#include "serving/serving.h"

namespace millrace::serving {

namespace {

constexpr std::string_view kEndpoint = "endpoint:";

// The versions that answer or are scored beside those that do.
std::vector<std::string> versions_of(const EndpointStatus& status) {
  std::vector<std::string> nodes;
  const auto add = [&](const std::optional<std::int64_t>& version) {
    if (version) nodes.push_back(registry::node_of_version(status.spec.model, *version));
  };
  for (const auto& arm : status.arms) add(arm.version);
  for (const auto& shadow : status.shadows) add(shadow.version);
  return nodes;
}

}  // namespace

Result<std::vector<std::string>> LineageSource::neighbours(const std::string& id, lineage::Direction direction,
                                                           int limit) const {
  std::vector<std::string> nodes;
  if (direction == lineage::Direction::kUpstream) {
    if (!id.starts_with(kEndpoint)) return nodes;
    const auto status = endpoints_.find(std::string_view(id).substr(kEndpoint.size()));
    return status ? versions_of(*status) : nodes;
  }
  if (!registry::version_of_node(id)) return nodes;
  for (const auto& status : endpoints_.list()) {
    if (nodes.size() >= static_cast<std::size_t>(limit)) break;
    const auto versions = versions_of(status);
    if (std::ranges::find(versions, id) != versions.end()) nodes.push_back(std::string(kEndpoint) + status.spec.name);
  }
  return nodes;
}

Result<bool> LineageSource::describe(lineage::Node& node) const {
  if (!node.id.starts_with(kEndpoint)) return false;
  const auto status = endpoints_.find(std::string_view(node.id).substr(kEndpoint.size()));
  if (!status) return false;
  node.kind = "endpoint";
  node.name = status->spec.name;
  node.data["model"] = status->spec.model;
  node.data["alias"] = status->in_force.routes.arms.front().alias;
  if (status->version) node.data["version"] = *status->version;
  if (status->spec.features) node.data["feature_service"] = *status->spec.features;
  return true;
}

}  // namespace millrace::serving
