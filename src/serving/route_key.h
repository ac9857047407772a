#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "serving/infer.h"
#include "serving/route_spec.h"

namespace millrace::serving {

// The key by which a request is divided; nullopt where it carries none. A number is the key that its text would be: 7,
// 7.0 and "7" are one. kInvalidArgument where the rows of a request bear different keys: one request has one answer, of
// one version.
Result<std::optional<std::string>> sticky_key(const StickySpec& sticky, const InferRequest& request);

// The arm that a request asks for; "" where it asks for none.
std::string wanted_arm(const OverrideSpec& chosen_by, const InferRequest& request);

}  // namespace millrace::serving
