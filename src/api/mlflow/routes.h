#pragma once

#include "api/http/services.h"
#include "net/router.h"

namespace millrace::api::mlflow {

// All that MLflow's client and UI ask for.
void add_routes(net::Router& router, Services& services);

// Its version, which a replica answers, too.
void add_version_route(net::Router& router);

// One function a resource: its routes stand in one table at the end of its file, its handlers above it.
void add_artifact_routes(net::Router& router, Services& services);
void add_assessment_routes(net::Router& router, Services& services);
void add_evaluation_dataset_routes(net::Router& router, Services& services);
void add_experiment_routes(net::Router& router, Services& services);
// Answers by asking the other routes of the same router.
void add_graphql_routes(net::Router& router);
void add_logged_model_routes(net::Router& router, Services& services);
void add_logging_routes(net::Router& router, Services& services);
void add_metric_routes(net::Router& router, Services& services);
void add_model_version_routes(net::Router& router, Services& services);
void add_multipart_routes(net::Router& router, Services& services);
void add_registered_model_routes(net::Router& router, Services& services);
void add_run_routes(net::Router& router, Services& services);
void add_search_routes(net::Router& router, Services& services);
void add_server_routes(net::Router& router, Services& services);
void add_webhook_routes(net::Router& router, Services& services);
void add_user_routes(net::Router& router, Services& services);

void add_span_routes(net::Router& router, Services& services);
void add_trace_routes(net::Router& router, Services& services);
void add_trace_v2_routes(net::Router& router, Services& services);

}  // namespace millrace::api::mlflow
