#include "api/mlflow/routes.h"

namespace millrace::api::mlflow {

void add_routes(net::Router& router, Services& services) {
  add_artifact_routes(router, services);
  add_experiment_routes(router, services);
  add_server_routes(router, services);
}

}  // namespace millrace::api::mlflow
