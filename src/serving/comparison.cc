#include "serving/comparison.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace millrace::serving {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kThreshold = 0.5;
constexpr double kRelative = 0.01;

// A row's part of a tensor: the elements from first on.
struct RowPart {
  std::size_t first = 0, count = 0;
};

RowPart part_of(std::size_t elements, std::size_t row, std::size_t rows) {
  const std::size_t count = rows == 0 ? 0 : elements / rows;
  return {row * count, count};
}

std::size_t size_of(const Tensor& tensor) {
  return tensor.datatype == Datatype::kBytes ? tensor.texts.size() : tensor.data.size() / width_of(tensor.datatype);
}

std::vector<double> numbers_in(const Tensor& tensor, RowPart part) {
  const TensorView view{tensor.name, tensor.datatype, tensor.shape, tensor.data, {}};
  std::vector<double> numbers;
  for (std::size_t i = 0; i < part.count; ++i) numbers.push_back(number_at(view, part.first + i));
  return numbers;
}

bool is_probability(double value) { return value >= 0 && value <= 1; }

bool same_number(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (is_probability(a) && is_probability(b)) return (a >= kThreshold) == (b >= kThreshold);
  return std::abs(a - b) <= kRelative * std::max(std::abs(a), std::abs(b));
}

bool same_decision(const std::vector<double>& a, const std::vector<double>& b, bool floating) {
  if (!floating) return a == b;
  if (a.size() == 1) return same_number(a[0], b[0]);
  return std::ranges::max_element(a) - a.begin() == std::ranges::max_element(b) - b.begin();
}

Difference compare_numbers(const Tensor& a, const Tensor& b, RowPart part) {
  const std::vector<double> of_a = numbers_in(a, part), of_b = numbers_in(b, part);
  Difference difference{.agree = same_decision(of_a, of_b, is_floating(a.datatype) || is_floating(b.datatype))};
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    const double apart = std::abs(of_a[i] - of_b[i]);
    if (apart > difference.largest) difference.largest = apart;
  }
  return difference;
}

Difference compare_texts(const Tensor& a, const Tensor& b, RowPart part) {
  const auto of = [&](const Tensor& tensor) { return std::span(tensor.texts).subspan(part.first, part.count); };
  return {std::ranges::equal(of(a), of(b)), kNothing};
}

}  // namespace

Difference compare_rows(std::span<const Tensor> answer, std::span<const Tensor> shadow, std::size_t row,
                        std::size_t rows) {
  if (answer.empty() || shadow.empty()) return {false, kNothing};
  const Tensor &a = answer.front(), &b = shadow.front();
  const bool texts = a.datatype == Datatype::kBytes;
  const RowPart part = part_of(size_of(a), row, rows);
  if (texts != (b.datatype == Datatype::kBytes) || size_of(a) != size_of(b) || part.count == 0)
    return {false, kNothing};
  return texts ? compare_texts(a, b, part) : compare_numbers(a, b, part);
}

}  // namespace millrace::serving
