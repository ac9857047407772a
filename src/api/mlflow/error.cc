#include "api/mlflow/error.h"

#include "base/json_writer.h"

namespace millrace::api::mlflow {

namespace {

struct Shape {
  int status;
  std::string_view code;
  std::string_view sqlstate;
  std::string_view error_class;
};

constexpr std::string_view kUsersFault = "KAM00";
constexpr std::string_view kOurFault = "XXM00";
constexpr Shape kInvalid{400, "INVALID_PARAMETER_VALUE", kUsersFault, "INVALID_PARAMETER_VALUE"};
constexpr Shape kInternal{500, "INTERNAL_ERROR", kOurFault, "CLIENT_INTERNAL_ERROR"};
constexpr Shape kNoEndpoint{404, "ENDPOINT_NOT_FOUND", kUsersFault, "RESOURCE_NOT_FOUND"};

Shape shape_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kFailedPrecondition:
      return kInvalid;
    case Code::kNotFound:
      return {404, "RESOURCE_DOES_NOT_EXIST", kUsersFault, "RESOURCE_NOT_FOUND"};
    case Code::kAlreadyExists:
      return {400, "RESOURCE_ALREADY_EXISTS", kUsersFault, "RESOURCE_ALREADY_EXISTS"};
    case Code::kUnauthenticated:
      return {401, "UNAUTHENTICATED", {}, {}};
    case Code::kPermissionDenied:
      return {403, "PERMISSION_DENIED", kUsersFault, "PERMISSION_DENIED"};
    case Code::kAborted:
      return {409, "ABORTED", {}, {}};
    case Code::kResourceExhausted:
      return {429, "RESOURCE_EXHAUSTED", {}, {}};
    case Code::kCancelled:
      return {499, "CANCELLED", {}, {}};
    case Code::kUnimplemented:
      return {501, "NOT_IMPLEMENTED", {}, {}};
    case Code::kUnavailable:
      return {503, "TEMPORARILY_UNAVAILABLE", kOurFault, "CLIENT_INTERNAL_ERROR"};
    case Code::kDeadlineExceeded:
      return {504, "DEADLINE_EXCEEDED", {}, {}};
    case Code::kDataLoss:
      return {500, "DATA_LOSS", {}, {}};
    case Code::kUnknown:
    case Code::kInternal:
      return kInternal;
  }
  return kInternal;
}

net::Response answer(const Shape& shape, std::string_view message) {
  JsonWriter out;
  out.object([&] {
    out.field("error_code", shape.code);
    out.field("message", message);
    if (!shape.sqlstate.empty()) out.field("sqlstate", shape.sqlstate);
    if (!shape.error_class.empty()) out.field("error_class", shape.error_class);
  });
  return {.status = shape.status, .body = std::move(out).text()};
}

}  // namespace

net::Response answer(const Error& error) { return answer(shape_of(error.code), error.message); }

net::Response answer(Result<net::Response> result) { return result ? std::move(*result) : answer(result.error()); }

net::Response no_endpoint(std::string_view method, std::string_view path) {
  return answer(kNoEndpoint, fmt::format("There is no endpoint {} {} on this server.", method, path));
}

}  // namespace millrace::api::mlflow
