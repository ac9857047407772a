#include "serving/compositions/pick.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/suggest.h"

namespace millrace::serving {
namespace {

Result<std::size_t> place_of_output(const std::vector<TensorSpec>& outputs, const std::string& wanted) {
  std::vector<std::string> names;
  for (const TensorSpec& output : outputs) names.push_back(output.name);
  if (wanted.empty() && outputs.size() == 1) return std::size_t{0};
  if (wanted.empty()) {
    return failed_precondition("it answers {}; say with \"output\" which of them counts", fmt::join(names, ", "));
  }
  const auto found = std::ranges::find(names, wanted);
  if (found == names.end())
    return failed_precondition("it has no output \"{}\"{}", wanted, did_you_mean(wanted, names));
  return static_cast<std::size_t>(found - names.begin());
}

// A class by its label, or, where the model has no labels, by its place.
Result<std::size_t> place_of_class(const TensorSpec& output, const std::string& wanted) {
  if (output.shape.size() != 2 || output.datatype == Datatype::kBytes) {
    return failed_precondition("its output \"{}\" is of shape {}, not of a number for each class", output.name,
                               shape_text(output.shape));
  }
  if (!output.labels.empty()) {
    const auto found = std::ranges::find(output.labels, wanted);
    if (found != output.labels.end()) return static_cast<std::size_t>(found - output.labels.begin());
    return failed_precondition("its classes are {}, without \"{}\"", fmt::join(output.labels, ", "), wanted);
  }
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), place);
  const bool inside = output.shape[1] == kAny || place < static_cast<std::size_t>(output.shape[1]);
  if (error == std::errc() && end == wanted.data() + wanted.size() && inside) return place;
  return failed_precondition(
      "its classes have no names; \"class\" must be a place in its output \"{}\" {}, from 0, "
      "not \"{}\"",
      output.name, shape_text(output.shape), wanted);
}

// One value of each row.
Result<Tensor> column_of(const Tensor& whole, std::size_t value) {
  if (whole.shape.size() != 2 || static_cast<std::size_t>(whole.shape[1]) <= value) {
    return internal_error("output \"{}\" is of shape {}, without a value {}", whole.name, shape_text(whole.shape),
                          value);
  }
  Tensor column = make_tensor(whole.name, whole.datatype, {whole.shape[0]});
  const std::size_t bytes = width_of(whole.datatype), width = static_cast<std::size_t>(whole.shape[1]);
  for (std::size_t row = 0; row * bytes < column.data.size(); ++row) {
    std::memcpy(column.data.data() + row * bytes, whole.data.data() + (row * width + value) * bytes, bytes);
  }
  return column;
}

}  // namespace

Result<Pick> pick_output(const std::vector<TensorSpec>& outputs, const MemberSpec& member) {
  Pick pick{.output = TRY(place_of_output(outputs, member.output))};
  pick.spec = outputs[pick.output];
  if (member.of_class.empty()) return pick;
  pick.value = TRY(place_of_class(pick.spec, member.of_class));
  pick.spec.shape.pop_back();
  pick.spec.labels.clear();
  return pick;
}

Result<Tensor> picked(std::vector<Tensor> answer, const Pick& pick) {
  if (answer.size() <= pick.output) return internal_error("a member answered {} outputs", answer.size());
  if (pick.value) return column_of(answer[pick.output], *pick.value);
  return std::move(answer[pick.output]);
}

}  // namespace millrace::serving
