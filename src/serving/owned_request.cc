#include "serving/owned_request.h"

#include <functional>

namespace millrace::serving {
namespace {

std::vector<Tensor> copies_of(std::span<const TensorView> inputs) {
  std::vector<Tensor> copies;
  copies.reserve(inputs.size());
  for (const auto& input : inputs) copies.push_back(tensor_of(input));
  return copies;
}

std::string value_of(const std::map<std::string, std::string, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

}  // namespace

KeptHints::KeptHints(const RequestHints* hints, const RoutesSpec& routes) {
  if (hints == nullptr) return;
  const auto& sticky = routes.sticky;
  const auto& chosen_by = routes.chosen_by;
  if (chosen_by && chosen_by->source == OverrideSpec::Source::kHeader)
    headers_[chosen_by->name] = hints->header(chosen_by->name);
  if (chosen_by && chosen_by->source == OverrideSpec::Source::kParameter)
    parameters_[chosen_by->name] = hints->parameter(chosen_by->name);
  if (sticky && sticky->source == StickySpec::Source::kHeader) headers_[sticky->name] = hints->header(sticky->name);
  if (sticky && sticky->source == StickySpec::Source::kParameter)
    parameters_[sticky->name] = hints->parameter(sticky->name);
}

std::string KeptHints::header(std::string_view name) const { return value_of(headers_, name); }
std::string KeptHints::parameter(std::string_view name) const { return value_of(parameters_, name); }

OwnedRequest::OwnedRequest(const InferRequest& request, const RoutesSpec& routes)
    : id_(request.id),
      inputs_(copies_of(request.inputs)),
      views_(inputs_),
      outputs_(request.outputs.begin(), request.outputs.end()),
      wanted_(outputs_.begin(), outputs_.end()),
      hints_(request.hints, routes),
      request_(request) {
  request_.id = id_;
  request_.inputs = views_;
  request_.outputs = wanted_;
  request_.hints = &hints_;
}

std::size_t OwnedRequest::rows() const { return inputs_.empty() ? 1 : rows_in(inputs_.front().shape); }

std::size_t OwnedRequest::kind() const {
  std::size_t kind = 0;
  const auto mix = [&](std::size_t value) { kind = (kind ^ value) * 0x9E3779B97F4A7C15; };
  for (const Tensor& input : inputs_) {
    mix(std::hash<std::string>{}(input.name));
    mix(static_cast<std::size_t>(input.datatype));
    for (std::size_t i = 1; i < input.shape.size(); ++i) mix(static_cast<std::size_t>(input.shape[i]));
  }
  return kind;
}

}  // namespace millrace::serving
