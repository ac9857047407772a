#include "api/http/oip_request.h"

#include "base/time.h"

namespace millrace::api {
namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

constexpr std::size_t kMostInputs = 4096;
constexpr std::size_t kMostKeptBytes = std::size_t{1} << 20;  // of a tensor's room, for the next request

}  // namespace

Result<void> OipReader::read_parameters(dom::element parameters, serving::InferRequest& request) {
  if (!parameters.is_object()) return invalid_argument("\"parameters\" must be an object");
  parameters_ = parameters;
  dom::element time;
  if (parameters["event_time"].get(time) != SUCCESS) return {};
  std::string_view text;
  std::int64_t micros = 0;
  if (time.get(text) == SUCCESS)
    request.event_time = TRY(parse_time(text));
  else if (time.get(micros) == SUCCESS)
    request.event_time = Timestamp{micros};
  else
    return invalid_argument("parameter \"event_time\" must be a time like 2001-03-01T06:00:00Z");
  return {};
}

Result<void> OipReader::read_outputs(dom::element outputs, serving::InferRequest& request) {
  if (!outputs.is_array()) return invalid_argument("\"outputs\" must be a list");
  outputs_.clear();
  for (auto output : dom::array(outputs)) {
    if (!output.is_object()) return invalid_argument("each of \"outputs\" must be an object");
    outputs_.push_back(TRY(text_member(output, "name", "an output")));
    if (outputs_.size() > kMostInputs)
      return invalid_argument("the request asks for more than {} outputs", kMostInputs);
  }
  request.outputs = outputs_;
  return {};
}

Result<void> OipReader::read_inputs(dom::element document, std::size_t body_bytes, serving::InferRequest& request) {
  dom::array inputs;
  if (document["inputs"].get(inputs) != SUCCESS)
    return invalid_argument("the request needs \"inputs\", a list of tensors");
  auto count = inputs.size();
  if (count > kMostInputs) return invalid_argument("the request has {} inputs, more than {}", count, kMostInputs);
  if (rooms_.size() < count) rooms_.resize(count);
  tensors_.resize(count);
  std::size_t i = 0;
  for (auto input : inputs) {
    if (rooms_[i].bytes.capacity() > kMostKeptBytes) rooms_[i].bytes = {};
    TRY(read_tensor(input, body_bytes, rooms_[i], tensors_[i]));
    ++i;
  }
  request.inputs = {tensors_.data(), count};
  return {};
}

Result<serving::InferRequest> OipReader::read(std::string_view body) {
  dom::element document;
  if (auto error = parser_.parse(body.data(), body.size()).get(document); error != SUCCESS)
    return invalid_argument("the body is not valid JSON: {}", simdjson::error_message(error));
  if (!document.is_object()) return invalid_argument("the body must be a JSON object");
  serving::InferRequest request;
  dom::element member;
  parameters_.reset();
  if (document["id"].get(member) == SUCCESS && member.get(request.id) != SUCCESS)
    return invalid_argument("\"id\" must be a string");
  if (document["parameters"].get(member) == SUCCESS) TRY(read_parameters(member, request));
  if (document["outputs"].get(member) == SUCCESS) TRY(read_outputs(member, request));
  TRY(read_inputs(document, body.size(), request));
  return request;
}

std::string OipReader::parameter(std::string_view name) const {
  dom::element value;
  if (!parameters_ || (*parameters_)[name].get(value) != SUCCESS) return {};
  std::string_view text;
  if (value.get(text) == SUCCESS) return std::string(text);
  return value.is_object() || value.is_array() || value.is_null() ? std::string() : simdjson::minify(value);
}

}  // namespace millrace::api
