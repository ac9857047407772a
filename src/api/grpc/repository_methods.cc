#include "api/grpc/messages.h"
#include "api/grpc/methods.h"
#include "api/grpc/model_version.h"
#include "api/http/model_repository.h"

namespace millrace::api::grpc {
namespace {

using net::Access;
using net::RpcAnswer;
using net::RpcCall;
using serving::Endpoints;
using serving::EndpointStatus;

RpcAnswer config(const Endpoints& endpoints, const RpcCall& call) {
  const auto status = TRY(find_model(endpoints, call.message)).status;
  if (!status.version) return unavailable("model {} is not ready: {}", status.spec.name, status.problem);
  return write_model_config(status);
}

// Of one model, or of all where none is named.
RpcAnswer statistics(const Endpoints& endpoints, const RpcCall& call) {
  if (TRY(read_model_name(call.message)).name.empty()) return write_statistics(endpoints.list(), std::nullopt);
  const auto model = TRY(find_model(endpoints, call.message));
  return write_statistics({&model.status, 1}, model.wanted);
}

RpcAnswer index(const Endpoints& endpoints, const RpcCall& call) {
  const bool only_ready = TRY(read_only_ready(call.message));
  return write_repository_index(endpoints.list(), only_ready ? Listed::kReady : Listed::kAll);
}

RpcAnswer load(Endpoints& endpoints, const RpcCall& call) {
  const auto change = TRY(read_repository_change(call.message));
  for (const auto name : change.parameters) TRY(check_load_parameter(name));
  TRY(endpoints.load(change.model));
  return "";
}

RpcAnswer unload(Endpoints& endpoints, const RpcCall& call) {
  TRY(endpoints.unload(TRY(read_repository_change(call.message)).model));
  return "";
}

}  // namespace

Result<FoundModel> find_model(const Endpoints& endpoints, std::string_view message) {
  const auto asked = TRY(read_model_name(message));
  const auto wanted = TRY(read_version(asked.name, asked.version));
  auto status = TRY(endpoints.find(asked.name));
  if (wanted && !serving::serves_version(status, *wanted)) {
    return not_found("model {} does not serve version {}", status.spec.name, *wanted);
  }
  return FoundModel{std::move(status), wanted};
}

void add_repository_methods(net::RpcRouter& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  const auto add = [&](std::string_view method, auto answer) {
    router.add(kInferenceService, method, Access::kPredict,
               [&endpoints, answer](const RpcCall& call) { return answer(endpoints, call); });
  };
  add("ModelConfig", config);
  add("ModelStatistics", statistics);
  add("RepositoryIndex", index);
}

void add_repository_change_methods(net::RpcRouter& router, Endpoints& endpoints) {
  const auto add = [&](std::string_view method, auto answer) {
    router.add(kInferenceService, method, Access::kDeploy,
               [&endpoints, answer](const RpcCall& call) { return answer(endpoints, call); });
  };
  add("RepositoryModelLoad", load);
  add("RepositoryModelUnload", unload);
}

void refuse_repository_change_methods(net::RpcRouter& router, const std::string& why) {
  for (const auto* method : {"RepositoryModelLoad", "RepositoryModelUnload"}) {
    router.add(
        kInferenceService, method, Access::kSignedIn,
        [why](const RpcCall&) -> RpcAnswer { return fail(Code::kUnimplemented, "{}", why); }, net::Lane::kInline);
  }
}

}  // namespace millrace::api::grpc
