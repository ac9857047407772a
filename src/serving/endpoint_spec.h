#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "serving/composition_spec.h"
#include "serving/log_spec.h"
#include "serving/route_spec.h"
#include "serving/scoring_spec.h"

namespace millrace::serving {

// The name of an alias, and where it stands in the user's file.
struct AliasRef {
  std::string name;
  Position at;
};

// A `kind: Endpoint` document: a served name.
struct EndpointSpec {
  std::string name;
  std::string description;
  std::string model;                             // a registered model; empty where several answer as one:
  std::optional<std::string> file{};             // of the project, a file or folder, that is registered as `model`
  std::optional<CompositionSpec> composition{};  // these
  RoutesSpec routes = single_route("champion");  // which of its versions answer; of a composition one arm
  std::vector<AliasRef> shadow;                  // versions scored on the same values; logged, never answered
  // The feature service that makes the model's inputs. Without one, requests carry the model's own columns.
  std::optional<std::string> features;
  ScoringSpec scoring;  // how its models are run
  LogSpec log;          // what of it is kept
  Position at;
  Position features_at;
  Position model_at;
  std::string document;  // all of it as JSON, which says the same; "" where it was made by a program

  // Whether versions of this model answer, or are scored beside.
  bool uses(std::string_view name) const { return composition ? composition->uses(name) : model == name; }
};

// The document's spec; nullopt where it had faults, all of which are in `diagnostics`.
std::optional<EndpointSpec> parse_endpoint(const Node& document, Diagnostics& diagnostics);
// The same from JSON text; kInvalidArgument with all its faults.
Result<EndpointSpec> parse_endpoint(std::string_view json);

// The JSON Schema (draft 2020-12) of an Endpoint document.
std::string_view endpoint_schema();

}  // namespace millrace::serving
