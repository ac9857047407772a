#include "serving/compositions/junction.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "serving/bind.h"
#include "serving/rows.h"
#include "serving/vector_tensors.h"

namespace millrace::serving {
namespace {

// The tensors that have the names of the model's inputs; nullopt where one that it needs is missing.
std::optional<std::vector<std::size_t>> matched_names(std::span<const TensorSpec> given, const Runtime& next) {
  std::vector<std::size_t> places;
  for (const TensorSpec& input : next.inputs()) {
    const auto found = std::ranges::find(given, input.name, &TensorSpec::name);
    if (found == given.end() && !input.optional) return std::nullopt;
    if (found != given.end()) places.push_back(static_cast<std::size_t>(found - given.begin()));
  }
  if (places.empty()) return std::nullopt;
  return places;
}

bool may_fit(const TensorSpec& given, const TensorSpec& wanted) {
  if ((given.datatype == Datatype::kBytes) != (wanted.datatype == Datatype::kBytes)) return false;
  const auto column = [](const TensorSpec& spec) { return spec.shape.size() == 1 || spec.shape.back() == 1; };
  if (given.shape.size() != wanted.shape.size())
    return given.shape.size() + wanted.shape.size() == 3 && column(given) && column(wanted);
  return std::ranges::equal(given.shape, wanted.shape,
                            [](std::int64_t a, std::int64_t b) { return a == b || a == kAny || b == kAny; });
}

std::string names_of(std::span<const TensorSpec> specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) {
    names.push_back(fmt::format("\"{}\" {} {}", spec.name, to_text(spec.datatype), shape_text(spec.shape)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_numbers_of_rows(const TensorSpec& spec) {
  return spec.datatype != Datatype::kBytes && !spec.shape.empty() && spec.shape.size() <= 2 && spec.shape[0] == kAny;
}

// Numbers a row; 0 where only the answer tells.
std::size_t width_of_all(std::span<const TensorSpec> given) {
  std::size_t width = 0;
  for (const TensorSpec& spec : given) {
    const std::int64_t each = spec.shape.size() == 1 ? 1 : spec.shape[1];
    if (each == kAny) return 0;
    width += static_cast<std::size_t>(each);
  }
  return width;
}

// Floating numbers are never cut to integers.
bool takes_floating(const Runtime& next) {
  return std::ranges::all_of(next.inputs(), [](const TensorSpec& input) { return is_floating(input.datatype); });
}

// A row's numbers, tensor by tensor.
void put_rows(const Tensor& tensor, std::size_t rows, std::size_t first, std::size_t width, std::span<double> out) {
  std::vector<std::string_view> no_texts;
  const TensorView view = view_of(tensor, no_texts);
  const std::size_t each = tensor.shape.size() == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < each; ++i) out[row * width + first + i] = number_at(view, row * each + i);
  }
}

}  // namespace

Result<Junction> Junction::make(std::span<const TensorSpec> given, const Runtime& next) {
  if (auto places = matched_names(given, next)) {
    Junction junction(Kind::kNames, next);
    junction.from_ = std::move(*places);
    return junction;
  }
  if (given.size() == 1 && next.inputs().size() == 1 && may_fit(given[0], next.inputs()[0])) {
    Junction junction(Kind::kOne, next);
    junction.from_ = {0};
    return junction;
  }
  return make_rows(given, next);
}

Result<Junction> Junction::make_rows(std::span<const TensorSpec> given, const Runtime& next) {
  Junction junction(Kind::kRows, next);
  const bool numbers = std::ranges::all_of(given, is_numbers_of_rows);
  junction.width_ = numbers ? width_of_all(given) : 0;
  const auto names = vector_names(next, junction.width_);
  const bool fits = numbers && names && (next.rows() != nullptr || takes_floating(next));
  if (fits && (junction.width_ == 0 || names->empty() || names->size() == junction.width_)) {
    if (junction.width_ == 0) junction.width_ = names->size();
    return junction;
  }
  return failed_precondition("it takes {}, which cannot be made of {}", names_of(next.inputs()), names_of(given));
}

Result<std::vector<Tensor>> Junction::pass(std::span<const Tensor> tensors) const {
  return kind_ == Kind::kRows ? pass_rows(tensors) : pass_views(tensors);
}

Result<std::vector<Tensor>> Junction::pass_views(std::span<const Tensor> tensors) const {
  const Views all(tensors);
  const std::span<const TensorView> views = all;
  std::vector<TensorView> given;
  for (const std::size_t place : from_) given.push_back(views[place]);
  if (kind_ == Kind::kOne) given[0].name = next_->inputs()[0].name;
  const BoundTensors bound = TRY(bind_tensors("", next_->inputs(), given));
  return next_->infer({bound.views.data(), bound.views.size()});
}

Result<std::vector<Tensor>> Junction::pass_rows(std::span<const Tensor> tensors) const {
  std::size_t width = 0;
  const std::size_t rows = rows_in(tensors.front().shape);
  for (const Tensor& tensor : tensors) {
    const bool as_told = !tensor.shape.empty() && tensor.shape.size() <= 2 && rows_in(tensor.shape) == rows;
    if (!as_told || tensor.datatype == Datatype::kBytes) {
      return internal_error("\"{}\" was answered as {} of shape {}, not as numbers for each of {} rows", tensor.name,
                            to_text(tensor.datatype), shape_text(tensor.shape), rows);
    }
    width += tensor.shape.size() == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1;
  }
  if (width_ != 0 && width != width_) {
    return internal_error("{} numbers a row were answered, and the next model takes {}", width, width_);
  }
  std::vector<double> values(rows * width);
  std::size_t first = 0;
  for (const Tensor& tensor : tensors) {
    put_rows(tensor, rows, first, width, values);
    first += tensor.shape.size() == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1;
  }
  return score_vectors(*next_, values, rows);
}

}  // namespace millrace::serving
