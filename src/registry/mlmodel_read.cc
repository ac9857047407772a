#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/files.h"
#include "base/json.h"
#include "registry/mlmodel.h"

namespace millrace::registry {

namespace {

std::string text_of(const Node& mapping, std::string_view key) {
  const Node* value = mapping.find(key);
  if (value == nullptr || value->kind != Node::Kind::kScalar) return {};
  return value->text;
}

std::string option_of(const Node& value) {
  return value.kind == Node::Kind::kScalar ? value.text : dump_json(value.to_json());
}

std::vector<Flavor> read_flavors(const Node& flavors) {
  std::vector<Flavor> list;
  for (const auto& [name, options] : flavors.members) {
    Flavor flavor{.name = name.text};
    for (const auto& [key, value] : options.members) {
      if (value.kind != Node::Kind::kNull) flavor.options.emplace(key.text, option_of(value));
    }
    list.push_back(std::move(flavor));
  }
  return list;
}

// inputs and outputs are each a string of JSON within the YAML.
Result<Signature> read_signature(const Node& document) {
  const Node* signature = document.find("signature");
  if (signature == nullptr || signature->kind != Node::Kind::kMapping) return Signature{};
  const auto part = [&](std::string_view key) {
    const std::string text = text_of(*signature, key);
    return text.empty() || text == "null" ? std::string("[]") : text;
  };
  return parse_signature(
      fmt::format(R"({{"inputs": {}, "outputs": {}, "params": {}}})", part("inputs"), part("outputs"), part("params")));
}

Result<Node> parse_one(std::string_view text, const std::string& file) {
  Diagnostics faults;
  std::vector<Node> documents = parse_yaml(text, file, faults);
  if (!faults.empty()) return invalid_argument("{}", format_diagnostic(faults.list.front()));
  if (documents.size() != 1 || documents[0].kind != Node::Kind::kMapping) {
    return invalid_argument("{} is not a mapping", file);
  }
  return std::move(documents[0]);
}

}  // namespace

const Flavor* MlModel::find_flavor(std::string_view name) const {
  const auto found = std::ranges::find(flavors, name, &Flavor::name);
  return found == flavors.end() ? nullptr : &*found;
}

Result<MlModel> read_mlmodel(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "MLmodel";
  const Node document = TRY(parse_one(TRY(read_file(path)), path.string()));
  const Node* flavors = document.find("flavors");
  if (flavors == nullptr || flavors->members.empty()) return invalid_argument("{} names no flavors", path.string());
  auto signature = read_signature(document);
  if (!signature) return std::unexpected(std::move(signature.error()).in(path.string()));
  return MlModel{.flavors = read_flavors(*flavors),
                 .signature = std::move(*signature),
                 .run_id = text_of(document, "run_id"),
                 .model_uuid = text_of(document, "model_uuid"),
                 .mlflow_version = text_of(document, "mlflow_version"),
                 .utc_time_created = text_of(document, "utc_time_created")};
}

}  // namespace millrace::registry
