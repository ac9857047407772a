#include "lineage/label.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace millrace::lineage {

namespace {

constexpr std::size_t kMostLines = 20;

std::string text_of(const Json& data, std::string_view key) {
  const auto found = data.find(key);
  if (found == data.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

std::string joined(const std::vector<std::string>& parts) {
  std::vector<std::string> filled;
  for (const auto& part : parts) {
    if (!part.empty()) filled.push_back(part);
  }
  return fmt::format("{}", fmt::join(filled, " · "));
}

std::string keys_of(const Json& data, std::string_view key) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_object()) return {};
  std::vector<std::string> keys;
  for (const auto& [name, value] : found->items()) keys.push_back(name);
  return fmt::format("{}", fmt::join(keys, ", "));
}

// The last part of "model:delays/3".
std::string version_in(std::string_view id) {
  const auto slash = id.rfind('/');
  return slash == std::string_view::npos ? std::string() : fmt::format("version {}", id.substr(slash + 1));
}

std::string dataset_detail(const Node& node) {
  if (const auto versions = node.data.find("versions"); versions != node.data.end()) {
    return fmt::format("versions {} to {}", text_of(*versions, "first"), text_of(*versions, "last"));
  }
  if (node.data.contains("namespace")) return text_of(node.data, "namespace");
  if (node.data.contains("digest")) return fmt::format("digest {}", text_of(node.data, "digest"));
  return version_in(node.id);
}

std::string endpoint_detail(const Node& node) {
  const auto version = text_of(node.data, "version");
  return joined({fmt::format("{}@{}", text_of(node.data, "model"), text_of(node.data, "alias")),
                 version.empty() ? "nothing yet" : "version " + version});
}

std::string detail_of(const Node& node) {
  if (node.data.contains("deleted")) return "deleted";
  if (node.kind == "model") return joined({version_in(node.id), keys_of(node.data, "aliases")});
  if (node.kind == "dataset") return dataset_detail(node);
  if (node.kind == "run") return joined({text_of(node.data, "experiment"), text_of(node.data, "status")});
  if (node.kind == "step") return joined({text_of(node.data, "uses"), text_of(node.data, "command")});
  if (node.kind == "endpoint") return endpoint_detail(node);
  if (node.kind == "logged_model") return text_of(node.data, "type");
  if (node.kind == "job") return joined({text_of(node.data, "namespace"), text_of(node.data, "state")});
  return {};
}

std::string name_of(const Node& node) {
  if (!node.name.empty()) return node.name;
  const auto colon = node.id.find(':');
  return colon == std::string::npos ? node.id : node.id.substr(colon + 1);
}

}  // namespace

std::string_view kind_name(std::string_view kind) {
  if (kind == "model") return "model version";
  if (kind == "logged_model") return "logged model";
  return kind;
}

Label label_of(const Node& node) {
  Label label{.kind = std::string(kind_name(node.kind)), .name = name_of(node), .detail = detail_of(node)};
  label.tooltip.push_back(node.id);
  if (!node.name.empty() && !node.id.contains(node.name)) label.tooltip.push_back(node.name);
  if (node.event_time != Timestamp{}) label.tooltip.push_back(format_time(node.event_time));
  for (const auto& [key, value] : node.data.items()) {
    if (label.tooltip.size() >= kMostLines) break;
    label.tooltip.push_back(fmt::format("{}: {}", key, text_of(node.data, key)));
  }
  return label;
}

}  // namespace millrace::lineage
