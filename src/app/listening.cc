#include "app/listening.h"

#include "api/http/origin.h"

namespace millrace::app {
namespace {

Exposure exposure_of(const Listening& listening, const std::string& address, bool users) {
  return {.address = address,
          .loopback = api::is_loopback(address),
          .users = users,
          .tls = !listening.tls_certificate.empty(),
          .allow_anonymous = listening.allow_anonymous,
          .allow_plaintext = listening.allow_plaintext};
}

std::optional<net::TlsFiles> tls_files(const Listening& listening) {
  if (listening.tls_certificate.empty()) return std::nullopt;
  return net::TlsFiles{.certificate = listening.tls_certificate, .key = listening.tls_key};
}

// Where a process of this machine finds a server that listens there.
std::string reachable(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::" || address == "[::]") return "[::1]";
  return address.contains(':') && !address.starts_with('[') ? fmt::format("[{}]", address) : address;
}

}  // namespace

Result<std::string> check_exposure(const Listening& listening, bool users) {
  const auto exposure = exposure_of(listening, listening.http.address, users);
  TRY(check_exposure(exposure));
  if (listening.grpc) TRY(check_exposure(exposure_of(listening, listening.grpc->address, users)));
  return openness(exposure);
}

api::GuardRules guard_rules(const Listening& listening) {
  auto hosts = listening.allowed_hosts;
  if (!hosts.empty()) hosts.push_back(listening.http.address);
  return {.on_loopback = api::is_loopback(listening.http.address),
          .allowed_hosts = std::move(hosts),
          .public_metrics = listening.public_metrics};
}

Result<std::unique_ptr<net::Server>> listen(const Listening& listening, const Answering& answering) {
  std::optional<net::RpcOptions> rpc;
  if (const auto& grpc = listening.grpc)
    rpc = net::RpcOptions{.router = &answering.rpcs, .address = grpc->address, .port = grpc->port};
  return net::Server::start({.address = listening.http.address,
                             .port = listening.http.port,
                             .io_threads = 2,
                             .pool_threads = 8,
                             .tls = tls_files(listening),
                             .rpc = rpc,
                             .guard = &answering.guard},
                            answering.router);
}

std::string url_of(const Listening& listening, std::uint16_t port) {
  const auto* scheme = listening.tls_certificate.empty() ? "http" : "https";
  return fmt::format("{}://{}:{}", scheme, reachable(listening.http.address), port);
}

std::string grpc_target(const Listening& listening, std::uint16_t port) {
  return listening.grpc ? fmt::format("{}:{}", reachable(listening.grpc->address), port) : "";
}

}  // namespace millrace::app
