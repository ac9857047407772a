#pragma once

#include <cstdint>
#include <optional>

#include "api/http/coding.h"
#include "base/json.h"
#include "base/result.h"
#include "net/request.h"
#include "net/response.h"

namespace millrace::api {

// The Open Inference Protocol's own error body, which is TensorFlow Serving's, too: {"error": "..."}.
net::Response oip_error(const Error& error);
net::Response oip_fault(const BodyFault& fault);
net::Response oip_answer(const Result<Json>& result);

// The version that the path names; kNotFound for one that cannot be.
Result<std::optional<std::int64_t>> version_of(const net::Request& request);

}  // namespace millrace::api
