#include "serving/measure.h"

#include <algorithm>
#include <cmath>

#include "serving/rows.h"

namespace millrace::serving {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kSizes[] = {1, 8, 32};
constexpr int kTries = 5;
constexpr auto kLongEnough = std::chrono::milliseconds(200);  // for the tries of one size
constexpr auto kPatience = std::chrono::seconds(5);           // for all but the first size
constexpr double kTolerance = 1e-4;  // floating point may be summed in another order in company

// A row of zeros and empty texts; extents that requests decide are 1.
Tensor empty_row(const TensorSpec& spec) {
  auto shape = spec.shape;
  for (auto& extent : shape) extent = extent == kAny ? 1 : extent;
  return make_tensor(spec.name, spec.datatype, std::move(shape));
}

std::vector<Tensor> row_for(const Runtime& runtime) {
  const auto example = runtime.example();
  std::vector<Tensor> row;
  for (const TensorSpec& spec : runtime.inputs()) {
    const auto found = std::ranges::find(example, spec.name, &Tensor::name);
    if (found != example.end()) row.push_back(*found);
    if (found == example.end()) row.push_back(spec.optional && !example.empty() ? Tensor{} : empty_row(spec));
  }
  return row;
}

std::vector<Tensor> repeated(std::span<const Tensor> row, std::size_t rows) {
  std::vector<Tensor> many;
  for (const Tensor& tensor : row) {
    const std::vector<Tensor> copies(rows, tensor);
    many.push_back(tensor.name.empty() ? Tensor{} : concatenate(Views(copies)));
  }
  return many;
}

bool close(const TensorView& a, std::size_t i, const TensorView& b, std::size_t j) {
  if (a.datatype == Datatype::kBytes) return a.texts[i] == b.texts[j];
  const double x = number_at(a, i), y = number_at(b, j);
  return (std::isnan(x) && std::isnan(y)) || x == y ||
         std::abs(x - y) <= kTolerance * std::max(std::abs(x), std::abs(y));
}

// Whether each row of `many` is the one row of `one`.
bool repeats(const Tensor& many, const Tensor& one, std::size_t rows) {
  if (many.shape.empty() || rows_in(many.shape) != rows || rows_in(one.shape) != 1) return false;
  std::vector<std::string_view> many_texts, one_texts;
  const auto a = view_of(many, many_texts), b = view_of(one, one_texts);
  const auto width = elements_of(one.shape).value_or(0);
  if (elements_of(many.shape).value_or(0) != rows * width) return false;
  for (std::size_t i = 0; i < rows * width; ++i) {
    if (!close(a, i, b, i % width)) return false;
  }
  return true;
}

// The best of some tries.
Result<BatchTiming> take_time(const Runtime& runtime, std::span<const TensorView> inputs, std::size_t rows) {
  BatchTiming timing{.rows = rows, .time = std::chrono::nanoseconds::max()};
  const auto begun = Steady::now();
  for (int i = 0; i < kTries && Steady::now() - begun < kLongEnough; ++i) {
    const auto before = Steady::now();
    TRY(runtime.infer(inputs));
    timing.time = std::min<std::chrono::nanoseconds>(timing.time, Steady::now() - before);
  }
  return timing;
}

Result<std::vector<BatchTiming>> measure(const Runtime& runtime) {
  const auto takes_rows = [](const TensorSpec& spec) { return !spec.shape.empty() && spec.shape[0] == kAny; };
  if (!std::ranges::all_of(runtime.inputs(), takes_rows)) {
    return invalid_argument("the model's inputs have no rows");
  }
  const auto row = row_for(runtime);
  const auto alone = TRY(runtime.infer(Views(row)));
  std::vector<BatchTiming> timings;
  const auto begun = Steady::now();
  for (const std::size_t rows : kSizes) {
    if (!timings.empty() && Steady::now() - begun > kPatience) break;
    const auto many = repeated(row, rows);
    const Views inputs(many);
    const auto answer = TRY(runtime.infer(inputs));
    for (std::size_t i = 0; i < answer.size(); ++i) {
      if (!repeats(answer[i], alone[i], rows)) {
        return invalid_argument("the model answers \"{}\" to {} rows otherwise than to each alone", answer[i].name,
                                rows);
      }
    }
    timings.push_back(TRY(take_time(runtime, inputs, rows)));
  }
  return timings;
}

}  // namespace

BatchMeasurement measure_batches(const Runtime& runtime) {
  auto timings = measure(runtime);
  if (timings) return {.timings = std::move(*timings)};
  return {.problem = timings.error().message};
}

}  // namespace millrace::serving
