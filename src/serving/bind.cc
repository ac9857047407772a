#include "serving/bind.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/suggest.h"

namespace millrace::serving {
namespace {

using Integers = std::span<const std::int64_t>;
using Doubles = std::span<const double>;
using Texts = std::span<const std::string_view>;
using Booleans = std::span<const bool>;

std::string_view datatype_name(const InputTensor::Data& data) {
  static constexpr std::string_view kNames[] = {"INT64", "FP64", "BYTES", "BOOL"};
  return kNames[data.index()];
}

std::size_t size_of(const InputTensor::Data& data) {
  return std::visit([](const auto& values) { return values.size(); }, data);
}

Result<std::size_t> rows_of(const InputTensor& tensor) {
  const bool column = tensor.shape.size() == 1 || (tensor.shape.size() == 2 && tensor.shape[1] == 1);
  if (!column) return invalid_argument("input \"{}\" must be of shape [n] or [n,1]", tensor.name);
  if (tensor.shape[0] < 0 || static_cast<std::size_t>(tensor.shape[0]) != size_of(tensor.data)) {
    return invalid_argument("input \"{}\" is of shape [{}] but has {} values", tensor.name, tensor.shape[0],
                            size_of(tensor.data));
  }
  return size_of(tensor.data);
}

Result<sql::Value> timestamp_of(std::string_view name, std::string_view text) {
  const Result<Timestamp> time = parse_time(text);
  if (!time) return invalid_argument("input \"{}\": {}", name, time.error().message);
  return sql::Value::of(time->us);
}

sql::Value of_double(double value) { return std::isnan(value) ? sql::Value::null() : sql::Value::of(value); }

// One value of a tensor as a column of this type takes it; nullopt where it does not.
std::optional<sql::Value> convert(const InputTensor::Data& data, std::size_t row, duck::Type type) {
  if (const auto* values = std::get_if<Doubles>(&data); values != nullptr && type == duck::Type::kDouble) {
    return of_double((*values)[row]);
  }
  if (const auto* values = std::get_if<Integers>(&data)) {
    if (type == duck::Type::kDouble) return sql::Value::of(static_cast<double>((*values)[row]));
    if (type == duck::Type::kBigint || type == duck::Type::kTimestamp) return sql::Value::of((*values)[row]);
  }
  if (const auto* values = std::get_if<Texts>(&data); values != nullptr && type == duck::Type::kVarchar) {
    return sql::Value::of((*values)[row]);
  }
  if (const auto* values = std::get_if<Booleans>(&data)) {
    if (type == duck::Type::kDouble) return sql::Value::of((*values)[row] ? 1.0 : 0.0);
    if (type == duck::Type::kBoolean) return sql::Value::of((*values)[row]);
  }
  return std::nullopt;
}

Result<sql::Value> value_at(const InputTensor& tensor, std::size_t row, duck::Type type) {
  const auto* texts = std::get_if<Texts>(&tensor.data);
  if (texts != nullptr && type == duck::Type::kTimestamp) return timestamp_of(tensor.name, (*texts)[row]);
  if (const auto value = convert(tensor.data, row, type)) return *value;
  return invalid_argument("input \"{}\" has datatype {}; it must be {}", tensor.name, datatype_name(tensor.data),
                          serving::datatype_name(type));
}

const InputTensor* find(std::span<const InputTensor> tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &InputTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

// The tensors are as many as the columns where all is well; else one of them is too many.
Error unexpected_input(std::string_view endpoint, std::span<const duck::ColumnType> columns,
                       std::span<const InputTensor> tensors) {
  std::vector<std::string> names;
  for (const duck::ColumnType& column : columns) names.push_back(column.name);
  for (const InputTensor& tensor : tensors) {
    if (std::ranges::find(names, tensor.name) == names.end()) {
      return invalid_argument("endpoint {} has no input \"{}\"{}", endpoint, tensor.name,
                              did_you_mean(tensor.name, names))
          .error();
    }
  }
  return invalid_argument("an input of the request is given twice").error();
}

Result<void> bind_column(const InputTensor& tensor, std::size_t at, std::size_t width, duck::Type type,
                         BoundInputs& bound) {
  for (std::size_t row = 0; row < bound.rows; ++row) bound.values[row * width + at] = TRY(value_at(tensor, row, type));
  return {};
}

}  // namespace

std::string_view datatype_name(duck::Type type) {
  switch (type) {
    case duck::Type::kBoolean:
      return "BOOL";
    case duck::Type::kBigint:
      return "INT64";
    case duck::Type::kDouble:
      return "FP64";
    case duck::Type::kVarchar:
    case duck::Type::kTimestamp:
      return "BYTES";
  }
  return "BYTES";
}

Result<BoundInputs> bind_inputs(std::string_view endpoint, std::span<const duck::ColumnType> columns,
                                std::span<const InputTensor> tensors) {
  BoundInputs bound;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const InputTensor* tensor = find(tensors, columns[at].name);
    if (tensor == nullptr && tensors.size() >= columns.size())
      return std::unexpected(unexpected_input(endpoint, columns, tensors));
    if (tensor == nullptr) return invalid_argument("endpoint {} needs input \"{}\"", endpoint, columns[at].name);
    const std::size_t rows = TRY(rows_of(*tensor));
    if (at == 0) {
      bound.rows = rows;
      bound.values.resize(rows * columns.size());
    }
    if (rows != bound.rows) {
      return invalid_argument("input \"{}\" has {} rows, but \"{}\" has {}", tensor->name, rows, columns[0].name,
                              bound.rows);
    }
    TRY(bind_column(*tensor, at, columns.size(), columns[at].type, bound));
  }
  if (tensors.size() > columns.size()) return std::unexpected(unexpected_input(endpoint, columns, tensors));
  return bound;
}

}  // namespace millrace::serving
