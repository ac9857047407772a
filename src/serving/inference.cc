#include "serving/inference.h"

#include <algorithm>
#include <utility>

#include "base/suggest.h"
#include "serving/logged_row.h"
#include "serving/route_key.h"

namespace millrace::serving {
namespace {

constexpr std::size_t kMaxIdBytes = 512;

Tensor copy_of(const TensorView& view) {
  return {.name = std::string(view.name),
          .datatype = view.datatype,
          .shape = {view.shape.begin(), view.shape.end()},
          .data = {view.data.begin(), view.data.end()},
          .texts = {view.texts.begin(), view.texts.end()}};
}

template <typename Container>
auto row_of(Container& values, std::size_t row, std::size_t width) {
  return std::span(values.data() + row * width, width);
}

std::uint64_t ns_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(to - from).count());
}

}  // namespace

Result<InferAnswer> Inference::run() {
  TRY(prepare());
  auto outputs = TRY(score(endpoint_, arm_->scored, request_rows()));
  score_shadows(outputs);
  return finish(std::move(outputs));
}

Result<void> Inference::prepare() {
  if (begun_at_ == Moment{}) begun_at_ = std::chrono::steady_clock::now();
  TRY(check_model());
  TRY(choose());
  TRY(check_outputs());
  TRY(bind());
  bound_at_ = std::chrono::steady_clock::now();
  return {};
}

Result<InferAnswer> Inference::finish(Outputs outputs) {
  InferAnswer answer{
      .version = arm_->scored.model->version, .model_name = endpoint_.spec.name, .outputs = std::move(outputs)};
  served_at_ = sources_.wall_clock.now();
  if (is_logged(endpoint_.spec.log, id_)) TRY(log(answer));
  leave_for_later(answer);
  count();
  answer.id = std::move(id_);
  keep_wanted(answer.outputs);
  return answer;
}

Result<void> Inference::check_model() const {
  if (!endpoint_.primary_model().model)
    return unavailable("endpoint {} has no model yet: {}", endpoint_.spec.name, endpoint_.problem);
  if (request_.id.size() > kMaxIdBytes)
    return invalid_argument("the request's id is longer than {} bytes", kMaxIdBytes);
  return {};
}

Result<void> Inference::choose() {
  id_ = request_.id.empty() ? sources_.ids.next() : std::string(request_.id);
  const RouteChoice choice = TRY(choose_arm());
  arm_ = &endpoint_.arms[choice.arm];
  reason_ = choice.reason;
  return {};
}

Result<RouteChoice> Inference::choose_arm() const {
  const RoutesSpec& routes = endpoint_.in_force.routes;
  RouteRequest wanted{.id = id_, .version = request_.version};
  const std::string arm = routes.chosen_by ? wanted_arm(*routes.chosen_by, request_) : std::string();
  wanted.wanted_arm = arm;
  if (!routes.sticky) return serving::choose_arm(endpoint_.table, wanted);
  const std::optional<std::string> key = TRY(sticky_key(*routes.sticky, request_));
  wanted.sticky = key;
  return serving::choose_arm(endpoint_.table, wanted);
}

Result<void> Inference::check_outputs() const {
  const std::vector<TensorSpec>& outputs = arm_->scored.outputs();
  for (auto wanted = request_.outputs.begin(); wanted != request_.outputs.end(); ++wanted) {
    if (std::find(request_.outputs.begin(), wanted, *wanted) != wanted) {
      return invalid_argument("output \"{}\" is asked for twice", *wanted);
    }
    if (std::ranges::find(outputs, *wanted, &TensorSpec::name) != outputs.end()) continue;
    std::vector<std::string> names;
    for (const TensorSpec& output : outputs) names.push_back(output.name);
    return invalid_argument("endpoint {} has no output \"{}\"{}", endpoint_.spec.name, *wanted,
                            did_you_mean(*wanted, names));
  }
  return {};
}

Result<void> Inference::bind() {
  event_time_ = request_.event_time ? *request_.event_time : sources_.event_clock.now();
  if (!endpoint_.vectors) {
    tensors_ = TRY(bind_tensors(endpoint_.spec.name, arm_->scored.model->runtime->inputs(), request_.inputs));
    rows_ = tensors_.rows;
    return {};
  }
  width_ = endpoint_.vectors->features().size();
  if (carries_whole_vectors()) return bind_whole_vectors();
  bound_ = TRY(bind_inputs(endpoint_.spec.name, endpoint_.vectors->inputs(), request_.inputs));
  rows_ = bound_.rows;
  return make_vectors();
}

// An endpoint without a feature service takes [n, f] too; where f is 1 that is a column, which needs its name.
bool Inference::carries_whole_vectors() const {
  return !endpoint_.spec.features && request_.inputs.size() == 1 && request_.inputs[0].shape.size() == 2 && width_ > 1;
}

