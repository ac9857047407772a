#include "api/http/routes.h"

#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "api/mlflow/routes.h"

namespace millrace::api {

ServingServices serving_services(const Services& services) {
  return {services.endpoints, services.version, [&endpoints = services.endpoints] { return all_ready(endpoints); }};
}

void add_routes(net::Router& router, Services& services) {
  add_access_routes(router, services);
  add_clock_routes(router, services);
  add_dataset_routes(router, services);
  add_endpoint_routes(router, services);
  add_event_routes(router, services);
  add_feature_routes(router, services);
  add_folder_routes(router, services);
  add_gate_routes(router, services);
  add_lineage_routes(router, services);
  add_model_routes(router, services);
  add_monitor_routes(router, services);
  add_move_routes(router, services);
  add_model_card_routes(router, services);
  add_openlineage_routes(router, services);
  add_pipeline_routes(router, services);
  add_project_routes(router, services);
  add_record_routes(router, services);
  add_replica_routes(router, services);
  add_run_routes(router, services);
  add_server_routes(router, services);
  const ServingServices serving = serving_services(services);
  add_serving_routes(router, serving);
  add_repository_change_routes(router, services.endpoints);
  add_trigger_routes(router, services);
  mlflow::add_routes(router, services);
}

}  // namespace millrace::api
