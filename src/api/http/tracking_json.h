#pragma once

#include "base/json.h"
#include "tracking/entities.h"

namespace millrace::api {

// Entities as our own API has them.
Json to_json(const tracking::Experiment& experiment);
Json to_json(const tracking::Run& run);

}  // namespace millrace::api
