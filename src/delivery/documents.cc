#include "delivery/documents.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/suggest.h"

namespace millrace::delivery {
namespace {

using Builtins = std::span<const pipelines::BuiltinStep>;
using Parse = std::function<void(const Node&, Documents&, Builtins, Diagnostics&)>;

template <typename Spec>
void keep(std::vector<Spec>& list, std::optional<Spec> spec) {
  if (spec) list.push_back(std::move(*spec));
}

struct Kind {
  KindSchema schema;
  Parse parse;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table{
      {{"Project", project_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& diagnostics) {
         if (out.project)
           diagnostics.add(node.at, fmt::format("a project has one Project document; the other stands at {}:{}",
                                                out.project->at.file, out.project->at.line));
         if (auto spec = parse_project(node, diagnostics)) out.project = std::move(spec);
       }},
      {{"Dataset", datasets::dataset_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.datasets, datasets::parse_dataset(node, d));
       }},
      {{"FeatureView", features::feature_view_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.feature_views, features::parse_feature_view(node, d));
       }},
      {{"FeatureService", features::feature_service_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.feature_services, features::parse_feature_service(node, d));
       }},
      {{"Pipeline", pipelines::pipeline_schema()},
       [](const Node& node, Documents& out, Builtins builtins, Diagnostics& d) {
         keep(out.pipelines, pipelines::parse_pipeline(node, builtins, d));
       }},
      {{"Endpoint", serving::endpoint_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.endpoints, serving::parse_endpoint(node, d));
       }},
      {{"Monitor", monitoring::monitor_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.monitors, monitoring::parse_monitor(node, d));
       }},
      {{"Trigger", triggers::trigger_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) {
         keep(out.triggers, triggers::parse_trigger(node, d));
       }},
      {{"Replay", replay_schema()},
       [](const Node& node, Documents& out, Builtins, Diagnostics& d) { keep(out.replays, parse_replay(node, d)); }},
  };
  return table;
}

const Kind* find_kind(const Node& document, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  auto* kind = document.find("kind");
  if (document.kind != Node::Kind::kMapping || !kind) {
    diagnostics.add(document.at, "a document must be a mapping with the key \"kind\"");
    return nullptr;
  }
  for (const auto& known : kinds()) {
    if (known.schema.kind == kind->text) return &known;
    names.emplace_back(known.schema.kind);
  }
  diagnostics.add(kind->at, fmt::format("there is no kind \"{}\"{}; kinds are {}", kind->text,
                                        did_you_mean(kind->text, names), fmt::join(names, ", ")));
  return nullptr;
}

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

// The folders of models, whose YAML files are their own.
std::vector<std::string> model_folders(std::span<const SourceFile> files) {
  constexpr std::string_view kFile = "/MLmodel";
  std::vector<std::string> folders;
  for (const auto& file : files)
    if (file.path.ends_with(kFile)) folders.push_back(file.path.substr(0, file.path.size() - kFile.size() + 1));
  return folders;
}

constexpr std::size_t kLongestName = 100;

void check_name(const Node& document, std::string_view kind, Documents& out, Diagnostics& diagnostics) {
  auto* node = document.find("name");
  if (!node || node->kind != Node::Kind::kScalar || node->text.empty()) return;  // the parser says so
  const auto& name = node->text;
  auto valid = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (!std::ranges::all_of(name, valid) || name.size() > kLongestName || name.front() == '-')
    diagnostics.add(node->at, fmt::format("name \"{}\" may have letters, digits, \"_\" and \"-\" only, at most {}",
                                          name.substr(0, kLongestName), kLongestName));
  for (const auto& other : out.texts)
    if (other.kind == kind && other.name == name)
      diagnostics.add(node->at,
                      fmt::format("{} \"{}\" stands at {}:{} already", kind, name, other.at.file, other.at.line));
  out.texts.push_back({std::string(kind), name, document.at, dump_json_pretty(document.to_json())});
}

}  // namespace

Documents parse_documents(std::span<const SourceFile> files, Builtins builtins, Diagnostics& diagnostics) {
  Documents out;
  std::size_t documents = 0;
  const auto models = model_folders(files);
  for (const auto& file : files) {
    if (!is_yaml(file.path)) continue;
    if (std::ranges::any_of(models, [&](const auto& folder) { return file.path.starts_with(folder); })) continue;
    const auto faults = diagnostics.list.size();
    const auto found = parse_yaml(file.text, file.path, diagnostics);
    if (diagnostics.list.size() > faults) out.all_named = false;
    for (const auto& document : found) {
      if (document.kind == Node::Kind::kNull) continue;  // an empty document
      ++documents;
      auto* kind = find_kind(document, diagnostics);
      if (!kind) continue;
      check_name(document, kind->schema.kind, out, diagnostics);
      kind->parse(document, out, builtins, diagnostics);
    }
  }
  if (out.texts.size() < documents) out.all_named = false;
  bool has_project = std::ranges::any_of(out.texts, [](const auto& text) { return text.kind == "Project"; });
  if (!has_project)
    diagnostics.add({files.empty() ? "." : files.front().path, 1, 1},
                    "the project has no document of kind Project; add one: {kind: Project, name: ...}");
  return out;
}

std::span<const KindSchema> kind_schemas() {
  static const auto schemas = [] {
    std::vector<KindSchema> out;
    for (const auto& kind : kinds()) out.push_back(kind.schema);
    return out;
  }();
  return schemas;
}

}  // namespace millrace::delivery
