#pragma once

#include "api/http/serving_services.h"
#include "net/router.h"

namespace millrace::api {

// All that asks endpoints, or asks about them what its clients need to: what a replica answers, too.
void add_serving_routes(net::Router& router, const ServingServices& services);

// One function each, below add_serving_routes().
void add_inference_routes(net::Router& router, const ServingServices& services);
void add_invocation_routes(net::Router& router, const ServingServices& services);
void add_predict_v1_routes(net::Router& router, const ServingServices& services);
void add_repository_routes(net::Router& router, const ServingServices& services);
void add_scoring_routes(net::Router& router, const ServingServices& services);

// Loading and unloading: on a server only.
void add_repository_change_routes(net::Router& router, serving::Endpoints& endpoints);

}  // namespace millrace::api
