#pragma once

#include <vector>

#include "base/result.h"
#include "replicas/state.h"
#include "serving/endpoint_spec.h"

namespace millrace::replicas {

// The endpoint as a replica serves it: its document, with the routes in force at the server, and each arm at the very
// version that answers there. An arm that has no version there keeps its alias, which stands nowhere here.
// kInvalidArgument where the document is of another endpoint, or none.
// Likewise the members of a composition.
Result<serving::EndpointSpec> pinned_spec(const EndpointState& endpoint);

// The registered versions that it needs, each once.
std::vector<serving::MemberVersion> needed_versions(const EndpointState& endpoint, const serving::EndpointSpec& spec);

}  // namespace millrace::replicas
