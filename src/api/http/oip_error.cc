#include "api/http/oip_error.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "api/http/answer.h"

namespace millrace::api {

net::Response oip_error(const Error& error) {
  net::Response response{.status = http_status(error.code) == 422 ? 400 : http_status(error.code),
                         .body = dump_json({{"error", error.message}})};
  if (error.code == Code::kUnavailable) response.headers.emplace_back("Retry-After", "1");
  return response;
}

net::Response oip_fault(const BodyFault& fault) {
  net::Response response{.status = fault.status, .body = dump_json({{"error", fault.message}})};
  if (fault.status == 415) response.headers.emplace_back("Accept-Encoding", kCodings);
  return response;
}

net::Response oip_answer(const Result<Json>& result) { return result ? answer(*result) : oip_error(result.error()); }

Result<std::optional<std::int64_t>> version_of(const net::Request& request) {
  auto text = request.param("version");
  if (text.empty()) return std::nullopt;
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    return not_found("model {} has no version \"{}\"; versions are 1, 2, 3...", request.param("name"), text);
  return number;
}

}  // namespace millrace::api
