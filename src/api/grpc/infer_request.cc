#include "api/grpc/infer_request.h"

#include <algorithm>

#include "api/grpc/model_version.h"
#include "api/grpc/tensor_contents.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

constexpr std::size_t kMostInputs = 4096;
constexpr std::size_t kMostExtents = 64;
constexpr std::size_t kMostKeptBytes = std::size_t{1} << 20;  // of an input's room, for the next request
constexpr std::uint64_t kMostTimeout = std::uint64_t{24} * 3600 * 1'000'000;  // microseconds

// One number, or several packed.
Result<void> read_extents(const WireReader& in, std::vector<std::int64_t>& shape) {
  if (in.is_number()) {
    shape.push_back(static_cast<std::int64_t>(TRY(in.number())));
    return {};
  }
  for (auto packed = TRY(in.bytes()); !packed.empty() && shape.size() <= kMostExtents;) {
    shape.push_back(static_cast<std::int64_t>(TRY(take_varint(packed))));
  }
  return {};
}

// Triton's schedule policy: microseconds, 0 for none; and 1 the highest, 0 for the default.
Result<void> read_schedule(const Parameter& parameter, serving::InferRequest& request) {
  const auto number = TRY(parameter_count(parameter));
  if (parameter.name == "priority") request.priority = number;
  if (parameter.name == "timeout" && number > 0) request.timeout = Duration(std::min(number, kMostTimeout));
  return {};
}

template <typename Element>
void recycle(std::vector<Element>& room) {
  if (room.capacity() * sizeof(Element) > kMostKeptBytes) std::vector<Element>().swap(room);
}

template <typename Input>
Result<void> read_input(std::string_view message, Input& input) {
  input.name = input.datatype = input.contents = {};
  input.has_contents = false;
  input.shape.clear();
  WireReader in(message);
  while (TRY(in.next())) {
    switch (in.field()) {
      case 1:
        input.name = TRY(in.bytes());
        break;
      case 2:
        input.datatype = TRY(in.bytes());
        break;
      case 3:
        TRY(read_extents(in, input.shape));
        break;
      case 5:
        input.contents = TRY(in.bytes());
        input.has_contents = true;
        break;
      default:
        break;
    }
  }
  if (input.shape.size() <= kMostExtents) return {};
  return invalid_argument("input \"{}\" has a shape of more than {} extents", input.name, kMostExtents);
}

}  // namespace

Result<AskedInference> InferReader::read(std::string_view message) {
  AskedInference asked;
  input_count_ = 0;
  raw_.clear();
  outputs_.clear();
  classes_.clear();
  parameters_.clear();
  for (Input& input : inputs_) {
    recycle(input.bytes);
    recycle(input.texts);
  }
  TRY(read_fields(message, asked));
  TRY(read_tensors(asked));
  asked.request.outputs = outputs_;
  asked.classes = classes_;
  return asked;
}

Result<void> InferReader::read_fields(std::string_view message, AskedInference& asked) {
  std::string_view version;
  WireReader in(message);
  while (TRY(in.next())) {
    switch (in.field()) {
      case 1:
        asked.endpoint = TRY(in.bytes());
        break;
      case 2:
        version = TRY(in.bytes());
        break;
      case 3:
        asked.request.id = TRY(in.bytes());
        break;
      case 4:
        TRY(note_parameter(TRY(read_parameter(TRY(in.bytes()))), asked.request));
        break;
      case 5:
        if (input_count_ == kMostInputs) return invalid_argument("the request has more than {} inputs", kMostInputs);
        if (inputs_.size() == input_count_) inputs_.emplace_back();
        TRY(read_input(TRY(in.bytes()), inputs_[input_count_++]));
        break;
      case 6:
        if (outputs_.size() == kMostInputs) return invalid_argument("more than {} outputs are asked for", kMostInputs);
        TRY(read_output(TRY(in.bytes())));
        break;
      case 7:
        raw_.push_back(TRY(in.bytes()));
        break;
      default:
        break;
    }
  }
  asked.request.version = TRY(read_version(asked.endpoint, version));
  return {};
}

Result<void> InferReader::note_parameter(const Parameter& parameter, serving::InferRequest& request) {
  parameters_.push_back(parameter);
  if (parameter.name == "event_time") request.event_time = TRY(parameter_time(parameter));
  if (parameter.name == "timeout" || parameter.name == "priority") TRY(read_schedule(parameter, request));
  return {};
}

Result<void> InferReader::read_output(std::string_view message) {
  outputs_.emplace_back();
  classes_.push_back(0);
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() == 1) outputs_.back() = TRY(in.bytes());
    if (in.field() != 2) continue;
    const auto parameter = TRY(read_parameter(TRY(in.bytes())));
    if (parameter.name == "classification") classes_.back() = TRY(parameter_count(parameter));
  }
  return {};
}

std::string InferReader::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? std::string() : parameter_text(found->value);
}

Result<void> InferReader::read_tensors(AskedInference& asked) {
  asked.form = raw_.empty() ? TensorForm::kContents : TensorForm::kRaw;
  if (!raw_.empty() && raw_.size() != input_count_) {
    return invalid_argument("the request has {} inputs, but {} raw_input_contents", input_count_, raw_.size());
  }
  tensors_.resize(input_count_);
  for (std::size_t i = 0; i < input_count_; ++i) {
    Input& input = inputs_[i];
    serving::TensorView& tensor = tensors_[i] = {.name = input.name, .shape = input.shape};
    if (!serving::from_text(input.datatype, tensor.datatype)) {
      return invalid_argument("input \"{}\" has the unknown datatype \"{}\"", input.name, input.datatype);
    }
    const std::size_t count = TRY(serving::elements_of(input.shape));
    if (!raw_.empty() && input.has_contents) {
      return invalid_argument("input \"{}\" has contents beside raw_input_contents; send one of them", input.name);
    }
    const TensorElements room{.bytes = input.bytes, .texts = input.texts};
    TRY(raw_.empty() ? read_contents(input.contents, count, room, tensor) : read_raw(raw_[i], count, room, tensor));
  }
  asked.request.inputs = tensors_;
  return {};
}

}  // namespace millrace::api::grpc
