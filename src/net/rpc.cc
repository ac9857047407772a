#include "net/rpc.h"

#include <fmt/format.h>

namespace millrace::net {

void RpcRouter::add(std::string_view service, std::string_view method, Access access, RpcHandler handler, Lane lane,
                    RpcShape shape) {
  add_method(service, method,
             {.route = {.access = access, .lane = lane}, .shape = shape, .handler = std::move(handler)});
}

void RpcRouter::add_deferred(std::string_view service, std::string_view method, Access access,
                             DeferredRpcHandler handler, RpcShape shape) {
  add_method(service, method,
             {.route = {.access = access, .lane = Lane::kDeferred}, .shape = shape, .deferred = std::move(handler)});
}

void RpcRouter::add_method(std::string_view service, std::string_view name, RpcMethod method) {
  auto path = fmt::format("/{}/{}", service, name);
  method.route.method = "POST";
  method.route.pattern = path;
  auto owned = std::make_unique<RpcMethod>(std::move(method));
  if (!methods_.emplace(path, std::move(owned)).second) {
    MUST(Result<void>(already_exists("the method {} was added twice", path)));
  }
}

const RpcMethod* RpcRouter::find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : found->second.get();
}

}  // namespace millrace::net
