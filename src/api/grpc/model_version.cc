#include "api/grpc/model_version.h"

#include <charconv>

namespace millrace::api::grpc {

Result<std::optional<std::int64_t>> read_version(std::string_view endpoint, std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1) {
    return not_found("model {} has no version \"{}\"; versions are 1, 2, 3...", endpoint, text);
  }
  return number;
}

}  // namespace millrace::api::grpc
