#include "api/http/oip_binary.h"

#include <algorithm>
#include <cstring>

namespace millrace::api {
namespace {

using serving::Datatype;

constexpr std::size_t kLengthBytes = 4;

Result<void> view_texts(std::string_view bytes, std::size_t count, std::vector<std::string_view>& texts,
                        std::string_view input) {
  texts.clear();
  while (!bytes.empty()) {
    std::uint32_t length = 0;
    if (bytes.size() < kLengthBytes) return invalid_argument("input \"{}\" ends within the length of a text", input);
    std::memcpy(&length, bytes.data(), kLengthBytes);
    bytes.remove_prefix(kLengthBytes);
    if (length > bytes.size())
      return invalid_argument("input \"{}\" has a text of {} bytes, but only {} are left", input, length, bytes.size());
    if (texts.size() == count) return invalid_argument("input \"{}\" has more values than its shape", input);
    texts.push_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (texts.size() == count) return {};
  return invalid_argument("input \"{}\" has {} values, but its shape has {}", input, texts.size(), count);
}

// A BOOL is 0 or 1 and nothing else, since that is what a bool in memory must be.
Result<void> check_booleans(std::string_view bytes, std::string_view input) {
  if (std::ranges::all_of(bytes, [](char byte) { return byte == 0 || byte == 1; })) return {};
  return invalid_argument("input \"{}\" has a value that is not BOOL: a byte that is neither 0 nor 1", input);
}

}  // namespace

Result<std::string_view> BinaryPart::take(std::string_view input, std::int64_t size) {
  if (size < 0 || static_cast<std::uint64_t>(size) > left_.size())
    return invalid_argument("input \"{}\" has a binary_data_size of {}, but {} bytes are left", input, size,
                            left_.size());
  auto bytes = left_.substr(0, static_cast<std::size_t>(size));
  left_.remove_prefix(bytes.size());
  return bytes;
}

Result<void> BinaryPart::finish() const {
  if (left_.empty()) return {};
  return invalid_argument("{} bytes of the body belong to no input", left_.size());
}

Result<void> view_bytes(std::string_view bytes, std::size_t count, std::vector<std::string_view>& texts,
                        serving::TensorView& tensor) {
  if (tensor.datatype == Datatype::kBytes) {
    TRY(view_texts(bytes, count, texts, tensor.name));
    tensor.data = {};
    tensor.texts = texts;
    return {};
  }
  auto wanted = count * width_of(tensor.datatype);
  if (bytes.size() != wanted)
    return invalid_argument("input \"{}\" has {} bytes; {} of shape {} are {}", tensor.name, bytes.size(),
                            to_text(tensor.datatype), serving::shape_text(tensor.shape), wanted);
  if (tensor.datatype == Datatype::kBool) TRY(check_booleans(bytes, tensor.name));
  tensor.data = std::as_bytes(std::span(bytes));
  tensor.texts = {};
  return {};
}

std::size_t bytes_of(const serving::Tensor& tensor) {
  std::size_t size = tensor.data.size();
  for (const auto& text : tensor.texts) size += kLengthBytes + text.size();
  return size;
}

void append_bytes(std::string& out, const serving::Tensor& tensor) {
  out.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  for (const auto& text : tensor.texts) {
    auto length = static_cast<std::uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&length), kLengthBytes).append(text);
  }
}

}  // namespace millrace::api
