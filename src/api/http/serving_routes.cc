#include "api/http/serving_routes.h"

#include "serving/serving.h"

namespace millrace::api {

Result<void> all_ready(const serving::Endpoints& endpoints) {
  for (const auto& status : endpoints.list())
    if (!status.version) return unavailable("model {} is not ready: {}", status.spec.name, status.problem);
  return {};
}

void add_serving_routes(net::Router& router, const ServingServices& services) {
  add_inference_routes(router, services);
  add_invocation_routes(router, services);
  add_predict_v1_routes(router, services);
  add_repository_routes(router, services);
  add_scoring_routes(router, services);
}

}  // namespace millrace::api
