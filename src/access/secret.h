#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::access {

// SHA-256, or its HMAC.
using Digest = std::array<std::uint8_t, 32>;

Digest digest_of(std::string_view bytes);
std::string to_hex(const Digest& digest);

// A key that only this process has; what it makes cannot be made elsewhere, or kept for later.
class ProcessKey {
 public:
  ProcessKey();
  // HMAC-SHA-256 of the parts, each with its length.
  Digest mac(std::initializer_list<std::string_view> parts) const;

 private:
  std::string key_;
};

// As long as any other with texts of the same length.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// From the operating system's randomness.
std::string random_bytes(std::size_t count);

// "mrt_" and 256 random bits; what is shown once.
std::string new_token_secret();
// Twenty letters and digits that are not taken for one another: 100 bits or more.
std::string new_password();

}  // namespace millrace::access
