#pragma once

#include <openssl/types.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <memory>
#include <span>

#include "base/fd.h"

namespace millrace::net {

// The bytes of one connection: a non-blocking socket, with TLS over it or not. What fails says why in errno, as the
// socket's own calls do; a handshake is made by the first calls and looks like a socket that is not ready.
class Wire {
 public:
  struct FreeSsl {
    void operator()(SSL* ssl) const;
  };
  using Ssl = std::unique_ptr<SSL, FreeSsl>;

  Wire() = default;
  explicit Wire(Fd socket) : socket_(std::move(socket)) {}
  // `ssl` knows whether it connects or accepts.
  Wire(Fd socket, Ssl ssl);
  Wire(Wire&&) noexcept = default;
  Wire& operator=(Wire&&) noexcept = default;
  // As reset().
  ~Wire();

  explicit operator bool() const { return static_cast<bool>(socket_); }
  int get() const { return socket_.get(); }
  // Says good-bye, where TLS has one, and closes.
  void reset();

  // As recv and sendmsg: the number of bytes, 0 at the end of what the peer sends, or -1.
  ssize_t receive(std::span<char> into);
  ssize_t send(std::span<const iovec> parts);
  // Sends no more.
  void end_sending();

  // Nothing has come that was not received, nor has the peer ended.
  bool quiet() const;
  // TLS has bytes that were received, of which no poll tells.
  bool has_pending() const;
  // TLS has to write before it can go on reading.
  bool wants_write() const { return wants_write_; }

  // Null without TLS.
  SSL* ssl() const { return ssl_.get(); }

 private:
  ssize_t settle(int result);

  Fd socket_;
  Ssl ssl_;
  bool wants_write_ = false;
  bool broken_ = false;  // TLS must not be used any more
};

}  // namespace millrace::net
