#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace::access {

// A key that only this process has; what it makes cannot be made elsewhere, or kept for later.
class ProcessKey {
 public:
  ProcessKey();
  // The 32 bytes of HMAC-SHA-256 of the parts, each with its length.
  std::string mac(std::initializer_list<std::string_view> parts) const;

 private:
  std::string key_;
};

// From the operating system's randomness.
std::string random_bytes(std::size_t count);

// "mrt_" and 256 random bits; what is shown once.
std::string new_token_secret();
// Twenty letters and digits that are not taken for one another: 100 bits or more.
std::string new_password();

}  // namespace millrace::access
