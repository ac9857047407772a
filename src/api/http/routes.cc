#include "api/http/routes.h"

#include "api/http/resources.h"
#include "api/mlflow/routes.h"

namespace millrace::api {

void add_routes(net::Router& router, Services& services) {
  add_access_routes(router, services);
  add_clock_routes(router, services);
  add_dataset_routes(router, services);
  add_endpoint_routes(router, services);
  add_event_routes(router, services);
  add_feature_routes(router, services);
  add_folder_routes(router, services);
  add_gate_routes(router, services);
  add_inference_routes(router, services);
  add_invocation_routes(router, services);
  add_scoring_routes(router, services);
  add_lineage_routes(router, services);
  add_model_routes(router, services);
  add_monitor_routes(router, services);
  add_move_routes(router, services);
  add_model_card_routes(router, services);
  add_openlineage_routes(router, services);
  add_pipeline_routes(router, services);
  add_predict_v1_routes(router, services);
  add_project_routes(router, services);
  add_record_routes(router, services);
  add_repository_routes(router, services);
  add_run_routes(router, services);
  add_server_routes(router, services);
  add_trigger_routes(router, services);
  mlflow::add_routes(router, services);
}

}  // namespace millrace::api
