#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::serving {

// What a Python worker is told and says (docs/formats/worker_protocol.md).
inline constexpr int kWorkerProtocol = 1;

// The first bytes of a frame: how long its header and its tensors are.
inline constexpr std::size_t kPrefixBytes = 12;
struct FramePrefix {
  std::size_t header_bytes = 0;
  std::size_t tensor_bytes = 0;
};
// kDataLoss for what is longer than any frame may be.
Result<FramePrefix> read_prefix(std::span<const std::byte, kPrefixBytes> bytes);

// A frame of the worker's.
struct WorkerMessage {
  std::string type;  // "loaded", "result", "pong", "error"
  std::int64_t id = 0;
  Error error;                              // of "error"
  std::vector<TensorSpec> inputs, outputs;  // of "loaded"
  std::vector<Tensor> tensors;              // of "result"; of "loaded" a row that the model takes, or none
};
// kDataLoss names what is wrong with the frame.
Result<WorkerMessage> read_message(std::string_view header, std::span<const std::byte> tensors);

// Checks the line that a worker begins with. kFailedPrecondition for another version of the protocol.
Result<void> check_handshake(std::string_view line);

// Whole frames. An input without a name was left out.
std::string load_frame(std::int64_t id, const std::filesystem::path& folder, std::int64_t memory_bytes);
std::string infer_frame(std::int64_t id, std::span<const TensorView> inputs);
std::string ping_frame(std::int64_t id);
std::string stop_frame(std::int64_t id);

}  // namespace millrace::serving
