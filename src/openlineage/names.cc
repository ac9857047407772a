#include "openlineage/names.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace millrace::openlineage {

namespace {

// A "#" in a namespace would make two names one.
std::string joined(std::string_view kind, std::string_view name_space, std::string_view name) {
  std::string safe;
  for (const char c : name_space) safe += c == '#' ? std::string("%23") : std::string(1, c);
  return fmt::format("{}:{}#{}", kind, safe, name);
}

std::string text_of(const Json& data, std::string_view key) {
  const auto found = data.find(key);
  return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string job_node(const JobRef& job) { return joined("job", job.name_space, job.name); }

std::string external_node(const DatasetRef& dataset) { return joined("dataset", dataset.name_space, dataset.name); }

DatasetRef name_of(const lineage::Node& node, std::string_view own_namespace) {
  DatasetRef ref{.name_space = std::string(own_namespace), .name = {}, .version = {}, .fields = {}};
  const auto slash = node.id.rfind('/');
  if (const auto outside = text_of(node.data, "namespace"); !outside.empty()) {
    ref.name_space = outside;
    ref.name = node.name;
  } else if (node.kind == "output") {
    const auto run_end = node.id.find('/');
    ref.name = fmt::format("output:{}", node.name);
    if (run_end != std::string::npos) ref.version = node.id.substr(7, run_end - 7);
  } else if (node.kind == "logged_model") {
    ref.name = node.id;
  } else if (node.kind == "dataset" && node.data.contains("digest")) {
    ref.name = fmt::format("dataset:{}", node.name);
    ref.version = text_of(node.data, "digest");
  } else if ((node.kind == "dataset" || node.kind == "model") && slash != std::string::npos) {
    ref.name = node.id.substr(0, slash);
    ref.version = node.id.substr(slash + 1);
  }
  if (node.data.contains("fields")) ref.fields = node.data["fields"];
  return ref;
}

std::string_view own_name(const DatasetRef& dataset, std::string_view own_namespace) {
  if (dataset.name_space != own_namespace) return {};
  const std::string_view name(dataset.name);
  return name.starts_with("dataset:") || name.starts_with("model:") ? name : std::string_view();
}

}  // namespace millrace::openlineage
