#include "api/mlflow/route.h"

#include "api/mlflow/error.h"

namespace millrace::api::mlflow {

namespace {

// A JSON document in memory takes several times its text. MLflow's longest field, a dataset's profile, has 16 MiB.
constexpr std::size_t kBodyLimit = 24 << 20;

Result<Answer> call(Handler handler, Services& services, const net::Request& request) {
  Input input = TRY(Input::read(request));
  return handler(services, input);
}

net::Response respond(Handler handler, Services& services, const net::Request& request) {
  auto result = call(handler, services, request);
  if (!result) return answer(result.error());
  return {.body = std::move(result->body)};
}

// The UI's twin of a path.
std::string ajax(std::string_view path) { return fmt::format("/ajax-{}", path.substr(1)); }

}  // namespace

void add(net::Router& router, Services& services, std::span<const Route> routes) {
  for (const Route& route : routes) {
    const auto handler = [handler = route.handler, &services](const net::Request& request) {
      return respond(handler, services, request);
    };
    add(router, route.method, route.path, route.access, handler, kBodyLimit);
  }
}

void add(net::Router& router, std::string_view method, std::string_view path, Access access,
         const net::Handler& handler, std::size_t body_limit) {
  router.add(method, path, access, handler, net::Lane::kBlocking, body_limit);
  router.add(method, ajax(path), access, handler, net::Lane::kBlocking, body_limit);
}

void add_upload(net::Router& router, std::string_view method, std::string_view path, Access access,
                const net::UploadHandler& handler) {
  router.add_upload(method, path, access, handler);
  router.add_upload(method, ajax(path), access, handler);
}

}  // namespace millrace::api::mlflow
