#include "net/request_format.h"

#include <fmt/format.h>

#include <iterator>

namespace millrace::net {

std::string format_request_head(const ClientRequest& request, std::string_view host) {
  std::string head;
  head.reserve(256);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, host);
  const bool expects_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty()) fmt::format_to(out, "Content-Type: {}\r\n", request.content_type);
  if (!request.body.empty() || expects_body) fmt::format_to(out, "Content-Length: {}\r\n", request.body.size());
  for (const auto& [name, value] : request.headers) fmt::format_to(out, "{}: {}\r\n", name, value);
  head += "\r\n";
  return head;
}

}  // namespace millrace::net
