#include <array>

#include "api/mlflow/error.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"

namespace millrace::api::mlflow {

namespace {

// The MLflow whose client drives the tests; the client looks at it before it sends traces.
constexpr std::string_view kVersion = "3.17.2";

constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};

// What Millrace leaves to others: the gateway to language models and what judges, reviews and tunes their answers.
constexpr std::string_view kNotImplemented[] = {
    "/api/3.0/jobs",
    "/api/3.0/mlflow/assistant",
    "/api/3.0/mlflow/demo",
    "/api/3.0/mlflow/gateway",
    "/api/3.0/mlflow/genai",
    "/api/3.0/mlflow/issues",
    "/api/3.0/mlflow/jobs",
    "/api/3.0/mlflow/label-schemas",
    "/api/3.0/mlflow/prompt-optimization",
    "/api/3.0/mlflow/review-queues",
    "/api/3.0/mlflow/scorer",
    "/api/3.0/mlflow/scorers",
    "/api/3.0/mlflow/workspaces",
};

constexpr std::string_view kRoots[] = {"/api/2.0/mlflow", "/api/3.0/mlflow", "/api/2.0/mlflow-artifacts"};

net::Response not_implemented(const net::Request& request) {
  return answer(Error{Code::kUnimplemented,
                      fmt::format("{} is not part of this server: it has no language model gateway, and nothing that "
                                  "judges, reviews or tunes what such models say.",
                                  request.path)});
}

Result<Answer> server_info(Services&, Input&) {
  return object([](JsonWriter& out) {
    out.field("store_type", "SqlStore");
    out.field("workspaces_enabled", false);
    out.field("trace_archival_enabled", false);
    out.field("multipart_uploads_enabled", true);
    out.field("multipart_downloads_enabled", false);
    out.field("presigned_upload_run_id_supported", true);
    out.field("presigned_upload_model_id_supported", true);
  });
}

constexpr Route kRoutes[] = {{"GET", "/api/3.0/mlflow/server-info", server_info, Access::kPublic}};

// The path itself and all below it.
void add_tree(net::Router& router, std::string_view path, const net::Handler& handler) {
  for (const auto method : kMethods) {
    add(router, method, path, Access::kSignedIn, handler);
    add(router, method, fmt::format("{}/{{rest...}}", path), Access::kSignedIn, handler);
  }
}

}  // namespace

void add_server_routes(net::Router& router, Services& services) {
  add(router, services, kRoutes);
  add_version_route(router);
  for (const auto path : kNotImplemented) add_tree(router, path, not_implemented);
  for (const auto root : kRoots) {
    add_tree(router, root, [](const net::Request& request) { return no_endpoint(request.method, request.path); });
  }
}

void add_version_route(net::Router& router) {
  router.add(
      "GET", "/version", Access::kPublic,
      [](const net::Request&) {
        return net::Response{.content_type = "text/plain; charset=utf-8", .body = std::string(kVersion)};
      },
      net::Lane::kInline);
}

}  // namespace millrace::api::mlflow
