#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/oip_tensor.h"
#include "base/result.h"
#include "serving/infer.h"

namespace millrace::api {

// Reads the body of an Open Inference Protocol request. One per thread: it keeps its memory, and what it answered is
// valid until its next read.
class OipReader {
 public:
  // kInvalidArgument names what is wrong: malformed JSON, unknown datatypes, data that do not fill their shape.
  // The parameter "event_time" (ISO 8601, or microseconds since 1970) is the moment that is asked about.
  Result<serving::InferRequest> read(std::string_view body);
  // A parameter of the request that was read last, as text; "" where there is none, or it is an object or a list.
  std::string parameter(std::string_view name) const;

 private:
  Result<void> read_parameters(simdjson::dom::element parameters, serving::InferRequest& request);
  Result<void> read_outputs(simdjson::dom::element outputs, serving::InferRequest& request);
  Result<void> read_inputs(simdjson::dom::element document, std::size_t body_bytes, serving::InferRequest& request);

  simdjson::dom::parser parser_;
  std::optional<simdjson::dom::element> parameters_;
  std::vector<TensorRoom> rooms_;
  std::vector<serving::TensorView> tensors_;
  std::vector<std::string_view> outputs_;
};

}  // namespace millrace::api
