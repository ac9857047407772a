#include "notify/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace millrace::notify {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

struct Network {
  std::uint32_t base;
  int bits;
};

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

// IANA's registry of special addresses of IPv4.
constexpr Network kSpecial[] = {
    {ip(0, 0, 0, 0), 8},      {ip(10, 0, 0, 0), 8},     {ip(100, 64, 0, 0), 10}, {ip(127, 0, 0, 0), 8},
    {ip(169, 254, 0, 0), 16}, {ip(172, 16, 0, 0), 12},  {ip(192, 0, 0, 0), 24},  {ip(192, 0, 2, 0), 24},
    {ip(192, 88, 99, 0), 24}, {ip(192, 168, 0, 0), 16}, {ip(198, 18, 0, 0), 15}, {ip(198, 51, 100, 0), 24},
    {ip(203, 0, 113, 0), 24}, {ip(224, 0, 0, 0), 4},    {ip(240, 0, 0, 0), 4},
};

bool is_public(std::uint32_t address) {
  return std::ranges::none_of(
      kSpecial, [&](const Network& network) { return (address ^ network.base) >> (32 - network.bits) == 0; });
}

std::uint32_t at(const Bytes& bytes, std::size_t begin) {
  return ip(bytes[begin], bytes[begin + 1], bytes[begin + 2], bytes[begin + 3]);
}

bool begins(const Bytes& bytes, std::initializer_list<std::uint8_t> prefix) {
  return std::ranges::mismatch(prefix, bytes).in1 == prefix.end();
}

// The address of IPv4 within: mapped, by NAT64, or 6to4.
std::optional<std::uint32_t> embedded(const Bytes& bytes) {
  if (begins(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return at(bytes, 12);
  if (begins(bytes, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return at(bytes, 12);
  if (begins(bytes, {0x20, 0x02})) return at(bytes, 2);
  return std::nullopt;
}

// Only 2000::/3 is given out; of it, 2001::/23 and the documentation's networks are special.
bool is_public(const Bytes& bytes) {
  if (const auto inner = embedded(bytes)) return is_public(*inner);
  const bool is_protocol = begins(bytes, {0x20, 0x01}) && bytes[2] < 2;
  const bool is_documentation =
      begins(bytes, {0x20, 0x01, 0x0d, 0xb8}) || (begins(bytes, {0x3f, 0xff}) && bytes[2] < 16);
  return (bytes[0] & 0xe0) == 0x20 && !is_protocol && !is_documentation;
}

}  // namespace

bool is_public_address(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return is_public(ntohl(four.s_addr));
  Bytes six{};
  return ::inet_pton(AF_INET6, text.c_str(), six.data()) == 1 && is_public(six);
}

}  // namespace millrace::notify
