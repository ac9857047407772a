#pragma once

#include "base/result.h"
#include "net/client.h"

namespace millrace::transfer {

// An answer with a good status; or the error that its body tells, in our API's words or in MLflow's. What may pass
// (a server that is overloaded, starts or stops) is kUnavailable.
Result<net::ClientResponse> checked(Result<net::ClientResponse> answer);

}  // namespace millrace::transfer
