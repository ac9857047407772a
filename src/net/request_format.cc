#include "net/request_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "net/request.h"

namespace millrace::net {

std::string format_request_head(const ClientRequest& request, std::string_view host, std::string_view bearer) {
  std::string head;
  head.reserve(256);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, host);
  const bool expects_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty()) fmt::format_to(out, "Content-Type: {}\r\n", request.content_type);
  if (!request.body.empty() || expects_body) fmt::format_to(out, "Content-Length: {}\r\n", request.body.size());
  const bool authorised = std::ranges::any_of(
      request.headers, [](const auto& field) { return equals_ignoring_case(field.first, "Authorization"); });
  if (!bearer.empty() && !authorised) fmt::format_to(out, "Authorization: Bearer {}\r\n", bearer);
  for (const auto& [name, value] : request.headers) fmt::format_to(out, "{}: {}\r\n", name, value);
  head += "\r\n";
  return head;
}

}  // namespace millrace::net
