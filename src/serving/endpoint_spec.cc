#include "serving/endpoint_spec.h"

#include <algorithm>
#include <cctype>

namespace millrace::serving {
namespace {

constexpr char kSchema[] = {
#embed "endpoint.schema.json"
};

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, [&](char c) {
    return letter(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
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
    if (alias.text == spec.alias)
      reader.fault("shadow", "alias " + alias.text + " answers already and cannot be a shadow too");
    if (std::ranges::find(spec.shadow, alias.text, &AliasRef::name) != spec.shadow.end()) {
      reader.fault("shadow", "alias " + alias.text + " is a shadow twice");
    }
    spec.shadow.push_back({alias.text, alias.at});
  }
}

}  // namespace

std::optional<EndpointSpec> parse_endpoint(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Endpoint");
  EndpointSpec spec{.at = document.at};
  reader.string("kind");
  spec.name = reader.required_string("name");
  if (!spec.name.empty() && !is_name(spec.name)) {
    reader.fault("name", "an endpoint's name is made of letters, digits, _ and -, and starts with a letter or _");
  }
  spec.description = reader.string("description").value_or("");
  spec.model = reader.required_string("model");
  spec.alias = reader.string("alias").value_or("champion");
  read_shadows(reader, spec);
  spec.features = reader.string("features");
  spec.features_at = reader.at("features");
  reader.finish();
  if (diagnostics.list.size() != faults) return std::nullopt;
  return spec;
}

std::string_view endpoint_schema() { return {kSchema, sizeof(kSchema)}; }

}  // namespace millrace::serving