Result<void> Inference::bind_whole_vectors() {
  const TensorView& tensor = request_.inputs[0];
  if (tensor.shape[1] != static_cast<std::int64_t>(width_)) {
    return invalid_argument("input \"{}\" is of shape {}; endpoint {} takes {} values a row", tensor.name,
                            shape_text(tensor.shape), endpoint_.spec.name, width_);
  }
  if (tensor.datatype == Datatype::kBytes) {
    return invalid_argument("input \"{}\" has datatype BYTES; it must be FP64", tensor.name);
  }
  const std::size_t count = TRY(elements_of(tensor.shape));
  if (tensor.data.size() != count * width_of(tensor.datatype)) {
    return invalid_argument("input \"{}\" is of shape {} but has {} values", tensor.name, shape_text(tensor.shape),
                            tensor.data.size() / width_of(tensor.datatype));
  }
  rows_ = count / width_;
  vectors_.resize(count);
  numbers_of(tensor, {vectors_.data(), count});
  return {};
}

Result<void> Inference::make_vectors() {
  vectors_.resize(rows_ * width_);
  return endpoint_.vectors->compute_rows({bound_.values.data(), bound_.values.size()}, event_time_,
                                         {vectors_.data(), vectors_.size()});
}

RequestRows Inference::request_rows() const {
  return {.rows = rows_,
          .width = width_,
          .vectors = {vectors_.data(), vectors_.size()},
          .tensors = {tensors_.views.data(), tensors_.views.size()}};
}

// A shadow that fails is not the caller's trouble; it has no values in the log.
void Inference::score_shadows(const Outputs& answer) {
  scored_at_ = std::chrono::steady_clock::now();
  shadows_.resize(endpoint_.shadows.size());
  for (std::size_t i = 0; i < shadows_.size(); ++i) {
    const ServedShadow& shadow = endpoint_.shadows[i];
    if (!shadow.scored.model || shadow.when != ServedShadow::When::kInPlace) continue;
    shadows_[i] = score_shadow(endpoint_, shadow, request_rows(), answer);
  }
}

// What shadows on another thread need outlives the request.
void Inference::leave_for_later(const InferAnswer& answer) {
  if (!endpoint_.later_shadows) return;
  ShadowJob job{.endpoint = served_,
                .id = id_,
                .event_time = event_time_,
                .rows = rows_,
                .width = width_,
                .vectors = {vectors_.begin(), vectors_.end()},
                .answer = answer.outputs};
  for (const TensorView& view : tensors_.views) job.inputs.push_back(copy_of(view));
  if (sources_.shadows.offer(std::move(job))) return;
  for (const ServedShadow& shadow : endpoint_.shadows) {
    if (shadow.when == ServedShadow::When::kLater) shadow.meter->dropped.add();
  }
}

// A request that waited may come when the log has got other columns; it is then not logged, and counted.
Result<void> Inference::log(const InferAnswer& answer) {
  if (waited_ && endpoint_.log->schema() != endpoint_.logged) {
    endpoint_.meter->unlogged.add(rows_);
    return {};
  }
  using std::chrono::duration_cast;
  const auto latency = duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start_);
  const std::size_t inputs = endpoint_.spec.features ? endpoint_.vectors->inputs().size() : 0;
  LoggedRows rows(endpoint_.log->schema(), rows_);
  rows.add_outputs(answer.outputs);
  for (const Outputs& shadow : shadows_) rows.add_shadow(shadow);
  if (!endpoint_.vectors) rows.add_inputs(arm_->scored.model->runtime->inputs(), tensors_.views);
  for (std::size_t row = 0; row < rows_; ++row) {
    rows.select(row);
    const std::string several = rows_ == 1 ? std::string() : row_id(id_, row, rows_);
    TRY(endpoint_.log->append(
        {.id = rows_ == 1 ? std::string_view(id_) : several,
         .event_time = event_time_,
         .served_at = served_at_,
         .version = answer.version,
         .route = arm_->logged[static_cast<std::size_t>(reason_)],
         .latency_us = latency.count(),
         .inputs = endpoint_.vectors ? row_of(std::as_const(bound_.values), row, inputs) : rows.inputs(),
         .features = row_of(std::as_const(vectors_), row, width_),
         .prediction = rows.outputs(),
         .shadows = rows.shadows()}));
  }
  return {};
}

void Inference::count() const {
  const PhaseTimes took = times();
  arm_->meter->add_success(rows_, took);
  arm_->statistics->add_success(rows_, took, static_cast<std::uint64_t>(served_at_.us / 1000));
}

PhaseTimes Inference::times() const {
  const Moment now = std::chrono::steady_clock::now();
  const auto end_of = [&](Moment phase) { return phase == Moment{} ? now : phase; };
  const Moment begun = end_of(begun_at_), bound = end_of(bound_at_), scored = end_of(scored_at_);
  return {.queue = ns_between(start_, begun),
          .input = ns_between(begun, bound),
          .infer = ns_between(bound, scored),
          .output = ns_between(scored, now)};
}

// In the order asked for.
void Inference::keep_wanted(Outputs& outputs) const {
  if (request_.outputs.empty()) return;
  Outputs kept;
  for (const std::string_view wanted : request_.outputs) {
    kept.push_back(std::move(*std::ranges::find(outputs, wanted, &Tensor::name)));
  }
  outputs = std::move(kept);
}

}  // namespace millrace::serving
