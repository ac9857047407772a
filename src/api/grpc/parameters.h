#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace millrace::api::grpc {

// One of a message's parameters: its name, and its value as an InferParameter message.
struct Parameter {
  std::string_view name, value;
};

Result<Parameter> read_parameter(std::string_view map_entry);

// The value as text: of a number or a boolean, what it is written as; "" for what is none.
std::string parameter_text(std::string_view value);
// A whole number, which may not be negative. The name is for the message of kInvalidArgument.
Result<std::uint64_t> parameter_count(const Parameter& parameter);
// ISO 8601, or microseconds since 1970.
Result<Timestamp> parameter_time(const Parameter& parameter);

}  // namespace millrace::api::grpc
