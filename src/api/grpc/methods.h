#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/http/services.h"
#include "net/rpc.h"
#include "serving/serving.h"

namespace millrace::api::grpc {

inline constexpr std::string_view kInferenceService = "inference.GRPCInferenceService";

// Every method of the gRPC port.
void add_methods(net::RpcRouter& router, Services& services);

// One function each, below add_methods().
void add_inference_methods(net::RpcRouter& router, Services& services);
void add_repository_methods(net::RpcRouter& router, Services& services);
void add_health_methods(net::RpcRouter& router, Services& services);
void add_reflection_methods(net::RpcRouter& router);

// The endpoint that a message names, and the version that it insists on. kNotFound where that is not served.
struct FoundModel {
  serving::EndpointStatus status;
  std::optional<std::int64_t> wanted;
};
Result<FoundModel> find_model(const serving::Endpoints& endpoints, std::string_view message);

// Whether every endpoint has a model.
bool all_ready(const serving::Endpoints& endpoints);

}  // namespace millrace::api::grpc
