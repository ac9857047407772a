#include "api/http/oip_raw.h"

#include <algorithm>

#include "api/http/oip_binary.h"

namespace millrace::api {
namespace {

using serving::TensorSpec;

constexpr OutputForm kBinary{.binary = true};

// The shape that so many bytes fill; at most one extent varies.
Result<void> fix_shape(TensorSpec& spec, std::size_t bytes) {
  auto varying = std::ranges::count(spec.shape, serving::kAny);
  if (varying > 1)
    return invalid_argument("input \"{}\" is of shape {}, which the bytes of a raw request do not tell", spec.name,
                            serving::shape_text(spec.shape));
  if (varying == 0) return {};
  auto place = std::ranges::find(spec.shape, serving::kAny);
  *place = 1;
  auto each = TRY(serving::elements_of(spec.shape)) * width_of(spec.datatype);
  if (each == 0 || bytes % each != 0)
    return invalid_argument("the body has {} bytes, which are no rows of {} each", bytes, each);
  *place = static_cast<std::int64_t>(bytes / each);
  return {};
}

}  // namespace

Result<OipRequest> RawReader::read(std::string_view body, const std::vector<TensorSpec>& inputs) {
  if (inputs.size() != 1)
    return invalid_argument("a raw request is for models of one input; this one has {}", inputs.size());
  spec_ = inputs[0];
  tensor_ = {.name = spec_.name, .datatype = spec_.datatype, .shape = spec_.shape, .data = {}, .texts = {}};
  if (spec_.datatype == serving::Datatype::kBytes) {
    if (std::ranges::any_of(spec_.shape, [](auto extent) { return extent != 1 && extent != serving::kAny; }))
      return invalid_argument("input \"{}\" takes more than one text", spec_.name);
    std::ranges::fill(spec_.shape, 1);
    texts_ = {body};
    tensor_.texts = texts_;
  } else {
    TRY(fix_shape(spec_, body.size()));
    tensor_.shape = spec_.shape;
    TRY(view_bytes(body, TRY(serving::elements_of(spec_.shape)), texts_, tensor_));
  }
  OipRequest request{.infer = {}, .forms = {&kBinary, 1}};
  request.infer.inputs = {&tensor_, 1};
  return request;
}

}  // namespace millrace::api
