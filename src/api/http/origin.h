#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::api {

// A host and port as a browser or client names them, in a Host field or an origin.
struct HostName {
  std::string host;  // in lower case; of an IPv6 address without its brackets
  std::optional<std::uint16_t> port;

  bool operator==(const HostName&) const = default;
};

// "localhost:8080", "[::1]", "10.0.0.1". Nothing for what is malformed: user parts, paths, empty hosts, other
// spellings of addresses.
std::optional<HostName> parse_host(std::string_view text);
// "http://localhost:8080", with the scheme's port where none is given. Nothing for "null" and all that is no origin.
std::optional<HostName> parse_origin(std::string_view text);

// localhost, 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104.
bool is_loopback(std::string_view host);

// Which names a server answers to.
struct HostRules {
  bool on_loopback = true;            // it listens there only
  std::span<const std::string> also;  // further names, without ports
};

// A page of another site can make a browser name that site while it talks to us, by changing what its name means. So
// on loopback only names of loopback are answered, and those given; elsewhere any, unless some are given.
bool host_allowed(std::string_view host_field, const HostRules& rules);

// May a page of this origin change something here? One of the same host and port, or of a host that was given.
bool origin_allowed(std::string_view origin_field, std::string_view host_field, const HostRules& rules);

}  // namespace millrace::api
