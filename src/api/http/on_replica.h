#pragma once

#include <functional>
#include <string>

#include "api/http/serving_services.h"
#include "base/json.h"
#include "base/metrics.h"
#include "net/router.h"

namespace millrace::api {

// What a replica's own handlers call; all of it outlives the server.
struct ReplicaServices {
  metrics::Registry& metrics;
  const serving::Endpoints& endpoints;
  std::string server_url;        // where all that a replica does not do is done
  std::function<Json()> status;  // of GET /api/v1/status
};

// What a replica answers beside what it serves: health, metrics, its status; and to all else of the server's APIs, 421
// and where to go.
void add_on_replica_routes(net::Router& router, const ReplicaServices& services);

// "this is a replica: ask http://..."
std::string elsewhere(const std::string& server_url);

}  // namespace millrace::api
