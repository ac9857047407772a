#include "api/grpc/infer_answer.h"

#include <algorithm>

#include "api/grpc/messages.h"
#include "api/grpc/tensor_contents.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

std::string output_of(const serving::Tensor& tensor, TensorForm form) {
  std::string message = write_tensor_metadata({tensor.name, tensor.datatype, tensor.shape});
  if (form == TensorForm::kContents) append_wire(message, 5, contents_of(tensor));
  return message;
}

}  // namespace

std::string write_answer(const serving::InferAnswer& answer, TensorForm form) {
  if (!std::ranges::all_of(answer.outputs, has_contents, &serving::Tensor::datatype)) form = TensorForm::kRaw;
  std::string message;
  append_wire(message, 1, answer.model_name);
  append_wire(message, 2, std::to_string(answer.version));
  append_wire(message, 3, answer.id);
  for (const auto& output : answer.outputs) append_wire(message, 5, output_of(output, form));
  if (form == TensorForm::kContents) return message;
  for (const auto& output : answer.outputs) append_wire(message, 6, raw_of(output));
  return message;
}

}  // namespace millrace::api::grpc
