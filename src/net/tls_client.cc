#include "net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <array>
#include <cerrno>

namespace millrace::net {

namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

bool is_address(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string reason() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

}  // namespace

struct TlsClient::State {
  std::unique_ptr<SSL_CTX, Free> context;
  std::unique_ptr<SSL, Free> ssl;
  std::string host;
  short wanted = POLLIN;

  // What SSL_read and the others answered, as a system call would.
  ssize_t result(int answer) {
    if (answer > 0) return answer;
    const int why = SSL_get_error(ssl.get(), answer);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    const bool again = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (again) wanted = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    errno = again ? EAGAIN : ECONNRESET;
    return -1;
  }
};

TlsClient::TlsClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClient::~TlsClient() = default;
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;

Result<TlsClient> TlsClient::open(int socket, const std::string& host) {
  auto state = std::make_unique<State>();
  state->host = host;
  state->context.reset(SSL_CTX_new(TLS_client_method()));
  if (!state->context) return internal_error("cannot set up TLS: {}", reason());
  SSL_CTX_set_min_proto_version(state->context.get(), TLS1_2_VERSION);
  SSL_CTX_set_default_verify_paths(state->context.get());
  SSL_CTX_set_verify(state->context.get(), SSL_VERIFY_PEER, nullptr);
  state->ssl.reset(SSL_new(state->context.get()));
  SSL* ssl = state->ssl.get();
  if (ssl == nullptr || SSL_set_fd(ssl, socket) != 1) return internal_error("cannot set up TLS: {}", reason());
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set1_host(ssl, host.c_str());
  }
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_connect_state(ssl);
  return TlsClient(std::move(state));
}

Result<bool> TlsClient::handshake() {
  ERR_clear_error();
  const int answer = SSL_do_handshake(state_->ssl.get());
  if (answer == 1) return true;
  if (state_->result(answer) < 0 && errno == EAGAIN) return false;
  const long verdict = SSL_get_verify_result(state_->ssl.get());
  if (verdict != X509_V_OK) {
    return unavailable("the certificate of {} is not to be trusted: {}", state_->host,
                       X509_verify_cert_error_string(verdict));
  }
  return unavailable("no TLS with {}: {}", state_->host, reason());
}

ssize_t TlsClient::write(std::string_view bytes) {
  ERR_clear_error();
  return state_->result(SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size())));
}

ssize_t TlsClient::read(std::span<char> into) {
  ERR_clear_error();
  return state_->result(SSL_read(state_->ssl.get(), into.data(), static_cast<int>(into.size())));
}

short TlsClient::wanted() const { return state_->wanted; }

}  // namespace millrace::net
