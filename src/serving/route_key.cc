#include "serving/route_key.h"

#include <algorithm>
#include <cmath>

#include "serving/convert.h"

namespace millrace::serving {
namespace {

using Key = std::optional<std::string>;

Key key_at(const TensorView& tensor, std::size_t row) {
  if (tensor.datatype == Datatype::kBytes) return std::string(tensor.texts[row]);
  if (!is_floating(tensor.datatype)) return fmt::format("{}", integer_at(tensor, row));
  const double number = number_at(tensor, row);
  if (std::isnan(number)) return std::nullopt;
  return fmt::format("{}", number);
}

std::size_t size_of(const TensorView& tensor) {
  return tensor.datatype == Datatype::kBytes ? tensor.texts.size() : tensor.data.size() / width_of(tensor.datatype);
}

Result<Key> key_of_rows(const TensorView& tensor) {
  const std::size_t rows = size_of(tensor);
  if (rows == 0) return Key();
  Key first = key_at(tensor, 0);
  for (std::size_t row = 1; row < rows; ++row) {
    if (key_at(tensor, row) != first) {
      return invalid_argument(
          "input \"{}\" differs between the rows, and requests are divided by it; send a request for each key",
          tensor.name);
    }
  }
  return first;
}

Key not_empty(std::string text) { return text.empty() ? Key() : Key(std::move(text)); }

}  // namespace

Result<std::optional<std::string>> sticky_key(const StickySpec& sticky, const InferRequest& request) {
  const RequestHints* hints = request.hints;
  switch (sticky.source) {
    case StickySpec::Source::kHeader:
      return not_empty(hints == nullptr ? "" : hints->header(sticky.name));
    case StickySpec::Source::kParameter:
      return not_empty(hints == nullptr ? "" : hints->parameter(sticky.name));
    case StickySpec::Source::kInput:
      break;
  }
  const auto input = std::ranges::find(request.inputs, sticky.name, &TensorView::name);
  if (input == request.inputs.end()) return Key();
  return key_of_rows(*input);
}

std::string wanted_arm(const OverrideSpec& chosen_by, const InferRequest& request) {
  if (request.hints == nullptr) return "";
  return chosen_by.source == OverrideSpec::Source::kHeader ? request.hints->header(chosen_by.name)
                                                           : request.hints->parameter(chosen_by.name);
}

}  // namespace millrace::serving
