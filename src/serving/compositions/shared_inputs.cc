#include "serving/compositions/shared_inputs.h"

#include <algorithm>
#include <optional>

#include "serving/convert.h"
#include "serving/model_loader.h"

namespace millrace::serving {
namespace {

bool is_column(const std::vector<std::int64_t>& shape) {
  return !shape.empty() && shape[0] == kAny && (shape.size() == 1 || (shape.size() == 2 && shape[1] == 1));
}

// The names of the columns that a model's only input, a matrix, is made of; empty where it says none.
std::vector<std::string> matrix_columns(const LoadedModel& model) {
  const auto& inputs = model.runtime->inputs();
  const bool matrix = inputs.size() == 1 && inputs[0].shape.size() == 2 && inputs[0].shape[0] == kAny &&
                      inputs[0].shape[1] != 1 && inputs[0].datatype != Datatype::kBytes;
  if (!matrix || !model.signature) return {};
  std::vector<std::string> names;
  for (const registry::ColumnSpec& column : model.signature->inputs) {
    if (column.tensor || column.name.empty()) return {};
    names.push_back(column.name);
  }
  const bool fits = inputs[0].shape[1] == kAny || inputs[0].shape[1] == static_cast<std::int64_t>(names.size());
  return fits ? names : std::vector<std::string>{};
}

Result<void> join(TensorSpec& known, const TensorSpec& wanted) {
  const auto datatype = common_datatype(known.datatype, wanted.datatype);
  const bool columns = is_column(known.shape) && is_column(wanted.shape);
  if (!datatype || (known.shape != wanted.shape && !columns)) {
    return failed_precondition("its input \"{}\" is {} of shape {}, which another member takes as {} of shape {}",
                               wanted.name, to_text(wanted.datatype), shape_text(wanted.shape), to_text(known.datatype),
                               shape_text(known.shape));
  }
  known.datatype = *datatype;
  if (known.shape != wanted.shape) known.shape = {kAny};
  known.optional = known.optional && wanted.optional;
  return {};
}

bool as_wanted(const TensorView& view, const TensorSpec& wanted) {
  return view.datatype == wanted.datatype && fits(view.shape, wanted);
}

}  // namespace

Result<Datatype> common_datatype(Datatype a, Datatype b) {
  if (a == b) return a;
  if (is_floating(a) && is_floating(b)) return width_of(a) >= width_of(b) ? a : b;
  const auto whole = [](Datatype datatype) { return is_integer(datatype) && datatype != Datatype::kBool; };
  if (whole(a) && is_floating(b)) return a;
  if (whole(b) && is_floating(a)) return b;
  return failed_precondition("{} and {} do not go together", to_text(a), to_text(b));
}

Result<SharedInputs> SharedInputs::make(std::vector<const LoadedModel*> models) {
  SharedInputs shared;
  // Matrices last: only then all columns are known.
  std::vector<std::vector<std::string>> columns;
  for (const LoadedModel* model : models) columns.push_back(matrix_columns(*model));
  shared.plans_.resize(models.size());
  for (const bool matrices : {false, true}) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      if (columns[i].empty() == matrices) continue;
      auto plan = shared.plan_of(*models[i]);
      if (!plan) {
        return std::unexpected(
            Error(plan.error()).in(fmt::format("model {} version {}", models[i]->model, models[i]->version)));
      }
      shared.plans_[i] = std::move(*plan);
    }
  }
  return shared;
}

Result<SharedInputs::Plan> SharedInputs::plan_of(const LoadedModel& model) {
  Plan plan{.wanted = &model.runtime->inputs()};
  const auto find = [&](const std::string& name) {
    const auto found = std::ranges::find(specs_, name, &TensorSpec::name);
    const bool column = found != specs_.end() && is_column(found->shape) && found->datatype != Datatype::kBytes;
    return column ? std::optional(static_cast<std::size_t>(found - specs_.begin())) : std::nullopt;
  };
  for (const std::string& name : matrix_columns(model)) {
    const auto place = find(name);
    if (!place) break;
    plan.from.push_back(*place);
    plan.matrix = plan.from.size() == model.signature->inputs.size();
  }
  if (plan.matrix) {
    for (const std::size_t place : plan.from) specs_[place].optional = false;
    return plan;
  }
  plan.from.clear();
  for (const TensorSpec& wanted : *plan.wanted) plan.from.push_back(TRY(place_of(wanted)));
  return plan;
}

// Its place among the inputs of all, where it is now if it was not there.
Result<std::size_t> SharedInputs::place_of(const TensorSpec& wanted) {
  const auto found = std::ranges::find(specs_, wanted.name, &TensorSpec::name);
  if (found != specs_.end()) {
    TRY(join(*found, wanted));
    return static_cast<std::size_t>(found - specs_.begin());
  }
  specs_.push_back(wanted);
  return specs_.size() - 1;
}

Result<BoundTensors> SharedInputs::matrix_of(const Plan& plan, std::span<const TensorView> given) {
  const std::size_t width = plan.from.size();
  const auto rows = given[plan.from[0]].shape[0];
  Tensor matrix = make_tensor(plan.wanted->front().name, Datatype::kFp64, {rows, static_cast<std::int64_t>(width)});
  const std::span<double> out = elements<double>(matrix);
  for (std::size_t column = 0; column < width; ++column) {
    const TensorView& view = given[plan.from[column]];
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      out[row * width + column] = number_at(view, row);
    }
  }
  std::vector<std::string_view> no_texts;
  const TensorView view = view_of(matrix, no_texts);
  BoundTensors bound = TRY(bind_tensors("", *plan.wanted, {&view, 1}));
  if (bound.converted.empty()) {  // what it shows must outlive this call
    const Tensor& kept = bound.converted.emplace_back(std::move(matrix));
    bound.views[0] = view_of(kept, no_texts);
  }
  bound.views[0].name = plan.wanted->front().name;
  return bound;
}

Result<BoundTensors> SharedInputs::inputs_of(std::size_t model, std::span<const TensorView> given) const {
  const Plan& plan = plans_[model];
  if (plan.matrix) return matrix_of(plan, given);
  BoundTensors bound;
  for (std::size_t i = 0; i < plan.from.size(); ++i) {
    const TensorView& view = given[plan.from[i]];
    const TensorSpec& wanted = (*plan.wanted)[i];
    if (view.name.empty() || as_wanted(view, wanted)) {
      bound.views.push_back(view.name.empty() ? TensorView{.datatype = wanted.datatype} : view);
      continue;
    }
    BoundTensors one = TRY(bind_tensors("", {&wanted, 1}, {&view, 1}));
    bound.views.push_back(one.views[0]);
    for (Tensor& kept : one.converted) bound.converted.push_back(std::move(kept));
  }
  return bound;
}

}  // namespace millrace::serving
