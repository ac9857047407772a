#include "serving/bind.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/suggest.h"
#include "serving/convert.h"

namespace millrace::serving {
namespace {

// What is asked for under a name: columns of a feature service, or a model's own tensors.
template <typename Wanted>
std::vector<std::string> names_of(std::span<const Wanted> wanted) {
  std::vector<std::string> names;
  for (const Wanted& one : wanted) names.push_back(one.name);
  return names;
}

const TensorView* find(std::span<const TensorView> tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &TensorView::name);
  return found == tensors.end() ? nullptr : &*found;
}

// Of tensors that are more than what is asked for, one is unknown or given twice.
Error unexpected_input(std::string_view endpoint, const std::vector<std::string>& names,
                       std::span<const TensorView> tensors) {
  for (const TensorView& tensor : tensors) {
    if (std::ranges::find(names, tensor.name) == names.end()) {
      return invalid_argument("endpoint {} has no input \"{}\"{}", endpoint, tensor.name,
                              did_you_mean(tensor.name, names))
          .error();
    }
  }
  return invalid_argument("an input of the request is given twice").error();
}

// The tensor of that name; nullptr where it is missing and everything given is asked for.
template <typename Wanted>
Result<const TensorView*> find_wanted(std::string_view endpoint, std::span<const Wanted> wanted, std::size_t at,
                                      std::span<const TensorView> tensors) {
  const TensorView* tensor = find(tensors, wanted[at].name);
  if (tensor == nullptr && tensors.size() >= wanted.size()) {
    return std::unexpected(unexpected_input(endpoint, names_of(wanted), tensors));
  }
  return tensor;
}

std::size_t size_of(const TensorView& tensor) {
  return tensor.datatype == Datatype::kBytes ? tensor.texts.size() : tensor.data.size() / width_of(tensor.datatype);
}

Result<std::size_t> rows_of(const TensorView& tensor) {
  const bool column = tensor.shape.size() == 1 || (tensor.shape.size() == 2 && tensor.shape[1] == 1);
  if (!column) return invalid_argument("input \"{}\" must be of shape [n] or [n,1]", tensor.name);
  if (tensor.shape[0] < 0 || static_cast<std::size_t>(tensor.shape[0]) != size_of(tensor)) {
    return invalid_argument("input \"{}\" is of shape [{}] but has {} values", tensor.name, tensor.shape[0],
                            size_of(tensor));
  }
  return size_of(tensor);
}

sql::Value of_double(double value) { return std::isnan(value) ? sql::Value::null() : sql::Value::of(value); }

std::optional<sql::Value> convert_text(const TensorView& tensor, std::size_t row, duck::Type type) {
  if (type == duck::Type::kVarchar) return sql::Value::of(tensor.texts[row]);
  return std::nullopt;
}

// One value of a tensor as a column of this type takes it; nullopt where it does not.
std::optional<sql::Value> convert(const TensorView& tensor, std::size_t row, duck::Type type) {
  if (tensor.datatype == Datatype::kBytes) return convert_text(tensor, row, type);
  if (type == duck::Type::kDouble) {
    if (tensor.datatype == Datatype::kFp64) [[likely]]
      return of_double(element<double>(tensor.data, row));
    return of_double(number_at(tensor, row));
  }
  const bool truth = tensor.datatype == Datatype::kBool;
  if (type == duck::Type::kBoolean && truth) return sql::Value::of(integer_at(tensor, row) != 0);
  const bool whole = type == duck::Type::kBigint || type == duck::Type::kTimestamp;
  if (whole && !truth && is_integer(tensor.datatype)) return sql::Value::of(integer_at(tensor, row));
  return std::nullopt;
}

Result<sql::Value> timestamp_of(std::string_view name, std::string_view text) {
  const Result<Timestamp> time = parse_time(text);
  if (!time) return invalid_argument("input \"{}\": {}", name, time.error().message);
  return sql::Value::of(time->us);
}

Result<sql::Value> value_at(const TensorView& tensor, std::size_t row, duck::Type type) {
  if (tensor.datatype == Datatype::kBytes && type == duck::Type::kTimestamp) {
    return timestamp_of(tensor.name, tensor.texts[row]);
  }
  if (const auto value = convert(tensor, row, type)) return *value;
  return invalid_argument("input \"{}\" has datatype {}; it must be {}", tensor.name, to_text(tensor.datatype),
                          to_text(datatype_of(type)));
}

Result<void> bind_column(const TensorView& tensor, std::size_t at, std::size_t width, duck::Type type,
                         BoundInputs& bound) {
  for (std::size_t row = 0; row < bound.rows; ++row) bound.values[row * width + at] = TRY(value_at(tensor, row, type));
  return {};
}

bool is_column(std::span<const std::int64_t> shape) { return shape.size() == 2 && shape[1] == 1; }

// [n] for [n, 1], and the other way round; else the shape that was given.
std::optional<std::vector<std::int64_t>> reshaped(std::span<const std::int64_t> given, const TensorSpec& wanted) {
  if (given.size() == 1 && is_column(wanted.shape)) return std::vector<std::int64_t>{given[0], 1};
  if (is_column(given) && wanted.shape.size() == 1) return std::vector<std::int64_t>{given[0]};
  return std::nullopt;
}

// Binds one tensor to what a model takes under its name.
class TensorBinding {
 public:
  TensorBinding(const TensorSpec& wanted, BoundTensors& bound) : wanted_(wanted), bound_(bound) {}

