#include "api/http/oip_request.h"

#include <algorithm>

#include "base/python_json.h"
#include "base/time.h"

namespace millrace::api {
namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

constexpr std::size_t kMostInputs = 4096;
constexpr std::size_t kMostKeptBytes = std::size_t{1} << 20;  // of a tensor's room, for the next request

constexpr std::uint64_t kMostTimeout = std::uint64_t{24} * 3600 * 1'000'000;  // microseconds

Result<void> read_event_time(dom::element time, serving::InferRequest& request) {
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

// Triton's schedule policy: microseconds, 0 for none; and 1 the highest, 0 for the default.
Result<void> read_schedule(std::string_view name, dom::element value, serving::InferRequest& request) {
  std::uint64_t number = 0;
  if (value.get(number) != SUCCESS)
    return invalid_argument("parameter \"{}\" must be a whole number that is not negative", name);
  if (name == "priority") request.priority = number;
  if (name == "timeout" && number > 0) request.timeout = Duration(std::min(number, kMostTimeout));
  return {};
}

}  // namespace

Result<void> OipReader::read_parameters(dom::element parameters, OipRequest& request) {
  dom::object object;
  if (parameters.get(object) != SUCCESS) return invalid_argument("\"parameters\" must be an object");
  parameters_ = parameters;
  for (const auto& [name, value] : object) {
    if (name == "event_time") TRY(read_event_time(value, request.infer));
    if (name == "timeout" || name == "priority") TRY(read_schedule(name, value, request.infer));
    if (name == "binary_data_output" && value.get(form_.binary) != SUCCESS)
      return invalid_argument("parameter \"binary_data_output\" must be true or false");
  }
  return {};
}

Result<void> OipReader::read_outputs(dom::element outputs, OipRequest& request) {
  if (!outputs.is_array()) return invalid_argument("\"outputs\" must be a list");
  for (auto output : dom::array(outputs)) {
    if (!output.is_object()) return invalid_argument("each of \"outputs\" must be an object");
    outputs_.push_back(TRY(text_member(output, "name", "an output")));
    forms_.push_back(TRY(read_form(output)));
    if (outputs_.size() > kMostInputs)
      return invalid_argument("the request asks for more than {} outputs", kMostInputs);
  }
  request.infer.outputs = outputs_;
  return {};
}

// {"parameters": {"binary_data": true, "classification": 3}}
Result<OutputForm> OipReader::read_form(dom::element output) {
  auto form = form_;
  dom::element parameters, value;
  if (output["parameters"].get(parameters) != SUCCESS) return form;
  if (!parameters.is_object()) return invalid_argument("the \"parameters\" of an output must be an object");
  if (parameters["binary_data"].get(value) == SUCCESS && value.get(form.binary) != SUCCESS)
    return invalid_argument("parameter \"binary_data\" must be true or false");
  std::uint64_t classes = 0;
  if (parameters["classification"].get(value) == SUCCESS && (value.get(classes) != SUCCESS || classes == 0))
    return invalid_argument("parameter \"classification\" must be a whole number of at least 1");
  form.classes = classes;
  if (parameters["shared_memory_region"].error() == SUCCESS)
    return fail(Code::kUnimplemented, "shared memory is not supported");
  return form;
}

Result<void> OipReader::read_inputs(dom::element document, std::string_view body, std::size_t json_bytes,
                                    serving::InferRequest& request) {
  dom::array inputs;
  if (document["inputs"].get(inputs) != SUCCESS)
    return invalid_argument("the request needs \"inputs\", a list of tensors");
  auto count = inputs.size();
  if (count > kMostInputs) return invalid_argument("the request has {} inputs, more than {}", count, kMostInputs);
  if (rooms_.size() < count) rooms_.resize(count);
  tensors_.resize(count);
  BinaryPart binary(body.substr(json_bytes));
  std::size_t i = 0;
  for (auto input : inputs) {
    if (rooms_[i].bytes.capacity() > kMostKeptBytes) rooms_[i].bytes = {};
    TRY(read_tensor(input, json_bytes, binary, rooms_[i], tensors_[i]));
    ++i;
  }
  request.inputs = {tensors_.data(), count};
  return binary.finish();
}

// JSON, or JSON as Python writes it, with NaN and Infinity.
Result<dom::element> OipReader::parse(std::string_view json) {
  dom::element document;
  auto error = parser_.parse(json.data(), json.size()).get(document);
  if (error == SUCCESS) return document;
  if (auto rewritten = without_bare_numbers(json)) {
    rewritten_ = std::move(*rewritten);
    error = parser_.parse(rewritten_).get(document);
  }
  if (error != SUCCESS) return invalid_argument("the body is not valid JSON: {}", simdjson::error_message(error));
  return document;
}

Result<OipRequest> OipReader::read_raw(std::string_view body, const std::vector<serving::TensorSpec>& inputs) {
  parameters_.reset();
  return raw_.read(body, inputs);
}

Result<OipRequest> OipReader::read(std::string_view body, std::size_t json_bytes) {
  auto document = TRY(parse(body.substr(0, json_bytes)));
  if (!document.is_object()) return invalid_argument("the body must be a JSON object");
  OipRequest request;
  form_ = {};
  outputs_.clear();
  forms_.clear();
  dom::element member;
  parameters_.reset();
  if (document["id"].get(member) == SUCCESS && member.get(request.infer.id) != SUCCESS)
    return invalid_argument("\"id\" must be a string");
  if (document["parameters"].get(member) == SUCCESS) TRY(read_parameters(member, request));
  if (document["outputs"].get(member) == SUCCESS) TRY(read_outputs(member, request));
  TRY(read_inputs(document, body, json_bytes, request.infer));
  request.forms = forms_.empty() ? std::span<const OutputForm>(&form_, 1) : forms_;
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
