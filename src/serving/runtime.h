#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/runtimes/python_options.h"
#include "serving/runtimes/worker_status.h"
#include "serving/tensor.h"

namespace millrace::serving {

class PythonHost;
class Rehearsal;

// Scores rows of numbers: what tree ensembles do. Thread-safe.
class RowScorer {
 public:
  virtual ~RowScorer() = default;

  // The columns that a row has, in order.
  virtual const std::vector<std::string>& columns() const = 0;
  // How many values a row's prediction has: one, or one a class.
  virtual std::size_t outputs_a_row() const = 0;
  // `rows` holds n rows of columns().size() values, NaN = missing; `out` takes n rows of outputs_a_row() values.
  virtual void score(std::span<const double> rows, std::span<double> out) const = 0;
};

// A loaded model. Immutable; any number of threads may call it at once.
class Runtime {
 public:
  virtual ~Runtime() = default;

  // What kind of model this is, in the protocol's words: "xgboost_mlmodel", "onnx_onnxv1", "python_function".
  virtual std::string_view platform() const = 0;
  virtual const std::vector<TensorSpec>& inputs() const = 0;
  virtual const std::vector<TensorSpec>& outputs() const = 0;
  // Whether it waits for something (another process) or takes long, so that it must not run where requests are read.
  virtual bool blocks() const { return false; }
  // Whether the rows of several requests may be scored as one request, where that is measured to pay.
  virtual bool batches() const { return blocks(); }
  // Inputs that the model is known to take, by name: a row; or nothing.
  virtual std::span<const Tensor> example() const { return {}; }
  // The processes that it runs in.
  virtual std::vector<WorkerStatus> workers() const { return {}; }
  // What waits in infer() answers kUnavailable soon, and so does what comes. For the end of the server.
  virtual void stop() const {}

  // The outputs, in the order of outputs(), of inputs that bind_tensors() has accepted: in the order of inputs(), of
  // their datatypes and fitting their shapes. What the model makes of their values may fail: kInvalidArgument,
  // kUnavailable, kDeadlineExceeded, kInternal.
  virtual Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const = 0;

  // Given where a request's numbers can be scored without tensors; outputs() is then one of FP64.
  virtual const RowScorer* rows() const { return nullptr; }
};

// How a model is to be loaded.
struct LoadOptions {
  std::string name;              // for the log and metrics: "scores/3"
  PythonHost* python = nullptr;  // outlives the runtime; null: models that need Python are kUnimplemented
  PythonOptions python_options;
  // Outlives the call. Has a model loaded whose file a library of others reads, before we do; null: it is loaded at
  // once.
  const Rehearsal* rehearsal = nullptr;
};

// Loads an MLmodel folder with the first of its flavors that we run, natively if we can, and checks its golden rows
// (golden.h). kUnimplemented where there is no such flavor.
Result<std::unique_ptr<const Runtime>> load_runtime(const std::filesystem::path& folder,
                                                    const LoadOptions& options = {});

}  // namespace millrace::serving
