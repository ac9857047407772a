#pragma once

#include <string>
#include <string_view>

#include "net/client.h"

namespace millrace::net {

// The head of a request, to the empty line that ends it. `host` is what the Host field says; `bearer` a token that is
// sent where the request brings no Authorization of its own.
std::string format_request_head(const ClientRequest& request, std::string_view host, std::string_view bearer = {});

}  // namespace millrace::net
