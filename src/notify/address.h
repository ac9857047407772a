#pragma once

#include <string_view>

namespace millrace::notify {

// Whether a numeric address ("93.184.216.34", "2606:2800::1") is one of the public internet: not of this machine, of a
// private network, of a provider's inside, of documentation, nor of many at once; and no such address of IPv4 within
// one of IPv6. What is no address is not public.
bool is_public_address(std::string_view address);

}  // namespace millrace::notify
