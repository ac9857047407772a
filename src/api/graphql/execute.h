#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace millrace::api::graphql {

// A REST request's answer, by its method, path and body.
using Call = std::function<Result<Json>(std::string_view method, std::string_view path, const Json& body)>;

// Answers {"query", "variables", "operationName"} with {"data", "errors"}, errors as MLflow has them: a list of
// messages, or null. Nothing is an error of HTTP.
Json execute(const Json& request, const Call& call);

}  // namespace millrace::api::graphql
