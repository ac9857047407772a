#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::net {

// The client's end of TLS 1.2 or newer over a non-blocking socket, which it does not own. The server's certificate must
// be for `host` (a name or an address) and of an authority that the system trusts, or the file in SSL_CERT_FILE.
class TlsClient {
 public:
  static Result<TlsClient> open(int socket, const std::string& host);
  ~TlsClient();
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;

  // True once the handshake is done; false: go on when wanted() has come.
  Result<bool> handshake();
  // As send() and recv(): -1 and errno, where EAGAIN means to go on when wanted() has come.
  ssize_t write(std::string_view bytes);
  ssize_t read(std::span<char> into);
  // POLLIN or POLLOUT.
  short wanted() const;

 private:
  struct State;
  explicit TlsClient(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::net
