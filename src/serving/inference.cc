#include "serving/inference.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace millrace::serving {
namespace {

constexpr std::size_t kMaxIdBytes = 512;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

template <typename Container>
auto row_of(Container& values, std::size_t row, std::size_t width) {
  return std::span(values.data() + row * width, width);
}

}  // namespace

Result<InferAnswer> Inference::run() {
  TRY(check_model());
  TRY(bind());
  TRY(make_vectors());
  InferAnswer answer{.version = endpoint_.champion.model->version,
                     .model_name = endpoint_.spec.name,
                     .id = request_.id.empty() ? sources_.ids.next() : std::string(request_.id),
                     .rows = bound_.rows,
                     .columns = endpoint_.champion.outputs()};
  answer.values.resize(answer.rows * answer.columns);
  score(endpoint_.champion, answer.values);
  score_shadows();
  TRY(log(answer));
  count();
  return answer;
}

Result<void> Inference::check_model() const {
  const std::string& name = endpoint_.spec.name;
  if (!endpoint_.champion.model) return unavailable("endpoint {} has no model yet: {}", name, endpoint_.problem);
  const std::int64_t serving = endpoint_.champion.model->version;
  if (request_.version && *request_.version != serving) {
    return not_found("endpoint {} serves version {}, not {}", name, serving, *request_.version);
  }
  if (request_.id.size() > kMaxIdBytes)
    return invalid_argument("the request's id is longer than {} bytes", kMaxIdBytes);
  return {};
}

Result<void> Inference::bind() {
  event_time_ = request_.event_time ? *request_.event_time : sources_.event_clock.now();
  width_ = endpoint_.vectors->features().size();
  if (carries_whole_vectors()) return bind_whole_vectors();
  bound_ = TRY(bind_inputs(endpoint_.spec.name, endpoint_.vectors->inputs(), request_.inputs));
  return {};
}

// An endpoint without a feature service takes [n, f] too; where f is 1 that is a column, which needs its name.
bool Inference::carries_whole_vectors() const {
  return !endpoint_.spec.features && request_.inputs.size() == 1 && request_.inputs[0].shape.size() == 2 && width_ > 1;
}

Result<void> Inference::bind_whole_vectors() {
  const InputTensor& tensor = request_.inputs[0];
  if (tensor.shape[1] != static_cast<std::int64_t>(width_)) {
    return invalid_argument("input \"{}\" is of shape [{},{}]; endpoint {} takes {} values a row", tensor.name,
                            tensor.shape[0], tensor.shape[1], endpoint_.spec.name, width_);
  }
  // One long column for the binder, which then checks the datatype and the number of values.
  const std::int64_t values = tensor.shape[0] * tensor.shape[1];
  const duck::ColumnType column{std::string(tensor.name), duck::Type::kDouble};
  const InputTensor flat{.name = tensor.name, .shape = {&values, 1}, .data = tensor.data};
  bound_ = TRY(bind_inputs(endpoint_.spec.name, {&column, 1}, {&flat, 1}));
  bound_.rows /= width_;
  return {};
}

Result<void> Inference::make_vectors() {
  const std::size_t inputs = endpoint_.vectors->inputs().size();
  vectors_.resize(bound_.rows * width_);
  for (std::size_t row = 0; row < bound_.rows; ++row) {
    TRY(endpoint_.vectors->compute(row_of(bound_.values, row, inputs), event_time_, row_of(vectors_, row, width_)));
  }
  return {};
}

void Inference::score(const ScoredModel& model, std::span<double> out) const {
  if (model.columns.empty()) return model.model->runtime->score({vectors_.data(), vectors_.size()}, out);
  Doubles gathered;
  for (std::size_t row = 0; row < bound_.rows; ++row) {
    for (std::size_t column : model.columns) gathered.push_back(vectors_[row * width_ + column]);
  }
  model.model->runtime->score({gathered.data(), gathered.size()}, out);
}

void Inference::score_shadows() {
  const auto& columns = endpoint_.log->schema().shadows;
  std::size_t width = 0, at = 0;
  for (const auto& shadow : columns) width += shadow.outputs;
  shadows_.resize(bound_.rows * width, kMissing);
  for (std::size_t i = 0; i < columns.size(); at += columns[i++].outputs) {
    const ScoredModel& shadow = endpoint_.shadows[i];
    if (!shadow.model) continue;
    Doubles scored(bound_.rows * shadow.outputs());
    score(shadow, {scored.data(), scored.size()});
    for (std::size_t row = 0; row < bound_.rows; ++row) {
      std::ranges::copy(row_of(scored, row, shadow.outputs()),
                        shadows_.begin() + static_cast<std::ptrdiff_t>(row * width + at));
    }
  }
}

Result<void> Inference::log(const InferAnswer& answer) {
  using std::chrono::duration_cast;
  const auto latency = duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start_);
  const bool plain = !endpoint_.spec.features;
  const std::size_t inputs = plain ? 0 : endpoint_.vectors->inputs().size();
  const std::size_t shadows = bound_.rows == 0 ? 0 : shadows_.size() / bound_.rows;
  const Timestamp now = sources_.wall_clock.now();
  for (std::size_t row = 0; row < bound_.rows; ++row) {
    const std::string several = bound_.rows == 1 ? std::string() : fmt::format("{}.{}", answer.id, row);
    TRY(endpoint_.log->append({.id = bound_.rows == 1 ? answer.id : several,
                               .event_time = event_time_,
                               .served_at = now,
                               .version = answer.version,
                               .route = endpoint_.champion.alias,
                               .latency_us = latency.count(),
                               .inputs = row_of(bound_.values, row, inputs),
                               .features = row_of(vectors_, row, width_),
                               .prediction = row_of(answer.values, row, answer.columns),
                               .shadows = row_of(shadows_, row, shadows)}));
  }
  return {};
}

void Inference::count() const {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
  endpoint_.statistics->predictions.add(bound_.rows);
  endpoint_.statistics->latency.observe(took.count());
}

}  // namespace millrace::serving
