#include "api/http/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace millrace::api {
namespace {

// The largest first, of equals the first; what is no number last.
std::vector<std::size_t> largest(std::span<const double> row, std::size_t count) {
  std::vector<std::size_t> places(row.size());
  std::iota(places.begin(), places.end(), 0);
  auto before = [&](std::size_t a, std::size_t b) {
    if (std::isnan(row[a]) || std::isnan(row[b])) return !std::isnan(row[a]) || (std::isnan(row[b]) && a < b);
    return row[a] != row[b] ? row[a] > row[b] : a < b;
  };
  std::ranges::partial_sort(places, places.begin() + static_cast<std::ptrdiff_t>(count), before);
  places.resize(count);
  return places;
}

}  // namespace

Result<serving::Tensor> classes_of(const serving::Tensor& tensor, std::size_t count) {
  if (tensor.datatype == serving::Datatype::kBytes)
    return invalid_argument("output \"{}\" is of texts, which have no classes", tensor.name);
  auto shape = tensor.shape;
  if (shape.size() < 2) shape.push_back(1);
  auto width = static_cast<std::size_t>(shape.back());
  count = std::min(count, width);
  std::vector<std::string_view> no_texts;
  std::vector<double> values(tensor.data.size() / width_of(tensor.datatype));
  numbers_of(view_of(tensor, no_texts), values);
  shape.back() = static_cast<std::int64_t>(count);
  auto classes = serving::make_tensor(tensor.name, serving::Datatype::kBytes, shape);
  classes.texts.clear();
  for (std::size_t at = 0; width > 0 && at < values.size(); at += width)
    for (auto place : largest(std::span(values).subspan(at, width), count))
      classes.texts.push_back(fmt::format("{:f}:{}", values[at + place], place));
  return classes;
}

}  // namespace millrace::api
