#pragma once

#include <string_view>

#include "base/result.h"

namespace millrace::api {

// An endpoint is what its document says: a configuration or files that a request to load it carries are
// kUnimplemented. `name` is that of one of its parameters.
Result<void> check_load_parameter(std::string_view name);

}  // namespace millrace::api
