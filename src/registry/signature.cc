#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "registry/mlmodel.h"

namespace millrace::registry {

namespace {

constexpr std::array<std::pair<std::string_view, DataType>, 8> kTypes = {{
    {"boolean", DataType::kBoolean},
    {"integer", DataType::kInteger},
    {"long", DataType::kLong},
    {"float", DataType::kFloat},
    {"double", DataType::kDouble},
    {"string", DataType::kString},
    {"binary", DataType::kBinary},
    {"datetime", DataType::kDatetime},
}};

// NumPy's names, as tensor-spec has them.
constexpr std::array<std::pair<std::string_view, DataType>, 15> kDtypes = {{
    {"bool", DataType::kBoolean},
    {"uint8", DataType::kInteger},
    {"uint16", DataType::kInteger},
    {"uint32", DataType::kLong},
    {"uint64", DataType::kLong},
    {"bytes", DataType::kBinary},
    {"int8", DataType::kInteger},
    {"int16", DataType::kInteger},
    {"int32", DataType::kInteger},
    {"int64", DataType::kLong},
    {"float16", DataType::kFloat},
    {"float32", DataType::kFloat},
    {"float64", DataType::kDouble},
    {"str", DataType::kString},
    {"object", DataType::kString},
}};

Json columns_json(const std::vector<ColumnSpec>& columns) {
  Json list = Json::array();
  for (const ColumnSpec& column : columns) {
    Json json = {{"type", column.tensor ? "tensor" : to_text(column.type)}};
    if (column.tensor) json["tensor-spec"] = {{"dtype", column.tensor->dtype}, {"shape", column.tensor->shape}};
    if (!column.name.empty()) json["name"] = column.name;
    json["required"] = column.required;
    list.push_back(std::move(json));
  }
  return list;
}

std::string text_member(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

// {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}
std::optional<TensorType> tensor_of(const Json& column) {
  if (text_member(column, "type") != "tensor" || !column.contains("tensor-spec")) return std::nullopt;
  const Json& spec = column["tensor-spec"];
  TensorType tensor{.dtype = text_member(spec, "dtype"), .shape = {}};
  if (!spec.is_object() || !spec.contains("shape") || !spec["shape"].is_array()) return std::nullopt;
  for (const Json& extent : spec["shape"]) {
    if (!extent.is_number_integer()) return std::nullopt;
    tensor.shape.push_back(extent.get<std::int64_t>());
  }
  return tensor;
}

Result<DataType> type_of(const Json& column) {
  const std::string name = text_member(column, "type");
  DataType type{};
  if (from_text(name, type)) return type;
  if (const auto tensor = tensor_of(column)) {
    for (const auto& [known, same] : kDtypes) {
      if (tensor->dtype == known) return same;
    }
  }
  return invalid_argument("the signature's column \"{}\" has the type {}, which is not supported",
                          text_member(column, "name"), dump_json(column.value("type", Json())));
}

Result<std::vector<ColumnSpec>> parse_columns(const Json& signature, const char* key) {
  std::vector<ColumnSpec> columns;
  if (!signature.is_object() || !signature.contains(key) || signature[key].is_null()) return columns;
  if (!signature[key].is_array()) return invalid_argument("the signature's {} are not a list", key);
  for (const Json& column : signature[key]) {
    if (!column.is_object()) return invalid_argument("a column of the signature's {} is not an object", key);
    const Json required = column.value("required", Json(true));
    columns.push_back({text_member(column, "name"), TRY(type_of(column)), required != false, tensor_of(column)});
  }
  return columns;
}

std::vector<std::string> params_of(const Json& signature) {
  std::vector<std::string> names;
  if (!signature.is_object() || !signature.contains("params") || !signature["params"].is_array()) return names;
  for (const Json& param : signature["params"]) names.push_back(text_member(param, "name"));
  return names;
}

}  // namespace

std::string_view to_text(DataType type) {
  for (const auto& [name, value] : kTypes) {
    if (value == type) return name;
  }
  return {};
}

bool from_text(std::string_view text, DataType& type) {
  for (const auto& [name, value] : kTypes) {
    if (name != text) continue;
    type = value;
    return true;
  }
  return false;
}

std::string signature_json(const Signature& signature) {
  Json json = {{"inputs", columns_json(signature.inputs)}, {"outputs", columns_json(signature.outputs)}};
  for (const std::string& param : signature.params) json["params"].push_back({{"name", param}});
  return dump_json(json);
}

Result<Signature> parse_signature(std::string_view json) {
  if (json.empty()) return Signature{};
  const Json parsed = TRY(parse_json(json));
  return Signature{TRY(parse_columns(parsed, "inputs")), TRY(parse_columns(parsed, "outputs")), params_of(parsed)};
}

}  // namespace millrace::registry
