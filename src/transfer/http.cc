#include "transfer/http.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::transfer {

namespace {

Code code_of(int status) {
  switch (status) {
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kAlreadyExists;
    case 501:
      return Code::kUnimplemented;
    case 507:
      return Code::kResourceExhausted;
    case 408:
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalidArgument;
  }
}

std::string message_of(const net::ClientResponse& answer) {
  const auto body = parse_json(answer.body);
  if (body && body->is_object()) {
    const auto error = body->find("error");
    if (error != body->end() && error->is_object() && error->contains("message") && (*error)["message"].is_string()) {
      return (*error)["message"];
    }
    if (body->contains("message") && (*body)["message"].is_string()) return (*body)["message"];
  }
  return fmt::format("the server answered status {}", answer.status);
}

}  // namespace

Result<net::ClientResponse> checked(Result<net::ClientResponse> answer) {
  if (!answer) {
    // A connection that broke in the middle is one that may hold the next time.
    const bool lost = answer.error().code == Code::kDataLoss || answer.error().code == Code::kDeadlineExceeded;
    if (lost) return unavailable("{}", answer.error().message);
    return answer;
  }
  if (answer->status < 300) return answer;
  return std::unexpected(Error{code_of(answer->status), message_of(*answer)});
}

}  // namespace millrace::transfer
