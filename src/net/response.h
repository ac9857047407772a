#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::net {

class BodySource;  // net/stream.h

// What a handler answers. The server adds Content-Length and Connection; for 204 and 304 it sends no body.
struct Response {
  int status = 200;
  std::string content_type = "application/json";  // "" sends none
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<BodySource> source = {};  // instead of `body`: made while it is sent
};

// {"error":{"code":"NOT_FOUND","message":"..."}}; text that is not UTF-8 is replaced.
std::string error_body(std::string_view code, std::string_view message);
Response error_response(int status, std::string_view code, std::string_view message);

// "Not Found"; "Unknown" for a status that HTTP does not name.
std::string_view reason_phrase(int status);

}  // namespace millrace::net
