// Throws bytes at what reads a Python worker's frames: whatever comes is refused, or is a message whose tensors hold as
// much as their shapes say. The first two bytes say where the header ends.
//
//   make fuzz-worker_frames      a minute of it

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "serving/runtimes/worker_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::serving;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  if (size >= kPrefixBytes) (void)read_prefix(bytes.first<kPrefixBytes>());
  if (size < 2) return 0;
  const auto header = std::min<std::size_t>(data[0] + 256 * data[1], size - 2);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, header);
  (void)check_handshake(text);
  const auto message = read_message(text, bytes.subspan(2 + header));
  if (!message) return 0;
  for (const Tensor& tensor : message->tensors) {
    const auto count = elements_of(tensor.shape);
    const bool holds =
        count && (tensor.datatype == Datatype::kBytes ? tensor.texts.size() == *count
                                                      : tensor.data.size() == *count * width_of(tensor.datatype));
    if (!holds) std::abort();
  }
  return 0;
}
