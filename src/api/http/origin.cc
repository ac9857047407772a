#include "api/http/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace millrace::api {
namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// The host and what follows it; the host is checked.
std::optional<std::pair<std::string, std::string_view>> split_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    auto host = lower(text.substr(1, end - 1));
    if (!is_ipv6(host)) return std::nullopt;
    return std::pair(std::move(host), text.substr(end + 1));
  }
  const auto end = std::min(text.find(':'), text.size());
  const auto host = text.substr(0, end);
  if (host.empty() || !std::ranges::all_of(host, is_name_character)) return std::nullopt;
  return std::pair(lower(host), text.substr(end));
}

bool given(std::string_view host, const HostRules& rules) {
  return std::ranges::any_of(rules.also, [&](const std::string& name) { return lower(name) == host; });
}

}  // namespace

std::optional<HostName> parse_host(std::string_view text) {
  auto parts = split_host(text);
  if (!parts) return std::nullopt;
  auto& [host, rest] = *parts;
  if (rest.empty()) return HostName{std::move(host), std::nullopt};
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  return HostName{std::move(host), port};
}

std::optional<HostName> parse_origin(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return std::nullopt;
  auto name = parse_host(text.substr(secure ? 8 : 7));
  if (name && !name->port) name->port = secure ? 443 : 80;
  return name;
}

bool is_loopback(std::string_view text) {
  if (text == "localhost") return true;
  const std::string host(text);
  in_addr v4;
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool host_allowed(std::string_view host_field, const HostRules& rules) {
  const auto name = parse_host(host_field);
  if (!name) return false;
  if (is_loopback(name->host) || given(name->host, rules)) return true;
  return !rules.on_loopback && rules.also.empty();
}

bool origin_allowed(std::string_view origin_field, std::string_view host_field, const HostRules& rules) {
  const auto origin = parse_origin(origin_field);
  auto host = parse_host(host_field);
  if (!origin || !host) return false;
  if (given(origin->host, rules)) return true;
  if (!host->port) host->port = origin_field.starts_with("https://") ? 443 : 80;
  return *origin == *host;
}

}  // namespace millrace::api
