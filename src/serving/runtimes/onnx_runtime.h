#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "registry/mlmodel.h"
#include "serving/runtime.h"
#include "serving/runtimes/onnx_session.h"

namespace millrace::serving {

// An ONNX model, run by ONNX Runtime on the CPU: MLflow's flavor onnx, which scikit-learn's models have that skl2onnx
// converted. A classifier's probabilities are a tensor [rows, classes] with the classes' names as labels.
class OnnxRuntime final : public Runtime {
 public:
  // With the onnx_session_options that the model was logged with, as far as they are about threads and optimizations;
  // kUnimplemented for others.
  static Result<std::unique_ptr<const Runtime>> load(const std::filesystem::path& folder,
                                                     const registry::MlModel& model);
  // A .onnx file without a description of it; the files that hold its tensors stand beside it.
  static Result<std::unique_ptr<const Runtime>> load_file(const std::filesystem::path& file,
                                                          const OnnxOptions& options);

  std::string_view platform() const override { return "onnx_onnxv1"; }
  const std::vector<TensorSpec>& inputs() const override { return session_.inputs(); }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  // What one row took at load time decides: more than 2 ms is long.
  bool blocks() const override { return blocks_; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override { return session_.run(inputs); }

 private:
  OnnxRuntime(OnnxSession session, std::map<std::string, std::vector<std::string>, std::less<>> labels);
  Result<void> try_out();
  Result<void> measure(const std::vector<Tensor>& answers, std::span<const TensorView> row);

  OnnxSession session_;
  std::vector<TensorSpec> outputs_;
  bool blocks_ = false;
};

}  // namespace millrace::serving