  Result<void> bind(const TensorView& given) {
    const std::size_t count = TRY(elements_of(given.shape));
    if (count != size_of(given)) {
      return invalid_argument("input \"{}\" is of shape {} but has {} values", given.name, shape_text(given.shape),
                              size_of(given));
    }
    TensorView view = given;
    const auto shape = fits(given.shape, wanted_) ? std::nullopt : reshaped(given.shape, wanted_);
    if (!fits(shape ? std::span<const std::int64_t>(*shape) : given.shape, wanted_)) return wrong_shape(given);
    if (shape || given.datatype != wanted_.datatype) view = TRY(converted(given, shape));
    bound_.views.push_back(view);
    return {};
  }

 private:
  Result<void> wrong_shape(const TensorView& given) const {
    return invalid_argument("input \"{}\" is of shape {}; it must be of {}", given.name, shape_text(given.shape),
                            shape_text(wanted_.shape));
  }

  Result<TensorView> converted(const TensorView& given, const std::optional<std::vector<std::int64_t>>& shape) {
    Tensor& kept = bound_.converted.emplace_back();
    if (given.datatype != wanted_.datatype) kept.data = TRY(convert_elements(given, wanted_.datatype));
    kept.shape = shape ? *shape : std::vector<std::int64_t>(given.shape.begin(), given.shape.end());
    const bool same = given.datatype == wanted_.datatype;
    return TensorView{.name = given.name,
                      .datatype = wanted_.datatype,
                      .shape = kept.shape,
                      .data = same ? given.data : std::span<const std::byte>(kept.data),
                      .texts = given.texts};
  }

  const TensorSpec& wanted_;
  BoundTensors& bound_;
};

bool takes_rows(const TensorSpec& spec) { return !spec.shape.empty() && spec.shape.front() == kAny; }

// The rows of inputs that take rows must be as many.
Result<std::size_t> common_rows(std::span<const TensorSpec> inputs, const BoundTensors& bound) {
  const TensorView* first = nullptr;
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    const TensorView& view = bound.views[at];
    if (!takes_rows(inputs[at])) return std::size_t{1};
    if (view.name.empty()) continue;
    if (first == nullptr) first = &view;
    if (view.shape[0] != first->shape[0]) {
      return invalid_argument("input \"{}\" has {} rows, but \"{}\" has {}", view.name, view.shape[0], first->name,
                              first->shape[0]);
    }
  }
  return first == nullptr ? 1 : static_cast<std::size_t>(first->shape[0]);
}

}  // namespace

Datatype datatype_of(duck::Type type) {
  switch (type) {
    case duck::Type::kBoolean:
      return Datatype::kBool;
    case duck::Type::kBigint:
      return Datatype::kInt64;
    case duck::Type::kDouble:
      return Datatype::kFp64;
    case duck::Type::kVarchar:
    case duck::Type::kTimestamp:
      return Datatype::kBytes;
  }
  return Datatype::kBytes;
}

Result<BoundInputs> bind_inputs(std::string_view endpoint, std::span<const duck::ColumnType> columns,
                                std::span<const TensorView> tensors) {
  BoundInputs bound;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const TensorView* tensor = TRY(find_wanted(endpoint, columns, at, tensors));
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
  if (tensors.size() > columns.size()) {
    return std::unexpected(unexpected_input(endpoint, names_of(columns), tensors));
  }
  return bound;
}

Result<BoundTensors> bind_tensors(std::string_view endpoint, std::span<const TensorSpec> inputs,
                                  std::span<const TensorView> tensors) {
  BoundTensors bound;
  std::size_t found = 0;
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    const TensorView* tensor = find(tensors, inputs[at].name);
    if (tensor == nullptr && !inputs[at].optional) {
      TRY(find_wanted(endpoint, inputs, at, tensors));
      return invalid_argument("endpoint {} needs input \"{}\"", endpoint, inputs[at].name);
    }
    if (tensor == nullptr) {
      bound.views.push_back({.datatype = inputs[at].datatype});
      continue;
    }
    ++found;
    TRY(TensorBinding(inputs[at], bound).bind(*tensor));
  }
  if (tensors.size() > found) return std::unexpected(unexpected_input(endpoint, names_of(inputs), tensors));
  bound.rows = TRY(common_rows(inputs, bound));
  return bound;
}

}  // namespace millrace::serving
