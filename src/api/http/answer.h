#pragma once

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/page.h"
#include "base/result.h"
#include "net/request.h"
#include "net/response.h"

namespace millrace::api {

// The HTTP status of a canonical code, as google.rpc maps them.
int http_status(Code code);

net::Response answer(const Error& error);
net::Response answer(const Json& body, int status = 200);
net::Response answer(const Result<Json>& result, int status = 200);

// What was found as `write` puts it, or the error.
template <typename T, typename Write>
net::Response answer(const Result<T>& result, Write write) {
  return result ? answer(Json(write(*result)), 200) : answer(result.error());
}

// {"items": [...], "next": "..."}; next is null on the last page.
Json page_json(Json items, const std::string& next);

// ?limit=1..1000 (default 100) and ?after=CURSOR.
Result<PageRequest> page_request(const net::Request& request);

// A query parameter that is a whole number of at least `least`.
Result<std::optional<std::int64_t>> integer_query(const net::Request& request, std::string_view name,
                                                  std::int64_t least = 0);

// kInvalidArgument, with the nearest known name, for a query parameter that is not among `known`.
Result<void> only_queries(const net::Request& request, std::initializer_list<std::string_view> known);

}  // namespace millrace::api
