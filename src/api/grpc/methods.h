#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/http/serving_services.h"
#include "net/rpc.h"
#include "serving/serving.h"

namespace millrace::api::grpc {

inline constexpr std::string_view kInferenceService = "inference.GRPCInferenceService";

// Every method of the gRPC port but loading and unloading, which a replica does not do.
void add_methods(net::RpcRouter& router, const ServingServices& services);

// One function each, below add_methods().
void add_inference_methods(net::RpcRouter& router, const ServingServices& services);
void add_repository_methods(net::RpcRouter& router, const ServingServices& services);
void add_health_methods(net::RpcRouter& router, const ServingServices& services);
void add_reflection_methods(net::RpcRouter& router);

// Loading and unloading: of a server; and their refusal.
void add_repository_change_methods(net::RpcRouter& router, serving::Endpoints& endpoints);
void refuse_repository_change_methods(net::RpcRouter& router, const std::string& why);

// The endpoint that a message names, and the version that it insists on. kNotFound where that is not served.
struct FoundModel {
  serving::EndpointStatus status;
  std::optional<std::int64_t> wanted;
};
Result<FoundModel> find_model(const serving::Endpoints& endpoints, std::string_view message);

}  // namespace millrace::api::grpc
