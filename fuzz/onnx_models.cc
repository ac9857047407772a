// Throws bytes at our reader of .onnx files: whatever comes is refused, or is a message whose ZipMaps are gone, which
// reading it again does not change. (What ONNX Runtime makes of such bytes is its own.)
//
//   make fuzz-onnx_models      a minute of it, from the files of fuzz/onnx_models.seeds

#include <cstdint>
#include <cstdlib>
#include <string>

#include "serving/runtimes/onnx_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::serving;
  const auto model = read_onnx_model(std::string(reinterpret_cast<const char*>(data), size));
  if (!model) return 0;
  const auto again = read_onnx_model(model->bytes);
  if (!again || !again->labels.empty() || again->bytes != model->bytes) std::abort();
  return 0;
}
