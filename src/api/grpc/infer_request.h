#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/grpc/parameters.h"
#include "base/result.h"
#include "serving/infer.h"

namespace millrace::api::grpc {

// How tensors travel in a message (proto/inference.proto).
enum class TensorForm {
  kContents,  // lists of numbers or texts
  kRaw,       // bytes, as memory holds them
};

// A ModelInferRequest: everything is a view.
struct AskedInference {
  std::string_view endpoint;
  serving::InferRequest request;
  std::span<const std::size_t> classes;  // of each output that was asked for: so many classes (Triton's), or 0
  TensorForm form = TensorForm::kContents;
};

// Reads the messages of inference. One per thread: it keeps its memory, and what it answered is valid until its next
// read and as long as the message.
class InferReader {
 public:
  // kInvalidArgument names what is wrong: not protobuf, unknown datatypes, data that do not fill their shape. The
  // parameter "event_time" (ISO 8601, or microseconds since 1970) is the moment that is asked about; "timeout"
  // (microseconds) and "priority" are Triton's, as is "classification" of an output. kNotFound for a version that is
  // none.
  Result<AskedInference> read(std::string_view message);

  // What the message said beside its inputs: a number or boolean as its text; "" for what it did not say.
  std::string parameter(std::string_view name) const;

 private:
  struct Input {
    std::string_view name, datatype, contents;
    bool has_contents = false;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> bytes;
    std::vector<std::string_view> texts;
  };
  // The fields of the message, before they are looked at together.
  Result<void> read_fields(std::string_view message, AskedInference& asked);
  Result<void> note_parameter(const Parameter& parameter, serving::InferRequest& request);
  Result<void> read_output(std::string_view message);
  Result<void> read_tensors(AskedInference& asked);

  std::vector<Input> inputs_;
  std::size_t input_count_ = 0;
  std::vector<Parameter> parameters_;
  std::vector<std::string_view> raw_;
  std::vector<std::string_view> outputs_;
  std::vector<std::size_t> classes_;
  std::vector<serving::TensorView> tensors_;
};

}  // namespace millrace::api::grpc
