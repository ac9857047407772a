#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace millrace::serving {
class Endpoints;
}

namespace millrace::api {

// What the handlers of inference call, on a server and on a replica. `endpoints` outlives the server.
struct ServingServices {
  serving::Endpoints& endpoints;
  std::string version;                  // of Millrace
  std::function<Result<void>()> ready;  // kUnavailable, and why, while no requests should be sent here
};

// kUnavailable, and which, where an endpoint has no model.
Result<void> all_ready(const serving::Endpoints& endpoints);

}  // namespace millrace::api
