#pragma once

#include "api/http/answer.h"
#include "api/http/body.h"
#include "api/http/services.h"
#include "net/router.h"

namespace millrace::api {

using net::Access;

// One function a resource: its routes stand in one table at the end of its file, its handlers above it. Every route
// says who may call it (net/access.h); one that says nothing is closed.
void add_access_routes(net::Router& router, Services& services);
void add_clock_routes(net::Router& router, Services& services);
void add_dataset_routes(net::Router& router, Services& services);
void add_endpoint_routes(net::Router& router, Services& services);
void add_event_routes(net::Router& router, Services& services);
void add_feature_routes(net::Router& router, Services& services);
void add_folder_routes(net::Router& router, Services& services);
void add_gate_routes(net::Router& router, Services& services);
void add_lineage_routes(net::Router& router, Services& services);
void add_model_routes(net::Router& router, Services& services);
void add_monitor_routes(net::Router& router, Services& services);
void add_move_routes(net::Router& router, Services& services);
void add_model_card_routes(net::Router& router, Services& services);
void add_openlineage_routes(net::Router& router, Services& services);
void add_pipeline_routes(net::Router& router, Services& services);
void add_project_routes(net::Router& router, Services& services);
void add_record_routes(net::Router& router, Services& services);
void add_replica_routes(net::Router& router, Services& services);
void add_run_routes(net::Router& router, Services& services);
void add_server_routes(net::Router& router, Services& services);
void add_trigger_routes(net::Router& router, Services& services);

}  // namespace millrace::api
