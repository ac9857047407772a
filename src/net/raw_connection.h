#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "net/response_reader.h"
#include "net/socket.h"

namespace millrace::net {

// A socket of a test, to say to a server what no client would say. Every wait ends after ten seconds.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port)
      : socket_(MUST(start_connecting(MUST(resolve("127.0.0.1", port)).front()))) {
    wait(POLLOUT);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      wait(POLLOUT);
      const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

  // Closes at once with a reset, as a client does that crashed.
  void vanish() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.reset();
  }

  // The next response; status 0 where the connection ended before it.
  ClientResponse receive(bool to_head = false) {
    reader_.start(to_head);
    const auto given = std::min(ahead_.size(), reader_.space().size());
    ahead_.copy(reader_.space().data(), given);
    reader_.received(given);
    auto left = ahead_.substr(given);
    while (MUST(reader_.next()) != ResponseReader::Progress::kComplete) {
      const auto bytes = receive_some();
      if (bytes.empty()) return {};
      bytes.copy(reader_.space().data(), bytes.size());
      reader_.received(bytes.size());
    }
    ahead_ = std::string(reader_.rest()) + left;
    return std::move(reader_.response());
  }

  // A few bytes that came; none where the server closed or nothing came for long.
  std::string receive_some() {
    std::string bytes(8 << 10, '\0');
    if (!wait(POLLIN)) return {};
    const auto got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  // Everything until the server closes.
  std::string receive_all() {
    std::string all = std::exchange(ahead_, {});
    for (auto bytes = receive_some(); !bytes.empty(); bytes = receive_some()) all += bytes;
    return all;
  }

  bool is_closed_by_server() { return ahead_.empty() && receive_some().empty(); }

 private:
  bool wait(short events) {
    pollfd wait{socket_.get(), events, 0};
    return ::poll(&wait, 1, 10'000) > 0;
  }

  Fd socket_;
  ResponseReader reader_;
  std::string ahead_;  // received, but of later responses
};

}  // namespace millrace::net
