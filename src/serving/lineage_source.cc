#include "serving/lineage_source.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "registry/lineage_source.h"
#include "serving/compositions/composition_store.h"
#include "serving/serving.h"

namespace millrace::serving {

namespace {

constexpr std::string_view kEndpoint = "endpoint:";
constexpr std::string_view kComposition = "composition:";

// The versions that answer or are scored beside those that do.
std::vector<std::string> versions_of(const EndpointStatus& status) {
  std::vector<std::string> nodes;
  const auto add = [&](const std::optional<std::int64_t>& version) {
    if (!version) return;
    nodes.push_back(status.spec.composition ? node_of_composition(status.spec.name, *version)
                                            : registry::node_of_version(status.spec.model, *version));
  };
  for (const auto& arm : status.arms) add(arm.version);
  for (const auto& shadow : status.shadows) add(shadow.version);
  return nodes;
}

std::optional<CompositionStore::Numbered> composition_of_node(std::string_view id) {
  const auto slash = id.rfind('/');
  if (!id.starts_with(kComposition) || slash == id.npos) return std::nullopt;
  CompositionStore::Numbered composition{.endpoint =
                                             std::string(id.substr(kComposition.size(), slash - kComposition.size()))};
  const auto digits = id.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), composition.number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return composition;
}

}  // namespace

Result<std::vector<std::string>> LineageSource::upstream(const std::string& id) const {
  std::vector<std::string> nodes;
  if (id.starts_with(kEndpoint)) {
    const auto status = endpoints_.find(std::string_view(id).substr(kEndpoint.size()));
    return status ? versions_of(*status) : nodes;
  }
  const auto composition = composition_of_node(id);
  if (!composition) return nodes;
  const auto members = compositions_.find_members(composition->endpoint, composition->number);
  if (!members && members.error().code == Code::kNotFound) return nodes;
  for (const auto& [model, version] : TRY(members)) nodes.push_back(registry::node_of_version(model, version));
  return nodes;
}

Result<std::vector<std::string>> LineageSource::downstream(const std::string& id, int limit) const {
  std::vector<std::string> nodes;
  const auto version = registry::version_of_node(id);
  if (!version && !composition_of_node(id)) return nodes;
  for (const auto& status : endpoints_.list()) {
    if (nodes.size() >= static_cast<std::size_t>(limit)) break;
    const auto versions = versions_of(status);
    if (std::ranges::find(versions, id) != versions.end()) nodes.push_back(std::string(kEndpoint) + status.spec.name);
  }
  if (!version) return nodes;
  for (const auto& [endpoint, number] : TRY(compositions_.list_with({version->model, version->version}, limit)))
    nodes.push_back(node_of_composition(endpoint, number));
  return nodes;
}

Result<std::vector<std::string>> LineageSource::neighbours(const std::string& id, lineage::Direction direction,
                                                           int limit) const {
  return direction == lineage::Direction::kUpstream ? upstream(id) : downstream(id, limit);
}

Result<bool> LineageSource::describe(lineage::Node& node) const {
  if (const auto composition = composition_of_node(node.id)) {
    if (!compositions_.find_members(composition->endpoint, composition->number)) return false;
    node.kind = "composition";
    node.name = composition->endpoint;
    node.data["version"] = composition->number;
    return true;
  }
  if (!node.id.starts_with(kEndpoint)) return false;
  const auto status = endpoints_.find(std::string_view(node.id).substr(kEndpoint.size()));
  if (!status) return false;
  node.kind = "endpoint";
  node.name = status->spec.name;
  if (!status->spec.composition) node.data["model"] = status->spec.model;
  if (!status->spec.composition) node.data["alias"] = status->in_force.routes.arms.front().alias;
  if (status->version) node.data["version"] = *status->version;
  if (status->spec.features) node.data["feature_service"] = *status->spec.features;
  return true;
}

}  // namespace millrace::serving
