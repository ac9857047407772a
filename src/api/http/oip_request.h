#pragma once

#include <simdjson.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/oip_raw.h"
#include "api/http/oip_tensor.h"
#include "base/result.h"
#include "serving/infer.h"

namespace millrace::api {

// Reads the body of an Open Inference Protocol request. One per thread: it keeps its memory, and what it answered is
// valid until its next read.
class OipReader {
 public:
  // `json_bytes` of the body are JSON, the rest is binary data. kInvalidArgument names what is wrong: malformed JSON,
  // unknown datatypes, data that do not fill their shape. Parameters: "event_time" (ISO 8601, or microseconds since
  // 1970) is the moment that is asked about, "timeout" (microseconds) and "priority" are Triton's, "binary_data_output"
  // answers all outputs in binary.
  Result<OipRequest> read(std::string_view body, std::size_t json_bytes);
  // All of the body is JSON.
  Result<OipRequest> read(std::string_view body) { return read(body, body.size()); }
  // All of the body is the bytes of the only one of the inputs (oip_raw.h).
  Result<OipRequest> read_raw(std::string_view body, const std::vector<serving::TensorSpec>& inputs);
  // A parameter of the request that was read last, as text; "" where there is none, or it is an object or a list.
  std::string parameter(std::string_view name) const;

 private:
  Result<simdjson::dom::element> parse(std::string_view json);
  Result<void> read_parameters(simdjson::dom::element parameters, OipRequest& request);
  Result<void> read_outputs(simdjson::dom::element outputs, OipRequest& request);
  Result<OutputForm> read_form(simdjson::dom::element output);
  Result<void> read_inputs(simdjson::dom::element document, std::string_view body, std::size_t json_bytes,
                           serving::InferRequest& request);

  simdjson::dom::parser parser_;
  std::optional<simdjson::dom::element> parameters_;
  std::string rewritten_;
  std::vector<TensorRoom> rooms_;
  std::vector<serving::TensorView> tensors_;
  std::vector<std::string_view> outputs_;
  std::vector<OutputForm> forms_;
  OutputForm form_;  // of outputs that do not say theirs
  RawReader raw_;
};

}  // namespace millrace::api
