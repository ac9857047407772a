#include "api/http/answer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/suggest.h"

namespace millrace::api {

int http_status(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
      return 409;
    case Code::kFailedPrecondition:
      return 422;
    case Code::kResourceExhausted:
      return 507;
    case Code::kCancelled:
      return 499;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      return 500;
  }
  return 500;
}

net::Response answer(const Error& error) {
  return net::error_response(http_status(error.code), code_name(error.code), error.message);
}

net::Response answer(const Json& body, int status) { return {.status = status, .body = dump_json(body) + "\n"}; }

net::Response answer(const Result<Json>& result, int status) {
  return result ? answer(*result, status) : answer(result.error());
}

Json page_json(Json items, const std::string& next) {
  return {{"items", std::move(items)}, {"next", next.empty() ? Json(nullptr) : Json(next)}};
}

Result<std::optional<std::int64_t>> integer_query(const net::Request& request, std::string_view name,
                                                  std::int64_t least) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < least)
    return invalid_argument("query parameter \"{}\" must be a whole number of at least {}, not \"{}\"", name, least,
                            *text);
  return value;
}

Result<PageRequest> page_request(const net::Request& request) {
  auto limit = TRY(integer_query(request, "limit", 1)).value_or(100);
  if (limit > 1000) return invalid_argument("query parameter \"limit\" must be at most 1000, not {}", limit);
  return PageRequest{.limit = static_cast<int>(limit), .after = request.query("after").value_or("")};
}

Result<void> only_queries(const net::Request& request, std::initializer_list<std::string_view> known) {
  std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [name, value] : request.query_parameters())
    if (std::ranges::find(names, name) == names.end())
      return invalid_argument("there is no query parameter \"{}\" here{}", name, did_you_mean(name, names));
  return {};
}

}  // namespace millrace::api
