#include "api/http/on_replica.h"

#include <array>
#include <nlohmann/json.hpp>

#include "api/http/answer.h"
#include "api/http/resident.h"
#include "api/mlflow/error.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Access;
using net::Request;
using net::Response;

constexpr std::array kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};
// The server's other APIs: its own, MLflow's, GraphQL, OpenTelemetry's, and what changes what is served.
constexpr std::array kOwn = {"/api/v1/{path...}", "/v2/repository/models/{name}/load",
                             "/v2/repository/models/{name}/unload"};
constexpr std::array kMlflow = {"/api/2.0/{path...}", "/api/3.0/{path...}", "/ajax-api/{path...}",         "/graphql",
                                "/get-artifact",      "/v1/traces",         "/model-versions/get-artifact"};

template <typename Body>
void refuse(net::Router& router, const char* pattern, Body body) {
  for (const auto* method : kMethods) {
    router.add(
        method, pattern, Access::kSignedIn,
        [body](const Request&) {
          auto response = body();
          response.status = 421;  // Misdirected Request
          return response;
        },
        net::Lane::kInline);
  }
}

}  // namespace

std::string elsewhere(const std::string& server_url) {
  return fmt::format("this is a replica, which only answers predictions; ask its server, {}", server_url);
}

void add_on_replica_routes(net::Router& router, const ReplicaServices& services) {
  auto& metrics = services.metrics;
  metrics.before_exposition([&metrics] {
    metrics.gauge("process_resident_memory_bytes", "Resident memory of the server.")
        .set(static_cast<double>(resident_bytes()));
  });
  router.add(
      "GET", "/health", Access::kPublic, [](const Request&) { return answer(Json{{"status", "ok"}}); },
      net::Lane::kInline);
  router.add("GET", "/metrics", Access::kRead, [&metrics, &endpoints = services.endpoints](const Request&) {
    return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = metrics.exposition() + endpoints.exposition()};
  });
  router.add("GET", "/api/v1/status", Access::kRead,
             [status = services.status](const Request&) { return answer(status()); });
  const Error error{Code::kFailedPrecondition, elsewhere(services.server_url)};
  for (const auto* pattern : kOwn) refuse(router, pattern, [error] { return answer(error); });
  for (const auto* pattern : kMlflow) refuse(router, pattern, [error] { return mlflow::answer(error); });
}

}  // namespace millrace::api
