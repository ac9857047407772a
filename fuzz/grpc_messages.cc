// Throws bytes at what reads gRPC's messages: a stream is cut into messages or refused, each message is read or
// refused, and tensors that were read have the elements that their shapes say.
//
//   make fuzz-grpc_messages      a minute of it

#include <cstdint>
#include <string_view>

#include "api/grpc/descriptors.h"
#include "api/grpc/infer_answer.h"
#include "api/grpc/infer_request.h"
#include "api/grpc/messages.h"
#include "net/rpc_messages.h"
#include "net/rpc_text.h"

namespace {

using namespace millrace;

constexpr std::size_t kMost = 1 << 14;

void must(bool holds) {
  if (!holds) __builtin_trap();
}

void look_at(const serving::TensorView& tensor) {
  const auto count = MUST(serving::elements_of(tensor.shape));
  const bool texts = tensor.datatype == serving::Datatype::kBytes;
  must(texts ? tensor.texts.size() == count : tensor.data.size() == count * serving::width_of(tensor.datatype));
  std::size_t bytes = 0;
  for (const auto text : tensor.texts) bytes += text.size();
  must(bytes <= kMost);
}

void read(std::string_view message) {
  static api::grpc::InferReader reader;
  if (const auto asked = reader.read(message)) {
    for (const auto& tensor : asked->request.inputs) look_at(tensor);
  }
  (void)api::grpc::read_model_name(message);
  (void)api::grpc::read_only_ready(message);
  (void)api::grpc::Descriptors::parse(message);
  (void)net::parse_grpc_timeout(message);
  (void)net::encode_grpc_message(message);
}

}  // namespace

// The first byte says how large the pieces are in which a stream comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + static_cast<std::size_t>(data[0]);
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  read(left);
  net::RpcMessages messages;
  while (!left.empty()) {
    const auto taken = left.substr(0, piece);
    left.remove_prefix(taken.size());
    if (!messages.add(taken, kMost)) return 0;
    while (const auto message = messages.front()) {
      must(message->bytes.size() <= kMost);
      read(message->bytes);
      if (!messages.pop(kMost)) return 0;
    }
  }
  return 0;
}
