#include "net/wire.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace millrace::net {
namespace {

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE where the peer has gone.

int bio_result(BIO* bio, ssize_t result) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_flags(bio, BIO_FLAGS_SHOULD_RETRY | BIO_FLAGS_RWS);
  }
  return static_cast<int>(result);
}

int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

int bio_write(BIO* bio, const char* bytes, int size) {
  return bio_result(bio, ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL));
}

int bio_read(BIO* bio, char* bytes, int size) {
  return bio_result(bio, ::recv(socket_of(bio), bytes, static_cast<std::size_t>(size), 0));
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_method() {
  auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace socket");
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

BIO* bio_of(int socket) {
  static BIO_METHOD* const method = make_method();
  auto* bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

void Wire::FreeSsl::operator()(SSL* ssl) const { SSL_free(ssl); }

Wire::Wire(Fd socket, Ssl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {
  auto* bio = bio_of(socket_.get());
  SSL_set_bio(ssl_.get(), bio, bio);
}

Wire::~Wire() { reset(); }

void Wire::reset() {
  if (socket_ && ssl_ && !broken_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ssl_.reset();
  socket_.reset();
}

// The result of a call to TLS as a socket would have it.
ssize_t Wire::settle(int result) {
  wants_write_ = false;
  if (result > 0) return result;
  const int saved = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      errno = saved == 0 || saved == EAGAIN ? ECONNRESET : saved;
      return -1;
    default:
      broken_ = true;
      errno = EPROTO;
      return -1;
  }
}

ssize_t Wire::receive(std::span<char> into) {
  if (!ssl_) return ::recv(socket_.get(), into.data(), into.size(), 0);
  ERR_clear_error();
  errno = 0;
  return settle(SSL_read(ssl_.get(), into.data(), static_cast<int>(std::min<std::size_t>(into.size(), 1 << 30))));
}

ssize_t Wire::send(std::span<const iovec> parts) {
  if (!ssl_ && parts.size() == 1) return ::send(socket_.get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
  if (!ssl_) {
    const msghdr message{.msg_iov = const_cast<iovec*>(parts.data()), .msg_iovlen = parts.size()};
    return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  }
  for (const auto& part : parts) {
    if (part.iov_len == 0) continue;
    ERR_clear_error();
    errno = 0;
    const auto sent =
        settle(SSL_write(ssl_.get(), part.iov_base, static_cast<int>(std::min<std::size_t>(part.iov_len, 1 << 30))));
    wants_write_ = false;  // who has something to send waits for that already
    return sent;
  }
  return 0;
}

void Wire::end_sending() {
  if (ssl_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(socket_.get(), SHUT_WR);
}

bool Wire::quiet() const {
  char byte = 0;
  if (!ssl_) return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  ERR_clear_error();
  const int result = SSL_peek(ssl_.get(), &byte, 1);
  if (result > 0) return false;
  const int error = SSL_get_error(ssl_.get(), result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

bool Wire::has_pending() const { return ssl_ && SSL_pending(ssl_.get()) > 0; }

}  // namespace millrace::net
