#pragma once

#include <string_view>

#include "base/result.h"
#include "net/response.h"

namespace millrace::api::mlflow {

// An error in MLflow's shape, {"error_code", "message", "sqlstate", "error_class"}, and under its HTTP status: what
// exists already and what is not in the right state are 400, never 5xx, which MLflow's client would try again and
// again.
net::Response answer(const Error& error);
net::Response answer(Result<net::Response> result);

// 404 for a path that MLflow does not have, or that we do not know.
net::Response no_endpoint(std::string_view method, std::string_view path);

}  // namespace millrace::api::mlflow
