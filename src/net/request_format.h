#pragma once

#include <string>
#include <string_view>

#include "net/client.h"

namespace millrace::net {

// The head of a request, to the empty line that ends it. `host` is what the Host field says.
std::string format_request_head(const ClientRequest& request, std::string_view host);

}  // namespace millrace::net
