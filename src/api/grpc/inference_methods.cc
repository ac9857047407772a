#include <algorithm>
#include <array>
#include <chrono>

#include "api/grpc/infer_answer.h"
#include "api/grpc/infer_request.h"
#include "api/grpc/messages.h"
#include "api/grpc/methods.h"
#include "api/http/classification.h"
#include "api/http/model_config.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using net::Access;
using net::Lane;
using net::RpcAnswer;
using net::RpcCall;
using net::RpcReply;
using net::RpcShape;
using serving::Endpoints;
using serving::EndpointStatus;

// The call's metadata, and the parameters of its message.
class Hints final : public serving::RequestHints {
 public:
  Hints(const net::Request& request, const InferReader& reader) : request_(request), reader_(reader) {}
  std::string header(std::string_view name) const override { return std::string(request_.header(name)); }
  std::string parameter(std::string_view name) const override { return reader_.parameter(name); }

 private:
  const net::Request& request_;
  const InferReader& reader_;
};

void shorten_timeout(serving::InferRequest& request, std::optional<net::Moment> deadline) {
  if (!deadline) return;
  const auto left = std::chrono::duration_cast<Duration>(*deadline - std::chrono::steady_clock::now());
  request.timeout = std::max(Duration(1), std::min(request.timeout.value_or(left), left));
}

Result<void> classify(serving::InferAnswer& answer, std::span<const std::size_t> classes) {
  for (std::size_t i = 0; i < std::min(answer.outputs.size(), classes.size()); ++i) {
    if (classes[i] > 0) answer.outputs[i] = TRY(classes_of(answer.outputs[i], classes[i]));
  }
  return {};
}

RpcAnswer answer_of(Result<serving::InferAnswer> scored, TensorForm form, std::span<const std::size_t> classes) {
  auto answer = TRY(std::move(scored));
  TRY(classify(answer, classes));
  return write_answer(answer, form);
}

// `answer` takes the message, at once or when the model has answered.
template <typename Answer>
void infer(const Endpoints& endpoints, const RpcCall& call, Answer answer) {
  thread_local InferReader reader;
  auto asked = reader.read(call.message);
  if (!asked) {
    if (const auto model = read_model_name(call.message)) endpoints.note_unread(model->name, asked.error().code);
    return answer(std::unexpected(asked.error()));
  }
  const Hints hints(call.request, reader);
  asked->request.hints = &hints;
  shorten_timeout(asked->request, call.deadline);
  if (auto scored = endpoints.infer_at_once(asked->endpoint, asked->request))
    return answer(answer_of(std::move(*scored), asked->form, asked->classes));
  endpoints.infer_later(
      asked->endpoint, asked->request,
      [answer = std::move(answer), form = asked->form,
       classes = std::vector(asked->classes.begin(), asked->classes.end())](
          Result<serving::InferAnswer> scored) mutable { answer(answer_of(std::move(scored), form, classes)); });
}

// Triton's envelope: what goes wrong with one request of a stream is said in its answer.
std::string enveloped(const RpcAnswer& answer) {
  std::string message;
  answer ? append_wire(message, 2, *answer) : append_wire(message, 1, answer.error().message);
  return message;
}

RpcAnswer model_ready(const Endpoints& endpoints, const RpcCall& call) {
  const auto model = find_model(endpoints, call.message);
  return write_truth(model && model->status.version);
}

RpcAnswer model_metadata(const Endpoints& endpoints, const RpcCall& call) {
  return write_model_metadata(TRY(find_model(endpoints, call.message)).status);
}

// What Triton has and Millrace has not.
void add_unimplemented(net::RpcRouter& router) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMissing{{
      {"SystemSharedMemoryStatus", "shared memory"},
      {"SystemSharedMemoryRegister", "shared memory"},
      {"SystemSharedMemoryUnregister", "shared memory"},
      {"CudaSharedMemoryStatus", "CUDA shared memory"},
      {"CudaSharedMemoryRegister", "CUDA shared memory"},
      {"CudaSharedMemoryUnregister", "CUDA shared memory"},
      {"TraceSetting", "tracing of single requests"},
      {"LogSettings", "a change of log settings at run time"},
  }};
  for (const auto& [method, what] : kMissing) {
    router.add(
        kInferenceService, method, Access::kSignedIn,
        [what](const RpcCall&) -> RpcAnswer { return fail(Code::kUnimplemented, "millrace has no {}", what); },
        Lane::kInline);
  }
}

}  // namespace

void add_inference_methods(net::RpcRouter& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  const auto add = [&](std::string_view method, Access access, net::RpcHandler handler) {
    router.add(kInferenceService, method, access, std::move(handler));
  };
  router.add_deferred(kInferenceService, "ModelInfer", Access::kPredict,
                      [&endpoints](const RpcCall& call, RpcReply reply) { infer(endpoints, call, std::move(reply)); });
  router.add_deferred(
      kInferenceService, "ModelStreamInfer", Access::kPredict,
      [&endpoints](const RpcCall& call, RpcReply reply) {
        infer(endpoints, call,
              [reply = std::move(reply)](const RpcAnswer& answer) mutable { reply(enveloped(answer)); });
      },
      RpcShape::kExchange);
  router.add(
      kInferenceService, "ServerLive", Access::kPublic, [](const RpcCall&) -> RpcAnswer { return write_truth(true); },
      Lane::kInline);
  add("ServerReady", Access::kPublic,
      [ready = services.ready](const RpcCall&) -> RpcAnswer { return write_truth(ready().has_value()); });
  add("ServerMetadata", Access::kPublic, [version = services.version](const RpcCall&) -> RpcAnswer {
    return write_server_metadata(version, kExtensions);
  });
  add("ModelReady", Access::kPredict, [&endpoints](const RpcCall& call) { return model_ready(endpoints, call); });
  add("ModelMetadata", Access::kPredict, [&endpoints](const RpcCall& call) { return model_metadata(endpoints, call); });
  add_unimplemented(router);
}

}  // namespace millrace::api::grpc
