#include <memory>

#include "api/grpc/descriptors.h"
#include "api/grpc/methods.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using net::RpcAnswer;
using net::RpcCall;

// The fields of proto/reflection_v1.proto; those of v1alpha are the same.
constexpr std::uint32_t kHost = 1, kFileByName = 3, kFileOfSymbol = 4, kExtension = 5, kExtensionNumbers = 6,
                        kListServices = 7;
constexpr std::uint32_t kOriginalRequest = 2, kFiles = 4, kServiceList = 6, kError = 7;

std::string files_answer(const std::vector<std::string_view>& files) {
  std::string message;
  for (const auto file : files) append_wire(message, 1, file);
  return message;
}

std::string services_answer(const Descriptors& descriptors) {
  std::string message;
  for (const auto& name : descriptors.services()) {
    std::string service;
    append_wire(service, 1, name);
    append_wire(message, 1, service);
  }
  return message;
}

std::string error_answer(const Error& error) {
  std::string message;
  append_wire_number(message, 1, static_cast<std::uint64_t>(error.code));
  append_wire(message, 2, error.message);
  return message;
}

// What a request asks for, by the field that it has.
void append_result(const Descriptors& descriptors, std::uint32_t asked, std::string_view name, std::string& answer) {
  const auto give = [&](const std::vector<std::string_view>& files) {
    if (!files.empty()) return append_wire(answer, kFiles, files_answer(files));
    append_wire(answer, kError, error_answer({Code::kNotFound, fmt::format("there is no \"{}\" here", name)}));
  };
  switch (asked) {
    case kFileByName:
      return give(descriptors.by_file(name));
    case kFileOfSymbol:
      return give(descriptors.by_symbol(std::string(name)));
    case kListServices:
      return append_wire(answer, kServiceList, services_answer(descriptors));
    case kExtension:
    case kExtensionNumbers:
      return append_wire(answer, kError, error_answer({Code::kNotFound, "there are no extensions here"}));
    default:
      return append_wire(answer, kError, error_answer({Code::kInvalidArgument, "the request asks for nothing"}));
  }
}

RpcAnswer reflect(const Descriptors& descriptors, const RpcCall& call) {
  std::string_view host, name;
  std::uint32_t asked = 0;
  WireReader in(call.message);
  while (TRY(in.next())) {
    if (in.field() == kHost) host = TRY(in.bytes());
    if (in.field() < kFileByName || in.field() > kListServices) continue;
    asked = in.field();
    name = TRY(in.bytes());
  }
  std::string answer;
  if (!host.empty()) append_wire(answer, kHost, host);
  append_wire(answer, kOriginalRequest, call.message);
  append_result(descriptors, asked, name, answer);
  return answer;
}

}  // namespace

void add_reflection_methods(net::RpcRouter& router) {
  const auto descriptors = std::make_shared<const Descriptors>(MUST(Descriptors::parse(descriptor_set())));
  for (const auto* service : {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}) {
    router.add(
        service, "ServerReflectionInfo", net::Access::kPublic,
        [descriptors](const RpcCall& call) { return reflect(*descriptors, call); }, net::Lane::kInline,
        net::RpcShape::kExchange);
  }
}

}  // namespace millrace::api::grpc
