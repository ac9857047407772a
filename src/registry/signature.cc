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
constexpr std::array<std::pair<std::string_view, DataType>, 10> kDtypes = {{
    {"bool", DataType::kBoolean},
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
    Json json = {{"type", to_text(column.type)}};
    if (!column.name.empty()) json["name"] = column.name;
    json["required"] = column.required;
    list.push_back(std::move(json));
  }
  return list;
}

std::string text_member(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

Result<DataType> type_of(const Json& column) {
  const std::string name = text_member(column, "type");
  DataType type{};
  if (from_text(name, type)) return type;
  if (name == "tensor" && column.contains("tensor-spec")) {
    const std::string dtype = text_member(column["tensor-spec"], "dtype");
    for (const auto& [known, same] : kDtypes) {
      if (dtype == known) return same;
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
    columns.push_back({text_member(column, "name"), TRY(type_of(column)), required != false});
  }
  return columns;
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
  return dump_json({{"inputs", columns_json(signature.inputs)}, {"outputs", columns_json(signature.outputs)}});
}

Result<Signature> parse_signature(std::string_view json) {
  if (json.empty()) return Signature{};
  const Json parsed = TRY(parse_json(json));
  return Signature{TRY(parse_columns(parsed, "inputs")), TRY(parse_columns(parsed, "outputs"))};
}

}  // namespace millrace::registry
