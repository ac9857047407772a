// Throws bytes at what reads the bodies and queries of requests: MLflow's messages, the Open Inference Protocol,
// GraphQL. Whatever comes is read or refused.
//
//   make fuzz-request_bodies      a minute of it

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "api/graphql/execute.h"
#include "api/http/oip_request.h"
#include "api/mlflow/input.h"
#include "api/mlflow/read.h"

namespace {

using namespace millrace;

void read_fields(const api::mlflow::Fields& in, int depth = 0) {
  for (const char* name : {"run_id", "key", "value", "step", "metrics", "tags", "params", "filter", "max_results"}) {
    (void)in.text(name);
    (void)in.integer(name);
    (void)in.number(name);
    (void)in.boolean(name);
    (void)in.texts(name);
    (void)in.map(name);
    (void)in.json(name);
    if (depth > 3) continue;
    for (const auto& inner : in.messages(name)) read_fields(inner, depth + 1);
    if (const auto inner = in.message(name)) read_fields(*inner, depth + 1);
  }
  (void)api::mlflow::read_tags(in);
  (void)api::mlflow::read_params(in);
}

void read_mlflow(const net::Request& request) {
  const auto in = api::mlflow::Input::read(request);
  if (!in) return;
  read_fields(*in);
  (void)in->check();
}

void read_graphql(std::string_view text) {
  const auto answer = [](std::string_view, std::string_view, const Json& body) -> Result<Json> {
    return Json{{"run", {{"info", {{"run_id", body.dump(-1, ' ', false, Json::error_handler_t::replace)}}}}}};
  };
  (void)api::graphql::execute({{"query", text}, {"variables", Json::object()}}, answer);
}

}  // namespace

// The first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<net::Field> headers{{"Content-Type", "application/json"}};
  static api::OipReader oip;
  switch (data[0] % 4) {
    case 0:
      read_mlflow({.method = "POST", .path = "/", .body = text, .headers = headers});
      break;
    case 1:
      read_mlflow({.method = "GET", .path = "/", .query_string = text});
      break;
    case 2:
      (void)oip.read(text);
      break;
    case 3:
      read_graphql(text);
      break;
  }
  return 0;
}
