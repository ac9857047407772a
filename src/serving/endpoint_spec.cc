#include "serving/endpoint_spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::serving {
namespace {

constexpr char kSchema[] = {
#embed "endpoint.schema.json"
};

void read_routes(ObjectReader& reader, EndpointSpec& spec, Diagnostics& diagnostics) {
  const Node* routes = reader.mapping("routes");
  const auto alias = reader.string("alias");
  if (routes == nullptr) {
    spec.routes = single_route(alias.value_or("champion"));
    return;
  }
  if (alias) reader.fault("alias", "an endpoint has \"alias\" or \"routes\", whose arms name aliases, not both");
  spec.routes = parse_routes(*routes, diagnostics);
}

void read_shadows(ObjectReader& reader, EndpointSpec& spec) {
  const Node* node = reader.any("shadow");
  if (node == nullptr) return;
  std::vector<Node> one;
  if (node->kind == Node::Kind::kScalar) one.push_back(*node);
  if (node->kind != Node::Kind::kSequence && one.empty()) {
    return reader.fault("shadow", "\"shadow\" must be an alias or a list of aliases");
  }
  for (const Node& alias : one.empty() ? node->items : one) {
    if (alias.kind != Node::Kind::kScalar) {
      reader.fault("shadow", "\"shadow\" must be an alias or a list of aliases");
      continue;
    }
    if (std::ranges::find(spec.routes.arms, alias.text, &ArmSpec::alias) != spec.routes.arms.end())
      reader.fault("shadow", "alias " + alias.text + " answers already and cannot be a shadow too");
    if (std::ranges::find(spec.shadow, alias.text, &AliasRef::name) != spec.shadow.end()) {
      reader.fault("shadow", "alias " + alias.text + " is a shadow twice");
    }
    spec.shadow.push_back({alias.text, alias.at});
  }
}

// What a composition leaves no room for.
void refuse_division(ObjectReader& reader, std::string_view kind) {
  for (const char* key : {"alias", "routes", "shadow"}) {
    if (reader.any(key) == nullptr) continue;
    reader.fault(key,
                 fmt::format("an endpoint with \"{}\" has no \"{}\"; its members name aliases or versions", kind, key));
  }
}

// Its name stands for the only arm in requests, the prediction log and statistics.
RoutesSpec arm_of(const CompositionSpec& composition) {
  return {.arms = {{.name = std::string(to_text(composition.kind))}}};
}

void read_composition(ObjectReader& reader, const Node* ensemble, const std::vector<Node>* chain, EndpointSpec& spec,
                      Diagnostics& diagnostics) {
  if (ensemble != nullptr) spec.composition = parse_ensemble(*ensemble, diagnostics);
  if (chain != nullptr) spec.composition = parse_chain(*chain, reader.at("chain"), diagnostics);
  refuse_division(reader, to_text(spec.composition->kind));
  spec.routes = arm_of(*spec.composition);
}

// `model: file:PATH`: the file is registered when the project is applied, and becomes the arm's version.
void read_file_model(ObjectReader& reader, std::string path, EndpointSpec& spec) {
  while (path.ends_with('/')) path.pop_back();
  if (path.starts_with("./")) path.erase(0, 2);
  if (path.empty() || path.starts_with('/'))
    reader.fault("model", "\"file:\" is followed by a path in the project's folder");
  for (const char* key : {"alias", "routes", "shadow"}) {
    if (reader.any(key) != nullptr)
      reader.fault(key, fmt::format("an endpoint whose model is a file has one version and no \"{}\"", key));
  }
  spec.file = std::move(path);
  spec.model = spec.name + ".file";
  spec.routes = {.arms = {{.name = "file"}}};
}

// Exactly one of `model`, `ensemble` and `chain`.
void read_models(ObjectReader& reader, EndpointSpec& spec, Diagnostics& diagnostics) {
  const auto model = reader.string("model");
  const Node* ensemble = reader.mapping("ensemble");
  const std::vector<Node>* chain = reader.list("chain");
  const int given = (model ? 1 : 0) + (ensemble != nullptr ? 1 : 0) + (chain != nullptr ? 1 : 0);
  if (given != 1) {
    for (const char* key : {"alias", "routes", "shadow"}) reader.any(key);  // they are no fault beside
    const char* second = chain != nullptr ? "chain" : ensemble != nullptr ? "ensemble" : "";
    return reader.fault(second, "an endpoint needs exactly one of \"model\", \"ensemble\" and \"chain\"");
  }
  if (!model) return read_composition(reader, ensemble, chain, spec, diagnostics);
  if (model->empty()) reader.fault("model", "\"model\" must not be empty");
  spec.model_at = reader.at("model");
  if (model->starts_with("file:")) return read_file_model(reader, model->substr(5), spec);
  spec.model = *model;
  read_routes(reader, spec, diagnostics);
  read_shadows(reader, spec);
}

}  // namespace

std::optional<EndpointSpec> parse_endpoint(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Endpoint");
  EndpointSpec spec{.at = document.at};
  reader.string("kind");
  spec.name = reader.required_string("name");
  if (!spec.name.empty() && !is_route_name(spec.name)) {
    reader.fault("name", "an endpoint's name is made of letters, digits, _ and -, and starts with a letter or _");
  }
  spec.description = reader.string("description").value_or("");
  read_models(reader, spec, diagnostics);
  spec.features = reader.string("features");
  spec.features_at = reader.at("features");
  spec.scoring = read_scoring(reader, diagnostics);
  if (const Node* log = reader.mapping("log")) spec.log = parse_log(*log, diagnostics);
  reader.finish();
  if (diagnostics.list.size() != faults) return std::nullopt;
  spec.document = dump_json(document.to_json());
  return spec;
}

Result<EndpointSpec> parse_endpoint(std::string_view json) {
  Diagnostics diagnostics;
  const std::vector<Node> documents = parse_yaml(json, "endpoint", diagnostics);  // JSON is YAML in its flow style
  std::optional<EndpointSpec> spec;
  if (documents.size() == 1) spec = parse_endpoint(documents.front(), diagnostics);
  if (spec && diagnostics.empty()) return std::move(*spec);
  std::vector<std::string> faults;
  for (const Diagnostic& diagnostic : diagnostics.list) faults.push_back(diagnostic.message);
  if (faults.empty()) faults.emplace_back("an endpoint must be an object");
  return invalid_argument("{}", fmt::join(faults, "; "));
}

std::string_view endpoint_schema() { return {kSchema, sizeof(kSchema)}; }

}  // namespace millrace::serving
