#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace millrace::api::grpc {

// A model_version: none for "". kNotFound for what is no version of any model.
Result<std::optional<std::int64_t>> read_version(std::string_view endpoint, std::string_view text);

}  // namespace millrace::api::grpc
