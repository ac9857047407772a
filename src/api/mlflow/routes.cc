#include "api/mlflow/routes.h"

namespace millrace::api::mlflow {

void add_routes(net::Router& router, Services& services) {
  add_artifact_routes(router, services);
  add_assessment_routes(router, services);
  add_evaluation_dataset_routes(router, services);
  add_experiment_routes(router, services);
  add_graphql_routes(router);
  add_logged_model_routes(router, services);
  add_logging_routes(router, services);
  add_metric_routes(router, services);
  add_model_version_routes(router, services);
  add_multipart_routes(router, services);
  add_registered_model_routes(router, services);
  add_run_routes(router, services);
  add_search_routes(router, services);
  add_webhook_routes(router, services);
  add_user_routes(router, services);
  add_server_routes(router, services);
  add_span_routes(router, services);
  add_trace_routes(router, services);
  add_trace_v2_routes(router, services);
}

}  // namespace millrace::api::mlflow
