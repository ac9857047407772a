#pragma once

#include "api/http/services.h"
#include "net/request.h"
#include "tracking/retention.h"

namespace millrace::api {

// What ends runs for good; it spares what registered versions need, and so what endpoints serve.
tracking::Housekeeping housekeeping(Services& services);
tracking::Retention retention(Services& services);

// Whether who sent the request may set or remove the tag of an experiment or a folder: kPermissionDenied for a rule of
// retention, which erases for good, unless it is an admin.
Result<void> may_set_tag(const net::Request& request, std::string_view key);

}  // namespace millrace::api
