#include "replicas/pin.h"

namespace millrace::replicas {

Result<serving::EndpointSpec> pinned_spec(const EndpointState& endpoint) {
  serving::EndpointSpec spec = TRY(serving::parse_endpoint(endpoint.document));
  if (spec.name != endpoint.name)
    return invalid_argument("the document of endpoint {} is that of {}", endpoint.name, spec.name);
  spec.routes = endpoint.routes;
  for (serving::ArmSpec& arm : spec.routes.arms) {
    const auto version = endpoint.arms.find(arm.name);
    if (version == endpoint.arms.end()) continue;
    arm.version = version->second;
    arm.alias.clear();
  }
  return spec;
}

}  // namespace millrace::replicas
