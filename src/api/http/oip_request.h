#pragma once

#include <simdjson.h>

#include <memory>
#include <string_view>
#include <vector>

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

 private:
  // What one tensor's data are flattened into.
  struct Room {
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> ints;
    std::vector<double> doubles;
    std::vector<std::string_view> strings;
    std::unique_ptr<bool[]> bools;
    std::size_t bool_count = 0;
    std::size_t bool_capacity = 0;
  };
  Result<void> read_tensor(simdjson::dom::element element, Room& room, serving::InputTensor& tensor);
  Result<void> read_parameters(simdjson::dom::element parameters, serving::InferRequest& request);
  Result<void> read_outputs(simdjson::dom::element outputs);

  simdjson::dom::parser parser_;
  std::vector<Room> rooms_;
  std::vector<serving::InputTensor> tensors_;
};

}  // namespace millrace::api
