#pragma once

#include "base/result.h"
#include "replicas/state.h"
#include "serving/endpoint_spec.h"

namespace millrace::replicas {

// The endpoint as a replica serves it: its document, with the routes in force at the server, and each arm at the very
// version that answers there. An arm that has no version there keeps its alias, which stands nowhere here.
// kInvalidArgument where the document is of another endpoint, or none.
Result<serving::EndpointSpec> pinned_spec(const EndpointState& endpoint);

}  // namespace millrace::replicas
