#pragma once

#include <string_view>

#include "base/result.h"

namespace millrace::access {

// kInvalidArgument for a name that is empty, longer than 128, or has more than letters, digits and ._@-; `what` is
// "user" or "group". A colon would end a name in Basic credentials.
Result<void> check_name(std::string_view what, std::string_view name);

}  // namespace millrace::access
