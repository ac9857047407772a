#include "api/grpc/methods.h"

namespace millrace::api::grpc {

void add_methods(net::RpcRouter& router, const ServingServices& services) {
  add_inference_methods(router, services);
  add_repository_methods(router, services);
  add_health_methods(router, services);
  add_reflection_methods(router);
}

}  // namespace millrace::api::grpc
