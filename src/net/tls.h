#pragma once

#include <openssl/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/server.h"
#include "net/trust.h"
#include "net/wire.h"

namespace millrace::net {

struct FreeSslContext {
  void operator()(SSL_CTX* context) const;
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSslContext>;

// A server's side of TLS 1.2 and newer. When the files change, new connections get what is in them then; what cannot
// be used is logged, and the old stays. One thread.
class TlsServer {
 public:
  // `protocol` is what it says that it speaks, in ALPN's words. kInvalidArgument names the file that cannot be used.
  static Result<std::unique_ptr<TlsServer>> open(TlsFiles files, std::string_view protocol = "http/1.1");

  Wire accept(Fd socket);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  using Stamp = std::pair<std::filesystem::file_time_type, std::filesystem::file_time_type>;

  TlsServer(TlsFiles files, std::string_view protocol);
  Result<SslContext> load() const;
  void reload_if_changed();
  Stamp stamp() const;

  const TlsFiles files_;
  const std::string protocols_;  // as ALPN sends them: each with its length
  SslContext context_;
  Stamp loaded_;
  Moment looked_;
};

// A client's side.
class TlsClient {
 public:
  static Result<TlsClient> open(const TlsTrust& trust);

  // For a socket that is connected; `host` is the name or address that the certificate must be for.
  Wire connect(Fd socket, const std::string& host) const;
  // One step of the handshake: the poll events to wait for before the next, 0 when it is done. kUnauthenticated where
  // the server's certificate is not believed or is not for its name, and for any other failure.
  Result<short> shake_hands(const Wire& wire) const;

 private:
  TlsClient(SslContext context, std::string fingerprint)
      : context_(std::move(context)), fingerprint_(std::move(fingerprint)) {}

  SslContext context_;
  std::string fingerprint_;
};

}  // namespace millrace::net
