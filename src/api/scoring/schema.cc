#include "api/scoring/schema.h"

#include <utility>

namespace millrace::api::scoring {

namespace {

using registry::DataType;
using serving::Datatype;

Datatype datatype_of(DataType type) {
  switch (type) {
    case DataType::kBoolean:
      return Datatype::kBool;
    case DataType::kInteger:
      return Datatype::kInt32;
    case DataType::kLong:
      return Datatype::kInt64;
    case DataType::kFloat:
      return Datatype::kFp32;
    case DataType::kDouble:
      return Datatype::kFp64;
    case DataType::kString:
    case DataType::kBinary:
    case DataType::kDatetime:
      return Datatype::kBytes;
  }
  return Datatype::kBytes;
}

constexpr std::pair<std::string_view, Datatype> kNumpy[] = {
    {"bool", Datatype::kBool},     {"int8", Datatype::kInt8},     {"int16", Datatype::kInt16},
    {"int32", Datatype::kInt32},   {"int64", Datatype::kInt64},   {"uint8", Datatype::kUint8},
    {"uint16", Datatype::kUint16}, {"uint32", Datatype::kUint32}, {"uint64", Datatype::kUint64},
    {"float32", Datatype::kFp32},  {"float64", Datatype::kFp64},  {"float16", Datatype::kFp16},
    {"str", Datatype::kBytes},     {"object", Datatype::kBytes},  {"bytes", Datatype::kBytes}};

Result<Datatype> datatype_of(const std::string& dtype) {
  for (const auto& [name, datatype] : kNumpy) {
    if (name == dtype) return datatype;
  }
  return fail(Code::kUnimplemented, "the signature's type {} cannot be served", dtype);
}

}  // namespace

Result<Schema> schema_of(std::span<const registry::ColumnSpec> signature) {
  Schema schema;
  schema.inputs.reserve(signature.size());
  for (const registry::ColumnSpec& column : signature) {
    InputSpec spec{.name = column.name, .datatype = datatype_of(column.type), .required = column.required};
    spec.base64 = column.type == DataType::kBinary;
    spec.time = column.type == DataType::kDatetime;
    if (column.tensor) {
      spec.datatype = TRY(datatype_of(column.tensor->dtype));
      spec.shape = column.tensor->shape;
    }
    schema.inputs.push_back(std::move(spec));
  }
  return schema;
}

Schema columns_schema(std::span<const serving::TensorSpec> inputs) {
  Schema schema;
  for (const serving::TensorSpec& input : inputs) {
    schema.inputs.push_back({.name = input.name, .datatype = input.datatype, .required = !input.optional});
  }
  return schema;
}

}  // namespace millrace::api::scoring
