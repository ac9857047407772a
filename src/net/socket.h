#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace millrace::net {

// An address of IPv4 or IPv6 with its port.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1:8080", "[::1]:8080".
std::string to_string(const Address& address);
std::string host_and_port(const std::string& host, std::uint16_t port);

// At least one address; kUnavailable where the name is not known.
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);

// A non-blocking listening socket. `option` is what the user chose the address with.
Result<Fd> listen_on(const std::string& host, std::uint16_t port, std::string_view option = "--listen");
std::uint16_t local_port(int socket);

// Begins to connect, without waiting; writable when done, see connect_error.
Result<Fd> start_connecting(const Address& address);
// 0 once connected, else an errno.
int connect_error(int socket);

// Small packets go out at once.
void set_no_delay(int socket);

}  // namespace millrace::net
