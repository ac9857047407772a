#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/graphql/execute.h"
#include "api/mlflow/error.h"
#include "api/mlflow/input.h"
#include "api/mlflow/routes.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kBodyLimit = 1 << 20;
constexpr net::Field kJsonHeader[] = {{"content-type", "application/json"}};

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// Asks one of our own routes, without a socket; an error's answer is its message.
Result<Json> ask(const net::Router& router, std::string_view method, std::string_view path, const Json& body) {
  const std::string text = dump_json(body);
  net::Request request{.method = method, .path = path, .body = text, .headers = kJsonHeader};
  const net::Route* route = router.find(method, segments_of(path), request.params);
  if (route == nullptr) return internal_error("there is no route {} {}", method, path);
  // The guard asked no more of the caller than that it may read.
  if (route->access != net::Access::kRead) return internal_error("{} {} is no route of reading", method, path);
  const net::Response response = route->handler(request);
  Json answer = TRY(parse_json(response.body));
  if (response.status == 200) return answer;
  return invalid_argument("{}", answer.value("message", "unknown error"));
}

Result<net::Response> answer_query(const net::Router& router, const net::Request& request) {
  Json asked = Json::object();
  for (const char* name : {"query", "operationName"}) {
    if (const auto text = request.query(name)) asked[name] = *text;
  }
  if (const auto variables = request.query("variables")) asked["variables"] = parse_json(*variables).value_or(Json());
  if (request.method == "POST") {
    TRY(Input::read(request));
    asked = TRY(parse_json(request.body.empty() ? "{}" : request.body));
  }
  const graphql::Call call = [&](std::string_view method, std::string_view path, const Json& body) {
    return ask(router, method, path, body);
  };
  return net::Response{.body = dump_json(graphql::execute(asked, call))};
}

}  // namespace

void add_graphql_routes(net::Router& router) {
  const auto handler = [&router](const net::Request& request) { return answer(answer_query(router, request)); };
  for (const std::string_view method : {"GET", "POST"}) {
    router.add(method, "/graphql", net::Access::kRead, handler, net::Lane::kBlocking, kBodyLimit);
  }
}

}  // namespace millrace::api::mlflow
