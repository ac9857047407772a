#pragma once

#include "api/http/services.h"
#include "api/http/serving_services.h"
#include "net/router.h"

namespace millrace::api {

// Every route of the server.
void add_routes(net::Router& router, Services& services);

// Those of a server: it is ready when every endpoint has its model.
ServingServices serving_services(const Services& services);

}  // namespace millrace::api
