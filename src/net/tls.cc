#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <new>
#include <string_view>

#include "base/hash.h"
#include "base/log.h"

namespace millrace::net {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(1);

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

// OpenSSL's last words.
std::string last_error() {
  const auto error = ERR_get_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "no reason is given" : reason;
}

SslContext new_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// What the server speaks for who asks for it; nothing for who asks only for others.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void* spoken) {
  const auto& protocols = *static_cast<const std::string*>(spoken);
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(protocols.data()),
                                          static_cast<unsigned int>(protocols.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Wire::Ssl new_ssl(SSL_CTX* context) {
  Wire::Ssl ssl(SSL_new(context));
  if (!ssl) throw std::bad_alloc();
  return ssl;
}

std::string fingerprint(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(certificate, EVP_sha256(), digest, &size);
  return to_hex({reinterpret_cast<const char*>(digest), size});
}

bool is_address(const std::string& host) {
  in6_addr address;
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

void FreeSslContext::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

TlsServer::TlsServer(TlsFiles files, std::string_view protocol)
    : files_(std::move(files)), protocols_(static_cast<char>(protocol.size()) + std::string(protocol)) {}

Result<std::unique_ptr<TlsServer>> TlsServer::open(TlsFiles files, std::string_view protocol) {
  std::unique_ptr<TlsServer> server(new TlsServer(std::move(files), protocol));
  server->loaded_ = server->stamp();
  server->context_ = TRY(server->load());
  return server;
}

Result<SslContext> TlsServer::load() const {
  auto context = new_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), files_.certificate.c_str()) != 1) {
    return invalid_argument("the certificate {} cannot be used: {}", files_.certificate.string(), last_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return invalid_argument("the key {} cannot be used: {}", files_.key.string(), last_error());
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return invalid_argument("the key {} is not that of the certificate {}", files_.key.string(),
                            files_.certificate.string());
  }
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, const_cast<std::string*>(&protocols_));
  return context;
}

TlsServer::Stamp TlsServer::stamp() const {
  std::error_code ignored;
  return {std::filesystem::last_write_time(files_.certificate, ignored),
          std::filesystem::last_write_time(files_.key, ignored)};
}

// Of two files that change one after the other, the first change alone does not fit; the second is looked at, too.
void TlsServer::reload_if_changed() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < kLookEvery) return;
  looked_ = now;
  const auto present = stamp();
  if (present == loaded_) return;
  loaded_ = present;
  auto fresh = load();
  if (!fresh) return log::warn("the new certificate is not taken", {{"error", fresh.error().message}});
  context_ = std::move(*fresh);
  log::info("a new certificate is taken", {{"file", files_.certificate.string()}});
}

Wire TlsServer::accept(Fd socket) {
  reload_if_changed();
  auto ssl = new_ssl(context_.get());
  SSL_set_accept_state(ssl.get());
  return Wire(std::move(socket), std::move(ssl));
}

Result<TlsClient> TlsClient::open(const TlsTrust& trust) {
  auto context = new_context(TLS_client_method());
  if (!trust.fingerprint.empty()) return TlsClient(std::move(context), trust.fingerprint);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (trust.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_file(context.get(), trust.ca_file.c_str()) != 1) {
    return invalid_argument("the certificates {} cannot be used: {}", trust.ca_file, last_error());
  }
  return TlsClient(std::move(context), "");
}

Wire TlsClient::connect(Fd socket, const std::string& host) const {
  auto ssl = new_ssl(context_.get());
  SSL_set_connect_state(ssl.get());
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    SSL_set1_host(ssl.get(), host.c_str());
  }
  return Wire(std::move(socket), std::move(ssl));
}

Result<short> TlsClient::shake_hands(const Wire& wire) const {
  ERR_clear_error();
  const int result = SSL_do_handshake(wire.ssl());
  const int error = SSL_get_error(wire.ssl(), result);
  if (result != 1 && error == SSL_ERROR_WANT_READ) return POLLIN;
  if (result != 1 && error == SSL_ERROR_WANT_WRITE) return POLLOUT;
  const auto verified = SSL_get_verify_result(wire.ssl());
  if (result != 1 && verified != X509_V_OK) {
    return fail(Code::kUnauthenticated, "the server's certificate is not believed: {}; --ca FILE names others",
                X509_verify_cert_error_string(verified));
  }
  if (result != 1) return fail(Code::kUnauthenticated, "TLS with the server failed: {}", last_error());
  if (fingerprint_.empty()) return 0;
  const Certificate certificate(SSL_get1_peer_certificate(wire.ssl()));
  if (certificate && fingerprint(certificate.get()) == fingerprint_) return 0;
  return fail(Code::kUnauthenticated, "the server has another certificate than it should");
}

Result<std::string> fingerprint_of(const std::filesystem::path& file) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(file.c_str(), "r"), &BIO_free);
  const Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return invalid_argument("the certificate {} cannot be read: {}", file.string(), last_error());
  return fingerprint(certificate.get());
}

}  // namespace millrace::net
