#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "datasets/dataset_spec.h"
#include "delivery/project_spec.h"
#include "features/features.h"
#include "monitoring/monitor_spec.h"
#include "pipelines/pipeline_spec.h"
#include "serving/endpoint_spec.h"
#include "triggers/trigger_spec.h"

namespace millrace::duck {
class Database;
}

namespace millrace::delivery {

// A file of a project, by its path in the project folder.
struct SourceFile {
  std::string path;
  std::string text;
};

// A document as it was written.
struct DocumentText {
  std::string kind;
  std::string name;
  Position at;
  std::string json;  // the YAML's meaning, pretty-printed
};

// All that a project declares.
struct Documents {
  std::optional<ProjectSpec> project;
  std::vector<datasets::DatasetSpec> datasets;
  std::vector<features::FeatureViewSpec> feature_views;
  std::vector<features::FeatureServiceSpec> feature_services;
  std::vector<pipelines::PipelineSpec> pipelines;
  std::vector<serving::EndpointSpec> endpoints;
  std::vector<monitoring::MonitorSpec> monitors;
  std::vector<triggers::TriggerSpec> triggers;
  std::vector<ReplaySpec> replays;
  std::vector<DocumentText> texts;  // in the order of files and documents; those with faults, too
  bool all_named = true;            // false: a document could not even be asked for its kind and name

  // Every document of the kind that `parsed` are of is without fault.
  template <typename Spec>
  bool all_parsed(std::string_view kind, const std::vector<Spec>& parsed) const {
    return parsed.size() == static_cast<std::size_t>(std::ranges::count(texts, kind, &DocumentText::kind));
  }
};

// Parses every *.yaml and *.yml file but those in the folders of models, which have a file MLmodel. What is at fault in
// any of them is in `diagnostics`.
Documents parse_documents(std::span<const SourceFile> files, std::span<const pipelines::BuiltinStep> builtins,
                          Diagnostics& diagnostics);

// Names that no document bears, and SQL that cannot run, each at its position with the nearest valid name.
void check_references(const Documents& documents, Diagnostics& diagnostics);
// Models that are to be files of the project and are not among them.
void check_model_files(const Documents& documents, std::span<const SourceFile> files, Diagnostics& diagnostics);
// nullptr where a view or a service has faults.
std::shared_ptr<const features::Definitions> feature_definitions(const Documents& documents, Diagnostics& diagnostics);
void check_spines(const Documents& documents, std::span<const SourceFile> files, duck::Database& duck,
                  Diagnostics& diagnostics);

// The kinds of documents and their JSON Schemas.
struct KindSchema {
  std::string_view kind;
  std::string_view schema;
};
std::span<const KindSchema> kind_schemas();

}  // namespace millrace::delivery
