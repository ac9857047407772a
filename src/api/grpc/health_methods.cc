#include <algorithm>
#include <array>

#include "api/grpc/methods.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using net::RpcAnswer;
using net::RpcCall;

constexpr std::string_view kService = "grpc.health.v1.Health";
constexpr std::array<std::string_view, 3> kKnown{"", kInferenceService, kService};

// ServingStatus of proto/health.proto.
enum class Health : std::uint8_t { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

Result<std::string_view> read_service(std::string_view message) {
  std::string_view service;
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() == 1) service = TRY(in.bytes());
  }
  return service;
}

std::string write_health(Health health) {
  std::string message;
  append_wire_number(message, 1, static_cast<std::uint64_t>(health));
  return message;
}

using Ready = std::function<Result<void>()>;

Health health_of(const Ready& ready, std::string_view service) {
  if (std::ranges::find(kKnown, service) == kKnown.end()) return Health::kServiceUnknown;
  return ready() ? Health::kServing : Health::kNotServing;
}

}  // namespace

void add_health_methods(net::RpcRouter& router, const ServingServices& services) {
  router.add(kService, "Check", net::Access::kPublic, [ready = services.ready](const RpcCall& call) -> RpcAnswer {
    const auto service = TRY(read_service(call.message));
    const auto health = health_of(ready, service);
    if (health == Health::kServiceUnknown) return not_found("there is no service \"{}\" here", service);
    return write_health(health);
  });
  router.add(
      kService, "Watch", net::Access::kPublic,
      [ready = services.ready](const RpcCall& call) -> RpcAnswer {
        return write_health(health_of(ready, TRY(read_service(call.message))));
      },
      net::Lane::kBlocking, net::RpcShape::kWatch);
}

}  // namespace millrace::api::grpc
