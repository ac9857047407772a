#include "api/scoring/enforce.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "api/scoring/cast.h"

namespace millrace::api::scoring {

namespace {

using serving::Tensor;
using Form = Table::Form;
using Tensors = std::vector<Tensor>;
using Shape = std::vector<std::int64_t>;

Error not_met(std::string why) { return Error(Code::kFailedPrecondition, std::move(why)); }

// The last of a name holds, as in Python; `at` is where it is likely to be.
const Array* find(const Table& table, const std::string& name, std::size_t at) {
  if (at < table.arrays.size() && table.arrays[at].name == name) return &table.arrays[at];
  const auto found = std::ranges::find(table.arrays.rbegin(), table.arrays.rend(), name, &Array::name);
  return found == table.arrays.rend() ? nullptr : &*found;
}

std::string shape_text(std::span<const std::int64_t> shape) { return serving::shape_text(shape); }

Error missing(const std::vector<std::string>& names, const Table& table, const Schema& schema) {
  std::vector<std::string> extra;
  for (std::size_t i = 0; i < table.arrays.size() && extra.size() < 16; ++i) {
    const std::string& name = table.arrays[i].name;
    const bool known = std::ranges::find(schema.inputs, name, &InputSpec::name) != schema.inputs.end();
    if (name.empty() || !known) extra.push_back(name.empty() ? std::to_string(i) : name);
  }
  std::string text = fmt::format("the model is missing the inputs {}", names);
  if (!extra.empty()) text += fmt::format("; there were others: {}", extra);
  return not_met(std::move(text));
}

// Of the first that has any: arrays of a table are of one length, and scalars stand for as many as needed.
Result<std::size_t> rows_of(const Table& table) {
  if (table.form != Form::kArrays) return table.rows;
  const Array* first = nullptr;
  for (const Array& array : table.arrays) {
    if (array.shape.empty()) continue;
    if (first == nullptr) first = &array;
    if (array.shape[0] != first->shape[0]) {
      return std::unexpected(not_met(fmt::format("inputs \"{}\" and \"{}\" have {} and {} values", first->name,
                                                 array.name, first->shape[0], array.shape[0])));
    }
  }
  return first == nullptr ? 1 : static_cast<std::size_t>(first->shape[0]);
}

Result<Tensor> cast_column(const Array& array, const InputSpec& spec, Form form, std::size_t rows) {
  if (array.shape.size() > 1) {
    const std::string why = fmt::format("input \"{}\" has lists where it should have values", array.name);
    return std::unexpected(form == Form::kFrame ? Error(Code::kInvalidArgument, why) : not_met(why));
  }
  if (!array.shape.empty()) return cast(array, spec);
  const Array repeated{array.name, {static_cast<std::int64_t>(rows)}, std::vector<Cell>(rows, array.cells.at(0))};
  return cast(repeated, spec);
}

Result<void> check_names_differ(const Table& table) {
  std::vector<std::string_view> names;
  for (const Array& array : table.arrays) {
    if (!array.name.empty()) names.push_back(array.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return std::unexpected(not_met(fmt::format("the column \"{}\" is given twice", *twice)));
}

Result<Tensors> enforce_named_columns(const Table& table, const Schema& schema) {
  Tensors tensors;
  std::vector<std::string> absent;
  if (table.form == Form::kFrame) TRY(check_names_differ(table));
  const std::size_t rows = TRY(rows_of(table));
  for (std::size_t at = 0; at < schema.inputs.size(); ++at) {
    const InputSpec& spec = schema.inputs[at];
    const Array* array = find(table, spec.name, at);
    if (array != nullptr) tensors.push_back(TRY(cast_column(*array, spec, table.form, rows)));
    if (array == nullptr && spec.required) absent.push_back(spec.name);
  }
  if (!absent.empty()) return std::unexpected(missing(absent, table, schema));
  return tensors;
}

// The columns of a scalar, of [n], or of [n, k].
Result<std::vector<Array>> columns_of(const Array& array) {
  if (array.shape.size() > 2) {
    return std::unexpected(
        not_met(fmt::format("the input is of shape {}; the model takes columns of values", shape_text(array.shape))));
  }
  const std::size_t rows = array.shape.empty() ? 1 : static_cast<std::size_t>(array.shape[0]);
  const std::size_t width = array.shape.size() < 2 ? 1 : static_cast<std::size_t>(array.shape[1]);
  std::vector<Array> columns(width, Array{.name = {}, .shape = {static_cast<std::int64_t>(rows)}});
  for (std::size_t column = 0; column < width; ++column) {
    columns[column].cells.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) columns[column].cells.push_back(array.cells[row * width + column]);
  }
  return columns;
}

Result<Tensors> enforce_unnamed_columns(const Table& table, const Schema& schema) {
  if (table.form == Form::kArrays) {
    return invalid_argument("the model's signature has no names, so the input must be an array, not an object");
  }
  const bool array = table.form == Form::kArray;
  const std::vector<Array> columns = array ? TRY(columns_of(table.arrays.at(0))) : table.arrays;
  if (columns.size() < schema.inputs.size()) {
    return std::unexpected(not_met(
        fmt::format("the model takes {} inputs, but the request has {}", schema.inputs.size(), columns.size())));
  }
  Tensors tensors;
  for (std::size_t at = 0; at < schema.inputs.size(); ++at) {
    tensors.push_back(TRY(cast_column(columns[at], schema.inputs[at], table.form, table.rows)));
  }
  return tensors;
}

// An array without a name is the column of a signature that has only one.
Result<Tensors> enforce_columns(const Table& table, const Schema& schema) {
  if (!schema.has_names()) return enforce_unnamed_columns(table, schema);
  if (table.form != Form::kArray) return enforce_named_columns(table, schema);
  const Array& array = table.arrays.at(0);
  if (schema.inputs.size() == 1 && !array.shape.empty() && !array.cells.empty()) {
    return Tensors{TRY(cast_column(array, schema.inputs[0], table.form, 0))};
  }
  TRY(cast(array, schema.inputs[0]));
  std::vector<std::string> absent;
  for (const InputSpec& spec : schema.inputs) {
    if (spec.required) absent.push_back(spec.name);
  }
  return std::unexpected(missing(absent, {.form = Form::kArray}, schema));
}

Result<void> check_shape(const Shape& shape, const InputSpec& spec) {
  const auto allows = [](std::int64_t wanted, std::int64_t given) {
    return wanted == serving::kAny || wanted == given;
  };
  if (std::ranges::equal(*spec.shape, shape, allows)) return {};
  return std::unexpected(not_met(
      fmt::format("the input is of shape {}, which does not match {}", shape_text(shape), shape_text(*spec.shape))));
}

Result<Tensor> cast_tensor(const Array& array, const InputSpec& spec) {
  Tensor tensor = TRY(cast(array, spec));
  TRY(check_shape(tensor.shape, spec));
  return tensor;
}

// A frame's column holds a row of the tensor in each of its cells: a value, or the values of all other axes.
Result<Tensor> cast_frame_column(const Array& column, const InputSpec& spec) {
  Tensor tensor = TRY(cast(column, spec));
  Shape shape = *spec.shape;
  const bool rows_vary = !shape.empty() && shape[0] == serving::kAny;
  if (rows_vary && !column.shape.empty() && std::ranges::count(shape, serving::kAny) == 1) {
    shape[0] = column.shape[0];
    if (serving::elements_of(shape).value_or(0) == column.cells.size()) {
      tensor.shape = std::move(shape);
      return tensor;
    }
  }
  return std::unexpected(not_met(fmt::format("column \"{}\" is of shape {}, which does not make {}", column.name,
                                             shape_text(column.shape), shape_text(*spec.shape))));
}

Result<Array> side_by_side(std::span<const Array> columns, std::size_t rows) {
  Array array{.name = {}, .shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns.size())}};
  for (const Array& column : columns) {
    if (column.shape.size() != 1) return std::unexpected(not_met("a column has lists where it should have values"));
  }
  array.cells.reserve(rows * columns.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (const Array& column : columns) array.cells.push_back(column.cells.at(row));
  }
  return array;
}

Result<Tensors> enforce_unnamed_tensor(const Table& table, const Schema& schema) {
  const InputSpec& spec = schema.inputs[0];
  switch (table.form) {
    case Form::kArray:
      return Tensors{TRY(cast_tensor(table.arrays.at(0), spec))};
    case Form::kArrays:
      return invalid_argument("the model's signature has no names, so the input must be an array, not an object");
    case Form::kRecords:
      return std::unexpected(not_met("the model takes an array, not a list of objects"));
    case Form::kFrame:
      break;
  }
  if (table.rows == 0 || table.arrays.empty()) return invalid_argument("the frame is empty");
  if (table.arrays.size() == 1) return Tensors{TRY(cast_frame_column(table.arrays[0], spec))};
  return Tensors{TRY(cast_tensor(TRY(side_by_side(table.arrays, table.rows)), spec))};
}

Result<Tensors> enforce_named_tensors(const Table& table, const Schema& schema) {
  if (table.form == Form::kRecords) return std::unexpected(not_met("the model takes arrays, not a list of objects"));
  if (table.form == Form::kArray && schema.inputs.size() == 1 && !table.arrays.at(0).shape.empty()) {
    return Tensors{TRY(cast_tensor(table.arrays[0], schema.inputs[0]))};
  }
  Tensors tensors;
  std::vector<std::string> absent;
  for (std::size_t at = 0; at < schema.inputs.size(); ++at) {
    const InputSpec& spec = schema.inputs[at];
    const Array* array = table.form == Form::kArray ? nullptr : find(table, spec.name, at);
    if (array == nullptr && spec.required) absent.push_back(spec.name);
    if (array == nullptr) continue;
    const bool frame = table.form == Form::kFrame;
    tensors.push_back(frame ? TRY(cast_frame_column(*array, spec)) : TRY(cast_tensor(*array, spec)));
  }
  if (!absent.empty()) return std::unexpected(missing(absent, table, schema));
  return tensors;
}

// Tensors of numbers as the columns of one.
Result<Tensor> joined(std::span<const Tensor> columns, std::string name) {
  const std::int64_t rows = columns[0].shape.empty() ? 0 : columns[0].shape[0];
  const auto width = static_cast<std::int64_t>(columns.size());
  Tensor tensor = serving::make_tensor(std::move(name), serving::Datatype::kFp64, {rows, width});
  const std::span<double> out = serving::elements<double>(tensor);
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const Tensor& column = columns[at];
    if (column.datatype == serving::Datatype::kBytes || column.shape != Shape{rows}) {
      return invalid_argument("the request's columns have no names and are not all numbers");
    }
    std::vector<std::string_view> no_texts;
    const serving::TensorView view = serving::view_of(column, no_texts);
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      out[row * columns.size() + at] = serving::number_at(view, row);
    }
  }
  return tensor;
}

}  // namespace

Result<Tensors> enforce(const Table& table, const Schema& schema) {
  if (!schema.is_tensors()) return enforce_columns(table, schema);
  return schema.has_names() ? enforce_named_tensors(table, schema) : enforce_unnamed_tensor(table, schema);
}

Result<Tensors> without_schema(const Table& table) {
  Tensors tensors;
  for (const Array& array : table.arrays) tensors.push_back(TRY(cast(array)));
  return tensors;
}

Result<void> give_names(Tensors& tensors, std::span<const std::string> inputs) {
  const bool nameless = std::ranges::any_of(tensors, [](const Tensor& tensor) { return tensor.name.empty(); });
  if (!nameless) return {};
  if (tensors.size() == inputs.size()) {
    for (std::size_t at = 0; at < inputs.size(); ++at) tensors[at].name = inputs[at];
    return {};
  }
  const std::string name = inputs.size() == 1 ? inputs[0] : "input";
  if (tensors.size() > 1) {
    Tensor whole = TRY(joined(tensors, name));
    tensors = {std::move(whole)};
  }
  tensors[0].name = name;
  return {};
}

}  // namespace millrace::api::scoring
