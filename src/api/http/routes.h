#pragma once

#include "api/http/services.h"
#include "net/router.h"

namespace millrace::api {

// Every route of the server.
void add_routes(net::Router& router, Services& services);

}  // namespace millrace::api
