#pragma once

#include "base/json.h"

namespace millrace::serving {
struct EndpointStatus;
}

namespace millrace::api {

// The models that answer together, and the versions that they are now; null for an endpoint of one model.
Json composition_json(const serving::EndpointStatus& status);

}  // namespace millrace::api
