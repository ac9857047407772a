#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

struct OrtSession;
struct OrtRunOptions;

namespace millrace::serving {

// How ONNX Runtime runs a model; by default on the thread that asks, with no thread of its own.
struct OnnxOptions {
  int intra_op_threads = 1;     // of one operator
  int inter_op_threads = 1;     // of operators side by side
  bool side_by_side = false;    // operators that do not need each other
  int graph_optimization = 99;  // ONNX Runtime's GraphOptimizationLevel: 0, 1, 2, 3 or 99, which is all
};

// A model that ONNX Runtime has loaded, for the CPU. Any number of threads may run it at once.
class OnnxSession {
 public:
  // `model` is the bytes of a .onnx file; its other files, which must have been checked, stand in `folder`.
  // kInvalidArgument for what ONNX Runtime refuses, kUnimplemented for inputs and outputs that are no tensors of the
  // protocol's datatypes.
  static Result<OnnxSession> open(std::string_view model, const std::filesystem::path& folder,
                                  const OnnxOptions& options);
  OnnxSession(OnnxSession&&) noexcept;
  OnnxSession& operator=(OnnxSession&&) noexcept;
  ~OnnxSession();

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  // An output whose number of extents the file does not say has none here.
  const std::vector<TensorSpec>& outputs() const { return outputs_; }

  // One tensor for each of inputs(), of its datatype. kInvalidArgument where the model refuses a shape or a value.
  Result<std::vector<Tensor>> run(std::span<const TensorView> inputs) const;
  // The same, ended after a while: kDeadlineExceeded. Costs a thread.
  Result<std::vector<Tensor>> run_within(std::chrono::milliseconds limit, std::span<const TensorView> inputs) const;

 private:
  struct Close {
    void operator()(OrtSession* session) const;
  };
  explicit OnnxSession(std::unique_ptr<OrtSession, Close> session);
  Result<void> read_specs();
  Result<std::vector<Tensor>> run_with(const OrtRunOptions* options, std::span<const TensorView> inputs) const;

  std::unique_ptr<OrtSession, Close> session_;
  std::vector<TensorSpec> inputs_, outputs_;
  std::vector<const char*> input_names_, output_names_;  // those of the specs
};

}  // namespace millrace::serving
